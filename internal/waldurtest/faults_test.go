// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// november returns a server whose current month has ten of the contract rows.
func november(t *testing.T) *Server {
	t.Helper()
	server := Start(t, ContractRows())
	server.SetNow(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	return server
}

// statuses sends the queries one after the other.
func statuses(t *testing.T, server *Server, queries ...string) []int {
	t.Helper()
	var got []int
	for _, query := range queries {
		response, _ := get(t, server, query)
		got = append(got, response.StatusCode)
	}
	return got
}

func TestFaults(t *testing.T) {
	t.Parallel()
	retry := http.Header{"Retry-After": {"7"}}
	for name, test := range map[string]struct {
		fault        Fault
		status       int
		header, want string
		body         string // substring
	}{
		"Status":             {Status(503, retry, "busy"), 503, "Retry-After", "7", "busy"},
		"Status, JSON":       {Status(429, nil, `{"detail":"slow"}`), 429, "Content-Type", contentJSON, "slow"},
		"Status, own type":   {Status(500, http.Header{"Content-Type": {"text/x"}}, `{}`), 500, "Content-Type", "text/x", "{}"},
		"HTML":               {HTML(200), 200, "Content-Type", contentHTML, "<title>Waldur"},
		"Body":               {Body(contentJSON, `{"a":1}`), 200, "Content-Type", contentJSON, `{"a":1}`},
		"Redirect":           {Redirect(302, "http://elsewhere.test/"), 302, "Location", "http://elsewhere.test/", ""},
		"SetHeader":          {SetHeader("x-result-count", "11"), 200, "X-Result-Count", "11", "Archive"},
		"DropHeader":         {DropHeader("x-result-count"), 200, "X-Result-Count", "", "Archive"},
		"DropHeader, type":   {DropHeader("Content-Type"), 200, "Content-Type", "", "Archive"},
		"Delay":              {Delay(time.Millisecond), 200, "X-Result-Count", "10", "Archive"},
		"EditRows, no array": {edited(Body(contentJSON, `{"a":1}`)), 200, "Content-Type", contentJSON, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := november(t)
			server.SetFaults(test.fault)
			response, body := get(t, server, "")
			if response.StatusCode != test.status || response.Header.Get(test.header) != test.want {
				t.Errorf("%s %s: %s", response.Status, test.header, response.Header.Get(test.header))
			}
			if !strings.Contains(string(body), test.body) {
				t.Errorf("%s", body)
			}
			server.SetFaults()
			if response, _ := get(t, server, ""); response.StatusCode != 200 || response.Header.Get("X-Result-Count") != "10" {
				t.Errorf("still misbehaves: %s", response.Status)
			}
		})
	}
}

// edited removes all rows from the response of the inner fault.
func edited(inner Fault) Fault {
	outer := EditRows(func([]map[string]any) []map[string]any { return nil })
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		return outer(n, r, inner(n, r, next))
	}
}

func TestEditRows(t *testing.T) {
	t.Parallel()
	server := november(t)
	server.SetFaults(EditRows(func(rows []map[string]any) []map[string]any {
		if rows[0]["limit_amount"] != json.Number("2147483647") {
			t.Errorf("limit_amount %v", rows[0]["limit_amount"])
		}
		rows[0]["limit_amount"] = "much"
		return append(rows, rows[0])
	}))
	_, body := get(t, server, "")
	if rows := decodeArray(t, body); len(rows) != 11 || !strings.Contains(string(rows[10]), `"limit_amount":"much"`) {
		t.Errorf("%s", body)
	}
	server.SetFaults(EditRows(func([]map[string]any) []map[string]any { return nil }))
	if _, body := get(t, server, ""); string(body) != "[]" {
		t.Errorf("%s", body)
	}
}

func TestFaultsCompose(t *testing.T) {
	t.Parallel()
	server := november(t)
	server.SetFaults(SetHeader("X-Outer", "yes"), First(1, Status(503, nil, "")), SetHeader("X-Inner", "yes"))
	response, _ := get(t, server, "")
	if response.StatusCode != 503 || response.Header.Get("X-Outer") != "yes" || response.Header.Get("X-Inner") != "" {
		t.Errorf("%s %v", response.Status, response.Header)
	}
	response, _ = get(t, server, "")
	if response.StatusCode != 200 || response.Header.Get("X-Outer") != "yes" || response.Header.Get("X-Inner") != "yes" {
		t.Errorf("%s %v", response.Status, response.Header)
	}
}

