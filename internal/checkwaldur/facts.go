// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"terraform-provider-waldur/internal/waldur"
)

// fact is something that Waldur's API does.
type fact struct {
	name   string
	needed string // by the provider
	rows   int    // that show it, at least
	check  func(*prober) finding
}

// finding is what was found about a fact. The text has no text of the server.
type finding struct {
	verdict verdict
	text    string
}

type verdict string

const (
	ok        verdict = "ok"
	tolerated verdict = "tolerated" // not as expected, but the provider works with it
	broken    verdict = "BROKEN"
	notSeen   verdict = "not seen" // the rows do not show it
)

const (
	needed   = "yes"
	optional = "no"
)

// facts are in the order of the table. An optional fact is never broken.
var facts = []fact{
	{"list is a JSON array", needed, 0, checkArray},
	{"form of months in filters", needed, 0, checkMonthForm},
	{"X-Result-Count is the number of rows", needed, 0, checkCount},
	{"page_size=300", needed, 1, checkLargePage},
	{"page past the last", needed, 0, checkPastLast},
	{"list without rows", needed, 0, checkNoRows},
	{"list without a month has this month", needed, 1, checkThisMonth},
	{"newest month first", needed, 1, checkNewest},
	{"filter billing_period", needed, 1, monthFilter("billing_period")},
	{"filter start", needed, 1, monthFilter("start")},
	{"filter end", needed, 1, monthFilter("end")},
	{"filter offering_uuid", needed, 1, equalFilter("offering_uuid", "offering_uuid")},
	{"filter customer_uuid", needed, 1, equalFilter("customer_uuid", "service_provider_uuid")},
	{"filter project_uuid", needed, 1, equalFilter("project_uuid", "")}, // no column has it
	{"filter offering_type", needed, 1, equalFilter("offering_type", "offering_type")},
	{"filter component_type", needed, 1, equalFilter("component_type", "component_type")},
	{"filter billing_type", needed, 1, equalFilter("billing_type", "billing_type")},
	{"errors of bad filters", needed, 0, checkBadFilters},
	{"columns and their types", needed, 1, checkColumns},
	{"values of limit_period", needed, 1, checkLimitPeriods},
	{"keys are unique", needed, 2, checkKeys},
	// A later version of Waldur may lack a column that the provider names in field or o.
	{"field, with an unknown column", needed, 1, checkField},
	{"o, with an unknown column", needed, 1, checkOrder},
	{"columns that the provider does not know", optional, 1, checkFurtherColumns},
	{"version of the server", optional, 0, checkVersion},
}

// find checks a fact, if there are enough rows.
func (f fact) find(p *prober) finding {
	if f.rows > 0 && len(p.rows()) < f.rows {
		return finding{notSeen, "too few rows"}
	}
	return f.check(p)
}

// failed is the finding of a response that must have status 200.
func failed(r *response) finding {
	return finding{broken, fmt.Sprintf("HTTP %d", r.status)}
}

func checkArray(p *prober) finding {
	if p.firstPage().rows == nil || p.largePage().err == nil && p.largePage().rows == nil {
		return finding{broken, "not a JSON array of objects in UTF-8, with each key once"}
	}
	return finding{ok, "yes"}
}

func checkMonthForm(p *prober) finding {
	if p.monthForm(p.thisMonth) == p.thisMonth.FirstDay() {
		return finding{tolerated, "YYYY-MM-01; YYYY-MM is refused"}
	}
	return finding{ok, "YYYY-MM"}
}

// checkCount checks the header on the first, the second and the last page, and that
// each has as many rows as the first, but the last the rest. Like the provider, it
// accepts another page size than requested.
func checkCount(p *prober) finding {
	count, size := p.firstPage().count(), max(1, len(p.firstPage().rows))
	if count < 0 {
		return finding{broken, "no header, or not a number"}
	}
	last := max(1, (count+size-1)/size)
	for _, number := range []int{1, 2, last, last + 1} {
		r, want := p.page(number), min(size, max(0, count-size*(number-1)))
		if len(r.rows) != want || want > 0 && r.count() != count {
			return finding{broken, "not the number of rows, or not the same on all pages"}
		}
	}
	return finding{ok, strconv.Itoa(count)}
}

func checkLargePage(p *prober) finding {
	r := p.largePage()
	text := fmt.Sprintf("%d rows", len(r.rows))
	switch {
	case r.err != nil:
		return failed(r)
	case len(r.rows) == 0:
		return finding{broken, text}
	case r.count() < waldur.MaxPageSize:
		return finding{notSeen, "too few rows"}
	case len(r.rows) != waldur.MaxPageSize:
		return finding{tolerated, text}
	}
	return finding{ok, text}
}

func checkPastLast(p *prober) finding {
	r := p.page(1_000_000)
	status, isStatus := errors.AsType[*waldur.StatusError](r.err)
	switch {
	case isStatus && status.HTML:
		return finding{broken, "an HTML page"}
	case r.status == http.StatusNotFound:
		return finding{ok, "HTTP 404, not HTML"}
	case r.rows != nil && len(r.rows) == 0:
		return finding{tolerated, "HTTP 200, no rows"}
	}
	return failed(r)
}

