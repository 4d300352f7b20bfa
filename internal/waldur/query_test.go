package waldur_test

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

func TestQueryIsSentAsParameters(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	id := uuid.NullUUID{UUID: uuid.MustParse("5c6eb065-f4e7-58f7-957c-e351ad5bfcea"), Valid: true}
	for _, test := range []struct {
		query waldur.Query
		want  string
	}{
		{waldur.Query{}, "page_size=300"},
		{waldur.Query{BillingPeriod: waldur.NewMonth(2026, 8), PageSize: 7}, "billing_period=2026-08&page_size=7"},
		{waldur.Query{Start: waldur.NewMonth(2026, 8), End: waldur.NewMonth(2026, 9)}, "end=2026-09&page_size=300&start=2026-08"},
		{waldur.Query{OfferingUUID: id}, "offering_uuid=5c6eb065f4e758f7957ce351ad5bfcea&page_size=300"},
		{waldur.Query{OfferingUUID: uuid.NullUUID{Valid: true}}, "offering_uuid=00000000000000000000000000000000&page_size=300"},
		{waldur.Query{CustomerUUID: id, ProjectUUID: id},
			"customer_uuid=5c6eb065f4e758f7957ce351ad5bfcea&page_size=300&project_uuid=5c6eb065f4e758f7957ce351ad5bfcea"},
		{waldur.Query{OfferingType: "a&b=c ü", ComponentType: "cores", BillingType: "limit"},
			"billing_type=limit&component_type=cores&offering_type=a%26b%3Dc+%C3%BC&page_size=300"},
	} {
		server.ResetRequests()
		if _, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), test.query); err != nil {
			t.Fatal(err)
		}
		if got := server.Requests()[0]; got.RawQuery != test.want || got.Method != http.MethodGet || got.Path != waldurtest.Path {
			t.Errorf("got %s %s?%s, want ?%s", got.Method, got.Path, got.RawQuery, test.want)
		}
	}
}

// TestColumnsThatAreRead are no more than the query needs.
func TestColumnsThatAreRead(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(5))
	percent, start := waldur.Decimal{}, allMonths.Start
	for want, query := range map[string]waldur.Query{
		"": {Start: start, MinUsagePercent: &percent, Fields: waldur.Columns},
		"offering_uuid offering_name component_type component_name limit_amount billing_period total_consumed": {
			Start: start, Fields: columns([]string{"total_consumed"}), OrderBy: orderings([]string{"-limit_amount"})},
		"offering_uuid offering_name component_type component_name billing_period usage_percent": {
			Start: start, Fields: columns([]string{"component_type"}), MinUsagePercent: &percent},
		"offering_uuid offering_name component_type component_name measured_unit limit_period billing_period total_consumed total_allocated": {
			BillingPeriod: waldur.NewMonth(2026, 12), Fields: columns([]string{"component_type"}), WholeLimitPeriods: true},
		"offering_uuid component_type measured_unit limit_period billing_period total_consumed total_allocated": {
			Start: start, GroupBy: columns([]string{"billing_period"}), MinUsagePercent: &percent},
	} {
		server.ResetRequests()
		if _, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query); err != nil {
			t.Error(err)
		}
		if got := strings.Join(server.Requests()[0].Query["field"], " "); got != want {
			t.Errorf("read %s, want %s", got, want)
		}
	}
}

