package waldur

import (
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"terraform-provider-waldur/internal/waldurtest"
)

// TestPassesHaveOtherPages, whatever the size of the first: a server may place equal rows in the
// same way in equal requests, so that these always leave out the same rows.
func TestPassesHaveOtherPages(t *testing.T) {
	t.Parallel()
	type pages struct{ size, order int }
	for first := 1; first <= MaxPageSize; first++ {
		passes, want, shrunk := map[pages]int{}, first, first/MaxPageSize
		for pass := range 32 {
			size := pageSize(first, pass)
			if shift := want - size; shift != 0 && (shift != 1 || want != first) { // the first size is not used again
				t.Fatalf("first size %d: pass %d has %d, want %d", first, pass, size, want)
			}
			p := pages{size, pass % len(serverOrders)}
			if same, ok := passes[p]; ok {
				t.Fatalf("first size %d: passes %d and %d have %d", first, same, pass, size)
			}
			passes[p] = pass
			if want = 2*want + 1; shrunk > 0 || want >= MaxPageSize {
				want = MaxPageSize - shrunk%11*18
				shrunk++
			}
		}
	}
}

// TestResponsesOfAListAreBounded, except those without new rows. It changes the limit, so it does
// not run in parallel.
func TestResponsesOfAListAreBounded(t *testing.T) {
	limit := maxListBytes
	defer func() { maxListBytes = limit }()
	rows := waldurtest.ContractRows()
	for i := range rows {
		rows[i].OfferingName = strings.Repeat("long", 15<<10) // 60 KiB
	}
	server := waldurtest.Start(t, rows)
	u, err := ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	query := Query{Start: NewMonth(1900, 1), PageSize: 10, Consistent: true} // whose second reading drops the rows of the first
	for _, test := range []struct {
		limit int
		count string
		cause Cause
		want  string
	}{
		{3 << 20, "35", "", ""},
		{3 << 20, "36", RowsMissing, "received 35 rows; the server counts 36 (passes: 8,"},
		{1 << 20, "35", TooManyRows, "the server counts 35 rows, but at most 1 MiB of responses are read"},
	} {
		maxListBytes = test.limit
		server.SetFaults(waldurtest.SetHeader("X-Result-Count", test.count))
		_, _, err = (&Client{URL: u, Token: waldurtest.Token}).ListComponentUsageMonthly(t.Context(), query)
		if CauseOf(err) != test.cause || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d bytes: got %v", test.limit, err)
		}
	}
}

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