// checkNoRows reads a month that no row has, as the provider does. The check ends
// here if the server is a web front end, with an HTML page for any path.
func checkNoRows(p *prober) finding {
	never := waldur.NewMonth(1900, time.January)
	_, _, err := p.client.ListComponentUsageMonthly(context.Background(), waldur.Query{BillingPeriod: never})
	if p.err = interruption(err); err != nil {
		return finding{broken, "the provider cannot read it"}
	}
	return finding{ok, "HTTP 200, an empty array"}
}

// checkThisMonth looks at both ends of the list without a month.
func checkThisMonth(p *prober) finding {
	rows := slices.Concat(p.get("page_size=2").rows, p.get("o=billing_period&page_size=2").rows)
	switch {
	case len(rows) == 0:
		return finding{notSeen, "no rows without a month"}
	case slices.ContainsFunc(rows, func(r row) bool { return r.month() != p.thisMonth }):
		return finding{broken, "another month than this one in UTC, by the clock of this machine"}
	}
	return finding{ok, "this month in UTC"}
}

// checkNewest requests what the provider requests for billing_period = "latest".
func checkNewest(p *prober) finding {
	r := p.get("start=" + p.monthForm(p.thisMonth.Add(-1)) + "&o=-billing_period&field=billing_period&page_size=1")
	oldest, newest := p.months()
	switch {
	case r.err != nil:
		return failed(r)
	case oldest == newest, newest.Compare(p.thisMonth.Add(-1)) < 0:
		return finding{notSeen, "no rows of several months, or none of this month and last month"}
	case len(r.rows) == 0, r.rows[0].month().Compare(newest) < 0:
		return finding{broken, "the first row is not of the newest month"}
	}
	return finding{ok, "the first row is of the newest month"}
}

// monthFilter filters by the oldest month, or from the month after it. A filter that
// is ignored then selects other rows, whether the server lists this month instead or
// all months.
func monthFilter(parameter string) func(*prober) finding {
	return func(p *prober) finding {
		oldest, newest := p.months()
		month, unused := oldest, waldur.NewMonth(9999, time.December)
		matches := func(r row) bool { return r.month() == oldest }
		switch parameter {
		case "start":
			month, matches = oldest.Add(1), func(r row) bool { return r.month().Compare(oldest) > 0 }
		case "end":
			unused = waldur.NewMonth(1999, time.December)
		}
		if oldest == newest {
			return p.checkNone(parameter + "=" + p.monthForm(unused))
		}
		return p.checkFilter(parameter+"="+p.monthForm(month), matches)
	}
}

// equalFilter filters by a value that some rows have and others do not. Without such
// a value, it filters by one that no row has.
func equalFilter(parameter, column string) func(*prober) finding {
	return func(p *prober) finding {
		rows := p.rows()
		first := max(0, slices.IndexFunc(rows, func(r row) bool { return r.text(column) != "" }))
		matches := func(r row) bool { return r.text(column) == rows[first].text(column) }
		if !slices.ContainsFunc(rows, func(r row) bool { return !matches(r) }) {
			return p.checkNone(p.allMonths(parameter + "=" + strings.Repeat("0123456789abcdef", 2)))
		}
		return p.checkFilter(p.allMonths(parameter+"="+url.QueryEscape(rows[first].text(column))), matches)
	}
}

// checkFilter checks that a query has the rows that match, and no others. Some rows
// match, and others do not.
func (p *prober) checkFilter(query string, matches func(row) bool) finding {
	known := 0
	for _, r := range p.rows() {
		if matches(r) {
			known++
		}
	}
	filtered := p.get(query + "&page_size=10")
	count := filtered.count()
	switch {
	case filtered.err != nil:
		return failed(filtered)
	case slices.ContainsFunc(filtered.rows, func(r row) bool { return !matches(r) }):
		return finding{broken, "rows that do not match"}
	case len(filtered.rows) == 0, count >= 0 && count < known:
		return finding{broken, "rows that match are missing"}
	case count >= 0 && count == p.firstPage().count():
		return finding{broken, "ignored"}
	}
	return finding{ok, "only rows that match"}
}

// checkNone checks a filter with a value that no row has.
func (p *prober) checkNone(query string) finding {
	switch r := p.get(query + "&page_size=2"); {
	case r.status == http.StatusBadRequest:
		return finding{tolerated, "HTTP 400 for a value that no row has"}
	case r.err != nil:
		return failed(r)
	case len(r.rows) > 0:
		return finding{broken, "rows for a value that no row has"}
	}
	return finding{ok, "no rows for a value that no row has"}
}

