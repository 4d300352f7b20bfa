// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/shopspring/decimal"
)

// FuzzPage reads any text as the body of a page. It ends in rows or in one of
// the errors for bodies, and takes memory in proportion to the text.
func FuzzPage(f *testing.F) {
	for _, body := range recordedBodies(f) {
		f.Add(body)
	}
	for _, body := range []string{
		``, `[]`, `[{}]`, `{}`, `[null]`, `[[[[`, `[{"a":[[[[[]]]]]}]`, `<html>`, `[{"offering_uuid":"\ud800"}]`, `[]x`, `[{"usage\u005fpercent":"1","offering_uuid":"\"]}"}]`, "[{\"offering_uuid\":\"\xff\"}]",
		`[{"offering_uuid":"","component_type":"","billing_period":"2026-10-01","total_consumed":"1e99999999999"}]`,
		`[{"offering_uuid":"","component_type":"","billing_period":"2026-10-01","total_consumed":"1.00","total_consumed":null}]`,
		`[{"offering_uuid":"","component_type":"","billing_period":"2026-10","total_consumed":-0.10e1}]`,
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
			compareWithEncodingJSON(t, body, rows, columns)
		}
	})
}

// compareWithEncodingJSON makes sure that rows are what the standard library
// reads out of the same text.
func compareWithEncodingJSON(t *testing.T, body []byte, rows []*ComponentUsage, columns []*Column) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var want []map[string]any
	if err := decoder.Decode(&want); err != nil || len(want) != len(rows) {
		t.Fatalf("%d rows, where encoding/json reads %d, %v", len(rows), len(want), err)
	}
	for i, row := range rows {
		for _, column := range columns {
			got, want := column.Value(row), want[i][column.Name]
			switch value := got.(type) {
			case decimal.Decimal:
				digits, err := decimal.NewFromString(fmt.Sprint(want))
				if err != nil || !digits.Equal(value) || value.NumDigits() > maxDecimalDigits {
					t.Fatalf("row %d has %s %v, want %v", i, column.Name, got, want)
				}
				continue
			case int32:
				got = json.Number(strconv.Itoa(int(value)))
			}
			if want == json.Number("-0") {
				want = json.Number("0")
			}
			if got != want {
				t.Fatalf("row %d has %s %#v, want %#v", i, column.Name, got, want)
			}
		}
	}
}

func measureRows(body []byte, columns []*Column) ([]*ComponentUsage, uint64, error) {
	a := &answer{header: http.Header{}, body: body, client: &Client{}}
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
