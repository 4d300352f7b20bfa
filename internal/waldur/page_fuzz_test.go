// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// FuzzPage reads any text as the body of a page. It ends in rows or in one of
// the errors for bodies, and takes memory in proportion to the text.
func FuzzPage(f *testing.F) {
	for _, body := range recordedBodies(f) {
		f.Add(body)
	}
	for _, body := range []string{
		``, `[]`, `[{}]`, `{}`, `[null]`, `[[[[`, `[{"a":[[[[[]]]]]}]`, `<html>`, `[{"offering_uuid":"\ud800"}]`, `[]x`, "[{\"offering_uuid\":\"\xff\"}]",
		`[{"offering_uuid":"","component_type":"","billing_period":"2026-10-01","total_consumed":"1e99999999999"}]`,
	} {
		f.Add([]byte(body))
	}
	few := []*Column{mustColumn("offering_uuid"), mustColumn("component_type"), mustColumn("billing_period"), mustColumn("total_consumed")}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, columns := range [][]*Column{Columns, few} {
			rows, allocated, err := measureRows(body, columns)
			if most := 1<<20 + 30*uint64(len(body)); allocated > most {
				t.Fatalf("%d bytes of memory for %d bytes of text", allocated, len(body))
			}
			if err != nil {
				checkBodyError(t, err)
				continue
			}
			if !json.Valid(body) {
				t.Fatal("rows out of what is not JSON")
			}
			for _, row := range rows {
				if row.BillingPeriod.IsZero() || len(row.TotalConsumed.Coefficient().Text(10)) > maxDecimalDigits+1 {
					t.Fatalf("a row beyond bounds: %+v", row)
				}
			}
		}
	})
}

func measureRows(body []byte, columns []*Column) ([]*ComponentUsage, uint64, error) {
	a := &answer{header: http.Header{}, body: body, redact: Token("").redact}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rows, err := a.rows(columns)
	runtime.ReadMemStats(&after)
	return rows, after.TotalAlloc - before.TotalAlloc, err
}

func checkBodyError(t *testing.T, err error) {
	t.Helper()
	var (
		row  *RowError
		body *BodyError
		html *HTMLError
	)
	if !errors.As(err, &row) && !errors.As(err, &body) && !errors.As(err, &html) {
		t.Fatalf("an error of another type: %v", err)
	}
	if len(err.Error()) > 1000 {
		t.Fatalf("an error of %d bytes", len(err.Error()))
	}
}

// recordedBodies are the bodies of the answers that the in-memory Waldur is held to.
func recordedBodies(tb testing.TB) (bodies [][]byte) {
	text, err := os.ReadFile(filepath.Join("..", "waldurtest", "testdata", "contract", "exchanges.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var recorded struct {
		Exchanges []struct {
			Response struct{ Body json.RawMessage }
		}
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		tb.Fatal(err)
	}
	for _, exchange := range recorded.Exchanges {
		if len(exchange.Response.Body) < 4000 { // larger ones have nothing more to them, and mutate slowly
			bodies = append(bodies, exchange.Response.Body)
		}
	}
	return bodies
}
