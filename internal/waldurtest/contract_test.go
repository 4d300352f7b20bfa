// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// recording is testdata/contract/exchanges.json.
type recording struct {
	Today     string
	Token     string
	Exchanges []exchange
}

type exchange struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string
	}
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
}

// recordedExchanges is the number of recordings, so that a lost one is noticed.
const recordedExchanges = 46

// absentHeaders must not be in a response if they are not in its recording.
var absentHeaders = []string{"Link", "X-Result-Count", "WWW-Authenticate", "Location", "Allow"}

// The recordings must hold for any order of equal rows.
func TestContract(t *testing.T) {
	t.Parallel()
	contract := readRecording(t)
	if contract.Token != Token {
		t.Errorf("Token is not the recordings' %q", contract.Token)
	}
	kept, anew := contractServer(t, contract), contractServer(t, contract)
	anew.ShuffleTies(1)
	for _, e := range contract.Exchanges {
		t.Run(e.Name, func(t *testing.T) { replay(t, kept, e) })
		t.Run(e.Name+", equal rows placed anew", func(t *testing.T) { replay(t, anew, e) })
	}
}

func readRecording(t *testing.T) recording {
	t.Helper()
	text, err := recordings.ReadFile("testdata/contract/exchanges.json")
	if err != nil {
		t.Fatal(err)
	}
	var contract recording
	if err := json.Unmarshal(text, &contract); err != nil {
		t.Fatal(err)
	}
	if len(contract.Exchanges) != recordedExchanges {
		t.Fatalf("%d exchanges, want %d", len(contract.Exchanges), recordedExchanges)
	}
	return contract
}

func contractServer(t *testing.T, contract recording) *Server {
	t.Helper()
	today, err := time.Parse(time.DateOnly, contract.Today)
	if err != nil {
		t.Fatal(err)
	}
	server := Start(t, ContractRows())
	server.SetNow(today)
	return server
}

func replay(t *testing.T, server *Server, e exchange) {
	response, body := sendAgain(t, server, e)
	if response.StatusCode != e.Response.Status {
		t.Errorf("status %d, want %d", response.StatusCode, e.Response.Status)
	}
	compareHeaders(t, response.Header, e.Response.Headers)
	if e.Response.Body[0] == '[' {
		compareRows(t, e, decodeArray(t, body), decodeArray(t, e.Response.Body))
		return
	}
	if string(e.Response.Body) == "null" {
		e.Response.Body = nil // recorded without a body
	}
	if got, want := canonical(t, body), canonical(t, e.Response.Body); got != want {
		t.Errorf("body\n%s\nwant\n%s", got, want)
	}
}

func sendAgain(t *testing.T, server *Server, e exchange) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), e.Request.Method, server.URL+e.Request.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "waldur.test"
	for name, value := range e.Request.Headers {
		request.Header.Set(name, value)
	}
	return do(t, server, request)
}

func compareHeaders(t *testing.T, got http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s: %s\nwant: %s", name, got.Get(name), value)
		}
	}
	for _, name := range absentHeaders {
		if _, recorded := want[name]; !recorded && got.Get(name) != "" {
			t.Errorf("%s: %s, not in the recording", name, got.Get(name))
		}
	}
}

// compareRows accepts rows that sort equally in any order.
func compareRows(t *testing.T, e exchange, got, want []json.RawMessage) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	order := recordedOrder(t, e.Request.Path)
	for start := 0; start < len(want); {
		key, end := sortKey(t, order, want[start]), start+1
		for end < len(want) && key != "" && sortKey(t, order, want[end]) == key {
			end++
		}
		if end-start > 1 {
			refuseCutGroup(t, e, start == 0, end == len(want))
		}
		compareGroup(t, start, canonicalRows(t, got[start:end]), canonicalRows(t, want[start:end]))
		start = end
	}
}

// refuseCutGroup fails if a recorded page may contain only a part of a group of equal
// rows. Such a page cannot be compared, and no recording has one.
func refuseCutGroup(t *testing.T, e exchange, atStart, atEnd bool) {
	t.Helper()
	link := e.Response.Headers["Link"]
	if atStart && strings.Contains(link, `rel="prev"`) || atEnd && strings.Contains(link, `rel="next"`) {
		t.Fatal("the page cuts a group of equal rows")
	}
}

func compareGroup(t *testing.T, position int, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("from row %d:\n%s\nwant\n%s", position, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// recordedOrder parses the order itself: the server's code is under test.
func recordedOrder(t *testing.T, path string) []string {
	t.Helper()
	address, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	switch o := address.Query().Get("o"); o {
	case "", "offering_name":
		return []string{"billing_period", "offering_name", "component_name"}
	default:
		return strings.Split(strings.ReplaceAll(o, "-", ""), ",")
	}
}

// sortKey returns the same text for rows that sort equally, and "" for a row without
// the columns of the order.
func sortKey(t *testing.T, order []string, row json.RawMessage) string {
	t.Helper()
	var values map[string]any
	if err := json.Unmarshal(row, &values); err != nil {
		t.Fatal(err)
	}
	key := ""
	for _, column := range order {
		value, there := values[column]
		if !there {
			return ""
		}
		key += fmt.Sprintf("%q ", value)
	}
	return key
}

func canonicalRows(t *testing.T, rows []json.RawMessage) []string {
	t.Helper()
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = canonical(t, row)
	}
	return texts
}

// canonical removes the differences between notations of the same JSON: spaces and
// escapes. The order of fields is part of the recording, so it is kept.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var out strings.Builder
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if s, ok := token.(string); ok {
			fmt.Fprintf(&out, "%q ", s)
			continue
		}
		fmt.Fprintf(&out, "%v ", token)
	}
}

func decodeArray(t *testing.T, text []byte) []json.RawMessage {
	t.Helper()
	var rows []json.RawMessage
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return rows
}
