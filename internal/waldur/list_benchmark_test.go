// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldurtest"
)

// BenchmarkList reads 40 pages from a server that takes 20 ms for each: ours,
// several pages at a time, and one page after the other.
func BenchmarkList(b *testing.B) {
	const pages = 40
	server := waldurtest.Start(b, tiedRows(pages*300))
	server.Misbehave(waldurtest.Delay(20 * time.Millisecond))
	b.Run("way=ours", func(b *testing.B) {
		c := client(b, server)
		for b.Loop() {
			if rows, err := c.ListComponentUsageMonthly(b.Context(), allMonths); err != nil || len(rows) != pages*300 {
				b.Fatal(len(rows), err)
			}
		}
	})
	b.Run("way=sequential", func(b *testing.B) {
		for b.Loop() {
			for page := range pages {
				fetchPage(b, server, page+1)
			}
		}
	})
}

func fetchPage(b *testing.B, server *waldurtest.Server, page int) {
	b.Helper()
	address := fmt.Sprintf("%s%s?start=1900-01&page_size=300&page=%d", server.URL, waldurtest.Path, page)
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+waldurtest.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var rows []waldurtest.Row
	if err := json.NewDecoder(resp.Body).Decode(&rows); err != nil || len(rows) != 300 {
		b.Fatal(len(rows), err)
	}
}