// TestIgnoredFilters: a proxy may drop a parameter. Each list has the columns that show it.
func TestIgnoredFilters(t *testing.T) {
	t.Parallel()
	var rows []waldurtest.Row
	for _, firstDay := range []string{"2025-12-01", "2026-05-01", "2026-06-01"} {
		one, other := testRow(0, 0, firstDay), testRow(1, 1, firstDay)
		one.LimitPeriod = new("annual")
		other.ServiceProviderUUID, other.OfferingType, other.BillingType = other.OfferingUUID, "MARKETPLACE-.SLURM", "limit"
		rows = append(rows, one, other)
	}
	id := func(text string) uuid.NullUUID { return uuid.NullUUID{UUID: uuid.MustParse(text), Valid: true} }
	june := waldur.NewMonth(2026, time.June)
	filters := map[string]waldur.Query{
		"billing_period": {BillingPeriod: june},
		"start":          {Start: june},
		"end":            {End: june.Add(-1)},
		"offering_uuid":  {BillingPeriod: june, OfferingUUID: id(rows[0].OfferingUUID)},
		"customer_uuid":  {BillingPeriod: june, CustomerUUID: id(rows[0].ServiceProviderUUID)},
		"component_type": {BillingPeriod: june, ComponentType: "type_0"},
		"offering_type":  {BillingPeriod: june, OfferingType: "Marketplace.Slurm"},
		"billing_type":   {BillingPeriod: june, BillingType: "usage"},
	}
	for name, change := range map[string]func(*waldur.Query){
		"all columns": func(*waldur.Query) {},
		"fields":      func(query *waldur.Query) { query.Fields = columns([]string{"limit_amount"}) },
		"groups":      func(query *waldur.Query) { query.GroupBy = columns([]string{"category_title"}) },
		"earlier months": func(query *waldur.Query) {
			query.BillingPeriod, query.Start, query.End, query.WholeLimitPeriods = june, waldur.Month{}, waldur.Month{}, true
		},
	} {
		for parameter, query := range filters {
			change(&query)
			if query.WholeLimitPeriods && parameter == "billing_period" {
				continue // the list of earlier months does not have it
			}
			server, c := serve(t, rows)
			if _, _, err := c.ListComponentUsageMonthly(t.Context(), query); err != nil {
				t.Errorf("%s, %s: %v", parameter, name, err)
			}
			server.SetFaults(waldurtest.On(func(_ int, r *http.Request) bool {
				return !query.WholeLimitPeriods || r.URL.Query().Has("end")
			}, waldurtest.EditQuery(func(values url.Values) { values.Set(parameter, "") })))
			got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
			if waldur.CauseOf(err) != waldur.FilterIgnored || !strings.Contains(err.Error(), "does not match the filter "+parameter+": it has \"") {
				t.Errorf("%s, %s: got %d rows, %v", parameter, name, len(got), err)
			}
		}
	}
}

// TestUUIDsOfRows may have any form. No row of an offering without an organization matches one.
func TestUUIDsOfRows(t *testing.T) {
	t.Parallel()
	query := allMonths
	query.CustomerUUID = uuid.NullUUID{UUID: uuid.MustParse("5c6eb065-f4e7-58f7-957c-e351ad5bfcea"), Valid: true}
	query.ProjectUUID = query.CustomerUUID
	for shown, want := range map[any]string{
		"5c6eb065f4e758f7957ce351ad5bfcea":     "",
		"5C6EB065-F4E7-58F7-957C-E351AD5BFCEA": "",
		"5c6eb065f4e758f7957ce351ad5bfceb":     `row 1 does not match the filter customer_uuid: it has "5c6eb065f4e758f7957ce351ad5bfceb"`,
		nil:                                    "row 1 does not match the filter customer_uuid: it has null",
	} {
		rows := tiedRows(1)
		rows[0].ServiceProviderUUID = "5c6eb065f4e758f7957ce351ad5bfcea"
		rows[0].ProjectUUID = &rows[0].ServiceProviderUUID // which no column shows
		_, c := serve(t, rows, waldurtest.EditRows(setFirst("service_provider_uuid", shown)))
		_, _, err := c.ListComponentUsageMonthly(t.Context(), query)
		if want == "" && err != nil || want != "" && (waldur.CauseOf(err) != waldur.FilterIgnored || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%v: got %v", shown, err)
		}
	}
}

