// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
)

// servedURL serves at an address, and returns the URL that the demo prints.
func servedURL(t *testing.T, address string) string {
	t.Helper()
	output := &screen{}
	ctx, stop := context.WithCancel(t.Context())
	d := &demo{stdout: &trigger{Writer: output, text: "export", pull: stop}, stderr: output}
	if err := d.serve(ctx, address); err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(output.String(), "export "+urlVariable+"=")
	url, _, _ := strings.Cut(after, "\n")
	return url
}

func TestServedURLHoldsOverRestarts(t *testing.T) {
	t.Parallel()
	var urls []string
	for range 5 { // another program may take the port between two restarts
		other, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := other.Addr().String()
		if url := servedURL(t, address); url == "http://"+address || !strings.HasPrefix(url, "http://127.0.0.1:") {
			t.Errorf("while another program listens at %s: serves at %s, want a free port", address, url)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		urls = []string{"http://" + address, servedURL(t, address), servedURL(t, address)}
		if len(slices.Compact(slices.Clone(urls))) == 1 {
			return
		}
	}
	t.Errorf("serves at %s, want the same address each time", urls)
}