// checkBadFilters sends all bad filters at once. The provider reports each refusal
// at its argument, and tries the other form of months if one of those is refused.
func checkBadFilters(p *prober) finding {
	parameters := []string{"billing_period", "start", "end", "offering_uuid", "customer_uuid", "project_uuid"}
	r := p.get(strings.Join(parameters, "=bad&") + "=bad")
	named := slices.DeleteFunc(slices.Clone(parameters), func(parameter string) bool { return r.refused[parameter] == "" })
	text := fmt.Sprintf("HTTP 400 names %d of %d", len(named), len(parameters))
	switch {
	case r.status != http.StatusBadRequest:
		return finding{broken, fmt.Sprintf("HTTP %d, not 400", r.status)}
	case r.refused["billing_period"]+r.refused["start"]+r.refused["end"] == "":
		return finding{broken, text + ", but no month"}
	case len(named) < len(parameters):
		return finding{tolerated, text}
	}
	return finding{ok, text}
}

// checkColumns decodes each column as the provider does.
func checkColumns(p *prober) finding {
	numbers := 0
	for _, column := range waldur.Columns {
		for _, r := range p.rows() {
			value, usage := r[column.Name], &waldur.ComponentUsage{}
			if value == nil {
				value = jsontext.Value("null")
			}
			err := json.Unmarshal(fmt.Appendf(nil, "{%q:%s}", column.Name, value), usage)
			switch {
			case err != nil:
				return finding{broken, column.Name + " has the wrong type, or is out of bounds"}
			case column.IsNull(usage) && !column.Nullable:
				return finding{broken, column.Name + " is missing or null"}
			case column.Kind == waldur.DecimalKind && value.Kind() == '0':
				numbers++
			}
		}
	}
	if numbers > 0 {
		return finding{tolerated, "decimals are JSON numbers, not strings"}
	}
	return finding{ok, fmt.Sprintf("%d columns in %d rows", len(waldur.Columns), len(p.rows()))}
}

// checkLimitPeriods looks for limits of a period that the provider does not know. Its
// usage_period = "limit_period" fails for these.
func checkLimitPeriods(p *prober) finding {
	var known []string
	for _, r := range p.rows() {
		switch period := r.text("limit_period"); period {
		case "": // a month, for the provider
		case "month", "quarterly", "annual", "total":
			known = append(known, period)
		default:
			return finding{broken, "an unknown one"}
		}
	}
	if len(known) == 0 {
		return finding{notSeen, "no row has one"}
	}
	slices.Sort(known)
	return finding{ok, strings.Join(slices.Compact(known), ", ")}
}

func checkKeys(p *prober) finding {
	keys := map[[3]string]bool{}
	for _, r := range p.largePage().rows {
		keys[r.key()] = true
	}
	text := fmt.Sprintf("%d keys in %d rows", len(keys), len(p.largePage().rows))
	if len(keys) < len(p.largePage().rows) {
		return finding{broken, text}
	}
	return finding{ok, text}
}

// checkField requests the columns of the key. The provider ignores columns that it
// did not request.
func checkField(p *prober) finding {
	r := p.list("field=offering_uuid&field=component_type&field=billing_period&field=no_such_column&page_size=2")
	switch {
	case r.err != nil:
		return failed(r)
	case len(r.rows) == 0, slices.ContainsFunc(r.rows, row.lacksKey):
		return finding{broken, "requested columns are missing"}
	case slices.ContainsFunc(r.rows, func(r row) bool { return len(r) > len(r.key()) }):
		return finding{tolerated, "more columns than requested"}
	}
	return finding{ok, "only the requested columns"}
}

// checkOrder checks that an order has the same number of rows as the default order.
func checkOrder(p *prober) finding {
	first, ordered := p.firstPage(), p.list("o=usage_percent,total_consumed,total_allocated,billing_period,no_such_column&page_size=2")
	switch {
	case ordered.err != nil:
		return failed(ordered)
	case len(ordered.rows) != len(first.rows), ordered.count() != first.count():
		return finding{broken, "a different number of rows"}
	}
	return finding{ok, "HTTP 200, the same number of rows"}
}

func checkFurtherColumns(p *prober) finding {
	further := map[string]bool{}
	for _, r := range p.rows() {
		for name := range r {
			if waldur.ColumnByName(name) == nil {
				further[name] = true
			}
		}
	}
	if len(further) > 0 {
		return finding{tolerated, strconv.Itoa(len(further))}
	}
	return finding{ok, "none"}
}

// versionNumber is the form of Waldur's versions, such as 8.1.3,
// 8.1.3-rc.16+5.gb6fab9572 and 8.1.3-rc.7.dev.20260901180117.270. Nothing else of a
// response is printed.
var versionNumber = regexp.MustCompile(`^\d{1,4}(\.\d{1,4}){1,3}(-(a|b|rc)\.\d{1,4})?(\.dev\.\d{14}\.\d{1,6})?(\+\d{1,6}\.g[0-9a-f]{7,12})?$`)

func checkVersion(p *prober) finding {
	var object struct {
		Version string `json:"version"`
	}
	resp, err := p.client.Get(context.Background(), versionPath, nil)
	if err != nil || json.Unmarshal(resp.Body, &object) != nil || !versionNumber.MatchString(object.Version) {
		return finding{notSeen, "the server does not say"}
	}
	return finding{ok, object.Version}
}