// TestFormsOfMonths: a server that refuses YYYY-MM is asked for YYYY-MM-01, and only for that once
// it has accepted it.
func TestFormsOfMonths(t *testing.T) {
	t.Parallel()
	refusal := waldurtest.Status(400, nil, `{"start":["No."]}`)
	onDate := func(f waldurtest.Fault) waldurtest.Fault {
		return waldurtest.On(func(_ int, r *http.Request) bool { return r.URL.Query().Get("start") == "2026-08-01" }, f)
	}
	const short, long = "2026-08", "2026-08-01"
	for name, test := range map[string]struct {
		fullDates bool
		fault     waldurtest.Fault
		causes    []waldur.Cause // of the reads, one after the other
		want      []string       // the months in the requests
	}{
		"accepted":                   {causes: []waldur.Cause{"", ""}, want: []string{short, short}},
		"refused":                    {fullDates: true, causes: []waldur.Cause{"", ""}, want: []string{short, long, long}},
		"refused in both forms":      {fault: refusal, causes: []waldur.Cause{waldur.FilterRefused}, want: []string{short, long}},
		"refused, and another error": {fullDates: true, fault: onDate(waldurtest.First(1, waldurtest.Status(403, nil, `{"detail":"No."}`))), causes: []waldur.Cause{waldur.Forbidden, ""}, want: []string{short, long, short, long}},
		"refused later": {fullDates: true, fault: onDate(func(n int, r *http.Request, next http.Handler) http.Handler {
			return map[bool]http.Handler{true: next, false: refusal(n, r, next)}[n == 0]
		}), causes: []waldur.Cause{"", waldur.FilterRefused}, want: []string{short, long, long}},
		"another filter that is wrong": {fault: waldurtest.Status(400, nil, `{"offering_type":["No."]}`), causes: []waldur.Cause{waldur.FilterRefused}, want: []string{short}},
	} {
		server, c := serve(t, waldurtest.ContractRows(), test.fault)
		server.TakeFullDates(test.fullDates)
		for _, cause := range test.causes {
			_, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{Start: waldur.NewMonth(2026, 8), OfferingType: "no"})
			if waldur.CauseOf(err) != cause || name == "refused in both forms" && !strings.HasPrefix(err.Error(), "GET "+server.URL+waldurtest.Path+"?offering_type=no&page_size=300&start=2026-08: ") {
				t.Errorf("%s: got %v, want %q", name, err, cause)
			}
		}
		var got []string
		for _, request := range server.Requests() {
			got = append(got, request.Query.Get("start"))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: sent %v, want %v", name, got, test.want)
		}
	}
}

// TestLatest is this month, or last month if there is no row at all yet for this one. If the server
// has rows of a later month, this machine's clock is behind.
func TestLatest(t *testing.T) {
	t.Parallel()
	this := waldur.MonthOf(time.Now())
	row := func(offeringType string, months int64) waldurtest.Row {
		row := testRow(0, int(months)+9, this.Add(months).FirstDay())
		row.OfferingType = offeringType
		return row
	}
	const slurm, other = "Marketplace.Slurm", "Other"
	for name, test := range map[string]struct {
		rows  []waldurtest.Row
		fault waldurtest.Fault
		want  int64 // month, from this one on
		n     int
		cause waldur.Cause
	}{
		"rows in both months":                   {rows: []waldurtest.Row{row(slurm, 0), row(slurm, -1), row(slurm, -2)}, want: 0, n: 1},
		"rows in last month":                    {rows: []waldurtest.Row{row(slurm, -1), row(slurm, -2)}, want: -1, n: 1},
		"rows in neither month":                 {rows: []waldurtest.Row{row(slurm, -2)}, want: 0, n: 0},
		"rows of other offerings in this month": {rows: []waldurtest.Row{row(other, 0), row(slurm, -1)}, want: 0, n: 0},
		"rows in later months":                  {rows: []waldurtest.Row{row(slurm, 1), row(slurm, 2), row(slurm, 0)}, want: 2, n: 1},
		"a count without rows":                  {rows: []waldurtest.Row{row(slurm, 0)}, fault: waldurtest.EditRows(func([]map[string]any) []map[string]any { return nil }), cause: waldur.NotRows},
		"a refusal":                             {fault: waldurtest.Status(403, nil, `{"detail":"No."}`), cause: waldur.Forbidden},
	} {
		server, c := serve(t, test.rows, test.fault)
		got, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{Latest: true, OfferingType: slurm})
		requests := server.Requests()
		if want := "field=billing_period&o=-billing_period&page_size=1&start=" + this.Add(-1).String(); requests[0].RawQuery != want {
			t.Errorf("%s: the first request is %s, want %s", name, requests[0].RawQuery, want)
		}
		switch {
		case test.cause != "" && (waldur.CauseOf(err) != test.cause || len(requests) != 1 || !strings.Contains(err.Error(), requests[0].RawQuery)):
			t.Errorf("%s: got %v after %d requests", name, err, len(requests))
		case test.cause == "" && (err != nil || len(got) != test.n || len(requests) != 2 || requests[1].Query.Get("billing_period") != this.Add(test.want).String()):
			t.Errorf("%s: got %d rows, %v after %d requests, want the month %s", name, len(got), err, len(requests), this.Add(test.want))
		}
	}
}

