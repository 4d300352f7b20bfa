package waldur_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// TestResponses with status 200 that are no page of a list end the read at once.
func TestResponses(t *testing.T) {
	t.Parallel()
	const contentJSON = "application/json"
	body := waldurtest.Body
	for name, test := range map[string]struct {
		fault waldurtest.Fault
		cause waldur.Cause
		want  string // the end of the error
	}{
		"null":                 {body(contentJSON, "null"), waldur.NotRows, `is not a JSON array of rows; it begins with "null"`},
		"no gzip":              {waldurtest.SetHeader("Content-Encoding", "gzip"), waldur.BadEncoding, `the response has the Content-Encoding "gzip", but is not compressed in that way`},
		"gzip that is cut":     {damagedGzip(func(body []byte) []byte { return append(body[:10], 7) }), waldur.BadEncoding, `the response has the Content-Encoding "gzip", but is not compressed in that way`},
		"x-gzip":               {waldurtest.SetHeader("Content-Encoding", "x-gzip"), waldur.BadEncoding, `the response has the Content-Encoding "x-gzip", which was not requested`},
		"br":                   {waldurtest.SetHeader("Content-Encoding", "br"), waldur.BadEncoding, `the response has the Content-Encoding "br", which was not requested`},
		"a page":               {waldurtest.HTML(200), waldur.HTMLPage, `an HTML page, "Waldur", instead of JSON`},
		"an undeclared page":   {body("", "\n<html></html>"), waldur.HTMLPage, "an HTML page instead of JSON"},
		"a text that is HTML":  {body("text/html", "Log in."), waldur.HTMLPage, "an HTML page instead of JSON"},
		"an object":            {body(contentJSON, `{"results":[]}`), waldur.NotRows, `is not a JSON array of rows; it begins with "{\"results\":[]}"`},
		"an object, as HTML":   {body("text/html", `{"results":[]}`), waldur.NotRows, `is not a JSON array of rows; it begins with "{\"results\":[]}"`},
		"a text":               {body("text/plain", "it works"), waldur.NotRows, `it begins with "it works"`},
		"nothing":              {body(contentJSON, ""), waldur.NotRows, "the response is not valid JSON (unexpected EOF)"},
		"half an array":        {body(contentJSON, `[{"offering_uuid":"`), waldur.NotRows, `is not valid JSON (unexpected EOF); it begins with "[{\"offering_uuid\":\""`},
		"half, in chunks":      {waldurtest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[{\r\n0\r\n\r\n"), waldur.NotRows, `is not valid JSON (unexpected EOF); it begins with "[{"`},
		"half, in gzip":        {gzipped(body(contentJSON, `[{`)), waldur.NotRows, `is not valid JSON (unexpected EOF); it begins with "[{"`},
		"half, to the end":     {waldurtest.Raw("HTTP/1.1 200 OK\r\n\r\n[{"), waldur.NotRows, `is not valid JSON (unexpected EOF); it begins with "[{"`},
		"an open array":        {body(contentJSON, `[`), waldur.NotRows, `is not valid JSON (unexpected EOF); it begins with "["`},
		"an array and more":    {body(contentJSON, `[] []`), waldur.NotRows, `is not valid JSON (invalid character '[' after top-level value); it begins with "[] []"`},
		"an array and no JSON": {body(contentJSON, `[]]`), waldur.NotRows, `; it begins with "[]]"`},
		"two commas":           {body(contentJSON, `[{},,{}]`), waldur.NotRows, `is not valid JSON (invalid character ',' at start of value); it begins with "[{},,{}]"`},
		"no UTF-8":             {body(contentJSON, "[{\"a\":\"\xff\"}]"), waldur.NotRows, `is not valid JSON (invalid UTF-8); it begins with "[{\"a\":\"�\"}]"`},
		"a key twice":          {body(contentJSON, `[{"offering_uuid":"1","offering_uuid":"2"}]`), waldur.BadRow, "row 1: offering_uuid comes twice"},
		"an escaped key twice": {body(contentJSON, `[{"usage_percent":"1","usage\u005fpercent":"2"}]`), waldur.BadRow, "row 1: usage_percent comes twice"},
		"a key in capitals":    {body(contentJSON, `[{"OFFERING_UUID":"1"}]`), waldur.BadRow, "row 1: offering_uuid is missing or null"},
		"numbers for rows":     {body(contentJSON, `[1]`), waldur.BadRow, "row 1: must be a JSON object; got 1"},
		"null for a row":       {body(contentJSON, `[null]`), waldur.BadRow, "row 1: offering_uuid is missing or null"},
		"8 MiB, and no count":  {body(contentJSON, "["+strings.Repeat(" ", 8<<20-2)+"]"), waldur.NoCount, "no X-Result-Count header"},
		"more than 8 MiB":      {body(contentJSON, "["+strings.Repeat(" ", 8<<20)+"]"), waldur.ResponseTooLarge, "the response is larger than 8 MiB"},
		"a count of 300 digits": {waldurtest.SetHeader("X-Result-Count", strings.Repeat("9", 300)), waldur.TooManyRows,
			"counts " + strings.Repeat("9", 200) + "… rows, but at most 1000000 rows are read"},
	} {
		server, c := serve(t, waldurtest.ContractRows(), test.fault)
		c.MaxRetries = 3
		_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		if waldur.CauseOf(err) != test.cause || !strings.HasSuffix(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "GET "+server.URL+waldurtest.Path+"?page_size=300&start=1900-01: ") {
			t.Errorf("%s: got %s, %v", name, waldur.CauseOf(err), err)
		}
		if n := len(server.Requests()); n != 1 {
			t.Errorf("%s: %d requests, but a retry cannot help", name, n)
		}
	}
}

// TestUnusualResponses are read.
func TestUnusualResponses(t *testing.T) {
	t.Parallel()
	const row = `[{"offering_uuid":"a","offering_name":"","offering_type":"","category_uuid":"","category_title":"","component_type":"","component_name":"\u00fc",` +
		`"measured_unit":"","billing_type":"","billing_period":"2026-10-01","total_consumed":999999999999999999.99,"total_allocated":1e2,"limit_amount":-1,"limit_period":null,"usage_percent":null}]`
	count, body := waldurtest.SetHeader("X-Result-Count", "1"), waldurtest.Body("application/json", row)
	for name, faults := range map[string][]waldurtest.Fault{
		"numbers as JSON numbers":    {count, body},
		"with the label of HTML":     {count, waldurtest.Body("text/html", "\ufeff\n"+row)},
		"with the encoding identity": {count, waldurtest.SetHeader("Content-Encoding", "identity"), body},
		"of HTTP/1.0":                {waldurtest.Raw("HTTP/1.0 200 OK\r\nX-Result-Count: 1\r\n\r\n" + row)},
		"to the end of a connection": {waldurtest.Raw("HTTP/1.1 200 OK\r\nConnection: close\r\nX-Result-Count: 1\r\n\r\n" + row)},
	} {
		_, c := serve(t, nil, faults...)
		got, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{})
		if err != nil || len(got) != 1 {
			t.Errorf("%s: got %d rows, %v", name, len(got), err)
			continue
		}
		if row := got[0]; row.TotalConsumed.String() != "999999999999999999.99" || row.TotalAllocated.String() != "100" ||
			*row.LimitAmount != -1 || *row.ComponentName != "ü" || row.UsagePercent != nil || row.ServiceProviderName != nil {
			t.Errorf("%s: got %+v", name, row)
		}
	}
}

func TestRowsOfWrongTypesAreNamed(t *testing.T) {
	t.Parallel()
	const missing = "missing"
	for field, values := range map[string]map[string]any{
		"offering_uuid":   {"is missing or null": missing, "must be a string; got 7": 7, "is missing or nul": nil},
		"offering_name":   {"must be a string; got []": []any{}, "is missing or null": nil},
		"limit_amount":    {"must be a whole number of 32 bits; got 2147483648": int64(1 << 31), `got "5"`: "5", "got 1.5": 1.5},
		"limit_period":    {"must be a string; got true": true},
		"billing_period":  {`got "2026-10-15"`: "2026-10-15", `must be the first day of a month such as "2026-10-01"; got "2026-10"`: "2026-10", "got 202610": 202610, "is missing": missing},
		"total_consumed":  {`must be a decimal of at most 40 digits with an exponent within ±40; got "much"`: "much", "got true": true, "of at most 40 digits": strings.Repeat("1", 41), `got "1e999999999"`: "1e999999999", "is missing or null": nil},
		"total_allocated": {"is missing": missing, "got {}": map[string]any{}},
		"offering_type":   {"is missing": missing},
		"usage_percent":   {`must be a decimal`: "", "an exponent within": "1e-41"},
	} {
		for want, value := range values {
			server := waldurtest.Start(t, tiedRows(3))
			server.SetFaults(waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
				if rows[1][field] = value; value == missing {
					delete(rows[1], field)
				}
				return rows
			}))
			_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
			if failed, ok := errors.AsType[*waldur.Error](err); !ok || failed.Cause != waldur.BadRow || failed.Column != field || !strings.Contains(err.Error(), ": row 2: "+field+" ") || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error at row 2, %s: %s", err, field, want)
			}
		}
	}
}

// TestNamesAreInOneForm: Unicode has several for some names, and Terraform shows only NFC.
func TestNamesAreInOneForm(t *testing.T) {
	t.Parallel()
	const one, other = "\u00e9cole", "e\u0301cole" // NFC and NFD, which comes before z
	annual := "annual"
	var rows []waldurtest.Row
	for i, name := range []string{"zeta", other, one} {
		row := testRow(i, 0, "2026-06-01")
		row.OfferingName, row.ComponentType, row.LimitPeriod, row.TotalConsumed = name, one, &annual, "1"
		earlier := row
		earlier.ComponentType, earlier.BillingPeriod = other, "2026-05-01"
		rows = append(rows, row, earlier)
	}
	c := client(t, waldurtest.Start(t, rows))
	query := waldur.Query{BillingPeriod: waldur.NewMonth(2026, 6), WholeLimitPeriods: true}
	for groupBy, want := range map[string]string{"": "zeta 2, école 2, école 2", "offering_name": "zeta 2, école 4"} {
		query.GroupBy = nil
		if groupBy != "" {
			query.GroupBy = columns([]string{groupBy})
		}
		got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, row := range got {
			texts = append(texts, *row.OfferingName+" "+row.TotalConsumed.String())
		}
		if got := strings.Join(texts, ", "); got != want {
			t.Errorf("by %s: got %s, want %s", groupBy, got, want)
		}
	}
}

// gzipped compresses the responses of a fault.
func gzipped(fault waldurtest.Fault) waldurtest.Fault {
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		return waldurtest.Gzip()(n, r, fault(n, r, next))
	}
}

