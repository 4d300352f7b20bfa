package waldur

import (
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"testing"

	"terraform-provider-waldur/internal/waldurtest"
)

// FuzzPage decodes any text as the body of a page. The result is rows with all required columns or
// one of the errors of bodies, and takes memory in proportion to the text.
func FuzzPage(f *testing.F) {
	rows, err := json.Marshal(waldurtest.ContractRows()[:2])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rows)
	for _, body := range []string{
		``, `[]`, `[{}]`, `{}`, `[null]`, `[[[[`, `[{"a":[[[[[]]]]]}]`, `<html>`, `[{"offering_uuid":"\ud800"}]`, `[]x`, `[{}`, `[{}]]`,
		`[{"usage\u005fpercent":"1","offering_uuid":"\"]}"}]`, "[{\"offering_uuid\":\"\xff\"}]",
		`[{"offering_uuid":"","component_type":"","billing_period":"2026-10-01","total_consumed":"1e99999999999"}]`,
		`[{"offering_uuid":"","component_type":"","billing_period":"2026-10","total_consumed":-0.10e1}]`,
		`[{"limit_amount":2147483648}]`, `[{"limit_amount":"1"}]`, `[{"billing_period":1}]`, `[{"billing_period":""}]`,
	} {
		f.Add([]byte(body))
	}
	few := columnsByName("offering_uuid", "component_type", "billing_period", "total_consumed")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, columns := range [][]*Column{Columns, few} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rows, failed := decodeRows(&Response{Header: http.Header{}, Body: body, redactor: newRedactor("", nil, nil)}, columns)
			runtime.ReadMemStats(&after)
			if allocated, most := after.TotalAlloc-before.TotalAlloc, 1<<20+50*uint64(len(body)); allocated > most {
				t.Fatalf("%d bytes of memory for %d bytes of text", allocated, len(body))
			}
			if failed != nil && (!slices.Contains([]Cause{BadRow, NotRows, HTMLPage}, failed.Cause) || len(failed.Text) > 1000) {
				t.Fatalf("an unexpected error: %v", failed)
			}
			for _, row := range rows {
				for _, column := range columns {
					if column.IsNull(row) && !column.Nullable {
						t.Fatalf("a row without %s", column.Name)
					}
				}
			}
		}
	})
}
