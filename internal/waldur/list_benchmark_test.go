// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
	"fmt"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldurtest"
)

// BenchmarkList reads 40 pages from a server that takes 20 ms for each: several
// pages at a time, as the client does, and one page after the other.
func BenchmarkList(b *testing.B) {
	const pages = 40
	server := waldurtest.Start(b, tiedRows(pages*300))
	server.SetFaults(waldurtest.Delay(20 * time.Millisecond))
	b.Run("way=ours", func(b *testing.B) {
		c := client(b, server)
		for b.Loop() {
			if rows, _, err := c.ListComponentUsageMonthly(b.Context(), allMonths); err != nil || len(rows) != pages*300 {
				b.Fatal(len(rows), err)
			}
		}
	})
	b.Run("way=sequential", func(b *testing.B) {
		for b.Loop() {
			for page := range pages {
				if rows, _ := waldurtest.FetchPage[waldurtest.Row](b, server, fmt.Sprintf("start=1900-01&page_size=300&page=%d", page+1)); len(rows) != 300 {
					b.Fatal(len(rows))
				}
			}
		}
	})
}