// TestRequiredRows are those that the filters select, before all other steps. If the query has a
// component type, one more request tells which ones there are.
func TestRequiredRows(t *testing.T) {
	t.Parallel()
	ram := testRow(1, 1, "2026-12-01")
	ram.ComponentType, ram.ComponentName = waldurtest.Token, "RAM "+waldurtest.Token
	renamed := testRow(2, 0, "2026-12-01") // the same type in another offering
	renamed.ComponentName = "Cores"
	second := func(f waldurtest.Fault) waldurtest.Fault {
		return waldurtest.On(func(n int, _ *http.Request) bool { return n == 1 }, f)
	}
	zero := waldur.Decimal{} // percent, which no row has
	types := map[string]string{"type_0": "CPU", "(token)": "RAM (token)"}
	for name, test := range map[string]struct {
		query    waldur.Query
		fault    waldurtest.Fault
		want     string // the end of the error
		types    map[string]string
		requests int
	}{
		"that a later step leaves out":   {query: waldur.Query{BillingPeriod: waldur.NewMonth(2026, 12), MinUsagePercent: &zero}, requests: 1},
		"of the current month":           {want: "Waldur has no row in the current month", requests: 1},
		"of another month":               {query: waldur.Query{BillingPeriod: waldur.NewMonth(2020, 1)}, want: `Waldur has no row with billing_period = "2020-01"`, requests: 1},
		"of a component type":            {query: waldur.Query{BillingPeriod: waldur.NewMonth(2026, 12), ComponentType: "no"}, want: `Waldur has no row with billing_period = "2026-12", component_type = "no"`, types: types, requests: 2},
		"of a component type, by fields": {query: waldur.Query{Start: waldur.NewMonth(2026, 1), ComponentType: "no", OfferingType: "Marketplace.Slurm", Fields: columns([]string{"limit_amount"})}, want: `component_type = "no"`, types: types, requests: 2},
		"of a name of a type":            {query: waldur.Query{BillingPeriod: waldur.NewMonth(2026, 12), ComponentType: "cores"}, want: `component_type = "cores"`, types: map[string]string{"type_0": "Cores", "(token)": "RAM (token)"}, requests: 2},
		"of another name of it":          {query: waldur.Query{BillingPeriod: waldur.NewMonth(2026, 12), ComponentType: "cpu"}, want: `component_type = "cpu"`, types: types, requests: 2},
		"of no component type":           {query: waldur.Query{BillingPeriod: waldur.NewMonth(2020, 1), ComponentType: "no"}, want: `component_type = "no"`, types: map[string]string{}, requests: 2},
		"and an error for the types":     {query: waldur.Query{BillingPeriod: waldur.NewMonth(2026, 12), ComponentType: "no"}, fault: second(waldurtest.Status(500, nil, "")), want: `component_type = "no"`, requests: 2},
		"and types of another kind": {query: waldur.Query{BillingPeriod: waldur.NewMonth(2026, 12), ComponentType: "no", OfferingType: "no"}, want: `component_type = "no"`, requests: 2,
			fault: second(waldurtest.EditQuery(func(query url.Values) { query.Del("offering_type") }))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, c := serve(t, []waldurtest.Row{testRow(0, 0, "2026-12-01"), ram, renamed}, test.fault)
			server.SetNow(time.Date(2026, time.November, 30, 0, 0, 0, 0, time.UTC))
			query := test.query
			query.RequireRows = true
			rows, total, err := c.ListComponentUsageMonthly(t.Context(), query)
			requests := server.Requests()
			if len(requests) != test.requests || len(requests) > 1 && requests[1].Query.Has("component_type") {
				t.Errorf("sent %v", requests)
			}
			if test.want == "" {
				if err != nil || len(rows) != 0 || total != 3 {
					t.Errorf("got %d of %d rows, %v", len(rows), total, err)
				}
				return
			}
			failed, ok := errors.AsType[*waldur.Error](err)
			if !ok || failed.Cause != waldur.NoRows || !strings.HasSuffix(failed.Error(), test.want) || !strings.HasSuffix(failed.Request.URL, requests[0].RawQuery) {
				t.Fatalf("got %v", err)
			}
			if !maps.Equal(failed.Types, test.types) || (failed.Types == nil) != (test.types == nil) {
				t.Errorf("got the types %v", failed.Types)
			}
		})
	}
}