// damagedGzip compresses responses and damages them.
func damagedGzip(damage func(body []byte) []byte) waldurtest.Fault {
	damaged := edited(func(r *httptest.ResponseRecorder) { r.Body = bytes.NewBuffer(damage(r.Body.Bytes())) })
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		return damaged(n, r, waldurtest.Gzip()(n, r, next))
	}
}

// TestARequestIsRetriedAfterADamagedResponse: gzip itself shows the damage, or the checksum at its
// end.
func TestARequestIsRetriedAfterADamagedResponse(t *testing.T) {
	t.Parallel()
	for want, damage := range map[string]func(body []byte) []byte{
		"the response was damaged: gzip: invalid checksum": func(body []byte) []byte { body[len(body)-8] ^= 1; return body },
		"the response was damaged: flate: corrupt input": func(body []byte) []byte {
			return slices.Concat(body[:10], []byte("\x00\x02\x00\xfd\xff[{"), []byte{7}) // a block of two bytes, and one of an unknown type
		},
	} {
		_, c := serve(t, tiedRows(200), waldurtest.First(2, damagedGzip(damage)))
		rows, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		if waldur.CauseOf(err) != waldur.ResponseCut || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %d rows, %v without retries, want %q", len(rows), err, want)
		}
		c.MaxRetries = 1
		if rows, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil || len(rows) != 200 {
			t.Fatalf("got %d rows, %v", len(rows), err)
		}
	}
}