func TestFirst(t *testing.T) {
	t.Parallel()
	server := november(t)
	get(t, server, "") // before SetFaults: does not count
	server.SetFaults(First(2, Status(503, nil, "")))
	if got := statuses(t, server, "", "", "", ""); !slices.Equal(got, []int{503, 503, 200, 200}) {
		t.Error(got)
	}
}

func TestOnPageCountsTheRequestsForThatPage(t *testing.T) {
	t.Parallel()
	server := november(t)
	queries := []string{"?page_size=1", "?page_size=1&page=2", "?page_size=1&page=1", "?page_size=1&page=2", "?page_size=1&page=2"}
	server.SetFaults(OnPage(2, First(2, Status(503, nil, ""))))
	if got := statuses(t, server, queries...); !slices.Equal(got, []int{200, 503, 200, 503, 200}) {
		t.Errorf("page 2: %v", got)
	}
	server.SetFaults(OnPage(1, Status(503, nil, "")))
	if got := statuses(t, server, queries...); !slices.Equal(got, []int{503, 200, 503, 200, 200}) {
		t.Errorf("page 1: %v", got)
	}
}

func TestOnMatchesByNumberAndRequest(t *testing.T) {
	t.Parallel()
	server := november(t)
	server.SetFaults(On(func(n int, r *http.Request) bool { return n == 1 && r.Method == http.MethodGet }, HTML(502)))
	if got := statuses(t, server, "", "", ""); !slices.Equal(got, []int{200, 502, 200}) {
		t.Error(got)
	}
}

func TestCutBody(t *testing.T) {
	t.Parallel()
	server := november(t)
	_, whole := get(t, server, "")
	server.SetFaults(CutBody())
	response, err := server.http.Client().Do(newRequest(t, server, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	half, err := io.ReadAll(response.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read: %v", err)
	}
	if response.ContentLength != int64(len(whole)) || string(half) != string(whole[:len(whole)/2]) {
		t.Errorf("%d of %d bytes came", len(half), response.ContentLength)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	server := november(t)
	_, plain := get(t, server, "")
	server.SetFaults(Gzip())
	response, unpacked := get(t, server, "")
	if !response.Uncompressed || string(unpacked) != string(plain) {
		t.Errorf("compressed %t: %s", response.Uncompressed, unpacked)
	}
	request := newRequest(t, server, "")
	request.Header.Set("Accept-Encoding", "identity")
	if response, body := do(t, server, request); response.Header.Get("Content-Encoding") != "" || string(body) != string(plain) {
		t.Errorf("compressed for a client that does not accept it")
	}
}

func TestHangUp(t *testing.T) {
	t.Parallel()
	server := november(t)
	server.SetFaults(HangUp())
	if response, err := server.http.Client().Do(newRequest(t, server, "")); err == nil {
		response.Body.Close()
		t.Error(response.Status)
	}
}

func TestHangAndDelayEndWithTheClient(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]Fault{"Hang": Hang(), "Delay": Delay(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := november(t)
			server.SetFaults(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			response, err := server.http.Client().Do(newRequest(t, server, "").WithContext(ctx))
			if err == nil {
				response.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCloseDoesNotWaitForFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]Fault{
		"Hang": Hang(), "Delay": Delay(time.Hour), "in SetHeader": SetHeader("A", "b"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := november(t)
			server.SetFaults(fault, Hang())
			failed := make(chan error, 1)
			request := newRequest(t, server, "")
			go func() { failed <- fetchBody(server.http.Client(), request) }()
			for len(server.Requests()) == 0 {
				time.Sleep(time.Millisecond)
			}
			start := time.Now()
			server.Close()
			if took := time.Since(start); took > time.Minute {
				t.Errorf("Close took %v", took)
			}
			if err := <-failed; err == nil {
				t.Error("the request got a response")
			}
		})
	}
}

func fetchBody(client *http.Client, request *http.Request) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}

// Faults may change the rows between two pages of one read.
func TestFaultMayUpdateRows(t *testing.T) {
	t.Parallel()
	server := november(t)
	server.SetFaults(OnPage(2, func(_ int, _ *http.Request, next http.Handler) http.Handler {
		server.Update(func(rows []Row) []Row { return rows[:len(rows)-3] })
		return next
	}))
	for page, want := range []string{"10", "8"} {
		response, _ := get(t, server, fmt.Sprintf("?page_size=4&page=%d", page+1))
		if got := response.Header.Get("X-Result-Count"); got != want {
			t.Errorf("page %d: %s rows, want %s", page+1, got, want)
		}
	}
}
