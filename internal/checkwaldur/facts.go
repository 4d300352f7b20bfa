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
	{"month format in filters", needed, 0, checkMonthFormat},
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
	{"version of the server", optional, 0, checkVersion},
}

// find checks a fact, if there are enough rows.
func (f fact) find(p *prober) finding {
	if f.rows > 0 && len(p.rows) < f.rows {
		return finding{notSeen, "too few rows"}
	}
	return f.check(p)
}

func failed(r *response) finding { return finding{broken, fmt.Sprintf("HTTP %d", r.status)} }

func anyRow(row) bool { return true }

// judge returns found if the response has status 200 and rows, and each row is valid.
// Otherwise it is broken: the text is the status, or empty if there are no rows, or
// invalid if a row is not valid.
func (r *response) judge(empty, invalid string, valid func(row) bool, found finding) finding {
	switch {
	case r.err != nil:
		return failed(r)
	case len(r.rows) == 0:
		return finding{broken, empty}
	case slices.ContainsFunc(r.rows, func(r row) bool { return !valid(r) }):
		return finding{broken, invalid}
	}
	return found
}

func checkArray(p *prober) finding {
	if p.firstPage.rows == nil || p.largePage.err == nil && p.largePage.rows == nil {
		return finding{broken, "not a JSON array of objects in UTF-8, with each key once"}
	}
	return finding{ok, "yes"}
}

func checkMonthFormat(p *prober) finding {
	if p.monthFormat(p.thisMonth) == p.thisMonth.FirstDay() {
		return finding{tolerated, "YYYY-MM-01; YYYY-MM is refused"}
	}
	return finding{ok, "YYYY-MM"}
}

// checkCount checks the header on the first, the second and the last page, and that
// all have as many rows as the first, except the last, which has the remaining ones, and
// that the next page is empty. Like the provider, it accepts a page size other than the
// requested one.
func checkCount(p *prober) finding {
	count, size := p.firstPage.count, max(1, len(p.firstPage.rows))
	if count < 0 {
		return finding{broken, "no header, or not a number"}
	}
	last := max(1, (count+size-1)/size)
	for _, number := range []int{1, 2, last, last + 1} {
		r, want := p.list(fmt.Sprint("page_size=2&page=", number)), min(size, max(0, count-size*(number-1)))
		if len(r.rows) != want || want > 0 && r.count != count {
			return finding{broken, "not the number of rows, or not the same on all pages"}
		}
	}
	return finding{ok, strconv.Itoa(count)}
}

func checkLargePage(p *prober) finding {
	found := finding{ok, fmt.Sprintf("%d rows", len(p.largePage.rows))}
	switch {
	case p.largePage.count < waldur.MaxPageSize:
		found = finding{notSeen, "too few rows"}
	case len(p.largePage.rows) != waldur.MaxPageSize:
		found.verdict = tolerated
	}
	return p.largePage.judge("0 rows", "", anyRow, found)
}

func checkPastLast(p *prober) finding {
	r := p.list("page_size=2&page=1000000")
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
		return finding{broken, "not the current month in UTC, by this machine's clock"}
	}
	return finding{ok, "this month in UTC"}
}

// checkNewest requests what the provider requests for billing_period = "latest".
func checkNewest(p *prober) finding {
	lastMonth := p.thisMonth.Add(-1)
	r := p.get("start=" + p.monthFormat(lastMonth) + "&o=-billing_period&field=billing_period&page_size=1")
	if r.err == nil && (p.oldestMonth == p.newestMonth || p.newestMonth.Compare(lastMonth) < 0) {
		return finding{notSeen, "no rows of several months, or none of this month and last month"}
	}
	const wrong = "the first row is not of the newest month"
	return r.judge(wrong, wrong, func(r row) bool { return r.month().Compare(p.newestMonth) >= 0 }, finding{ok, "the first row is of the newest month"})
}

// monthFilter filters by the oldest month, or from the month after it. A filter that
// is ignored then selects other rows, whether the server lists this month instead or
// all months.
func monthFilter(parameter string) func(*prober) finding {
	return func(p *prober) finding {
		month, unused := p.oldestMonth, waldur.NewMonth(9999, time.December)
		matches := func(r row) bool { return r.month() == p.oldestMonth }
		switch parameter {
		case "start":
			month, matches = month.Add(1), func(r row) bool { return r.month().Compare(p.oldestMonth) > 0 }
		case "end":
			unused = waldur.NewMonth(1999, time.December)
		}
		return p.checkFilter(parameter+"="+p.monthFormat(month), parameter+"="+p.monthFormat(unused), matches)
	}
}

// equalFilter filters by the first value of a column that is not empty.
func equalFilter(parameter, column string) func(*prober) finding {
	return func(p *prober) finding {
		first := max(0, slices.IndexFunc(p.rows, func(r row) bool { return r.text(column) != "" }))
		value, query := p.rows[first].text(column), p.allMonths(parameter+"=")
		return p.checkFilter(query+url.QueryEscape(value), query+strings.Repeat("0123456789abcdef", 2), func(r row) bool { return r.text(column) == value })
	}
}

// checkFilter checks that a query has the rows that match, and no others. If all known
// rows match, or none does, it checks instead that unused, a query for a value that no
// row has, selects no rows.
func (p *prober) checkFilter(query, unused string, matches func(row) bool) finding {
	known := 0
	for _, r := range p.rows {
		if matches(r) {
			known++
		}
	}
	if known == 0 || known == len(p.rows) {
		switch r := p.get(unused + "&page_size=2"); {
		case r.status == http.StatusBadRequest:
			return finding{tolerated, "HTTP 400 for a value that no row has"}
		case r.err != nil:
			return failed(r)
		case len(r.rows) > 0:
			return finding{broken, "rows for a value that no row has"}
		}
		return finding{ok, "no rows for a value that no row has"}
	}
	filtered := p.get(query + "&page_size=10")
	found := finding{ok, "only rows that match"}
	switch count := filtered.count; {
	case count >= 0 && count < known:
		found = finding{broken, "rows that match are missing"}
	case count >= 0 && count == p.firstPage.count:
		found = finding{broken, "ignored"}
	}
	return filtered.judge("rows that match are missing", "rows that do not match", matches, found)
}

// checkBadFilters sends all bad filters at once. The provider reports each refusal
// at its argument, and tries the other month format if one of those is refused.
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
	found := finding{ok, fmt.Sprintf("%d columns in %d rows", len(waldur.Columns), len(p.rows))}
	for _, column := range waldur.Columns {
		for _, r := range p.rows {
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
				found = finding{tolerated, "decimals are JSON numbers, not strings"}
			}
		}
	}
	return found
}

// checkLimitPeriods looks for limits of a period that the provider does not know. Its
// usage_period = "limit_period" fails for these.
func checkLimitPeriods(p *prober) finding {
	var known []string
	for _, r := range p.rows {
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
	for _, r := range p.largePage.rows {
		keys[r.key()] = true
	}
	found := finding{ok, fmt.Sprintf("%d keys in %d rows", len(keys), len(p.largePage.rows))}
	if len(keys) < len(p.largePage.rows) {
		found.verdict = broken
	}
	return found
}

// checkField requests the columns of the key. The provider ignores columns that it
// did not request.
func checkField(p *prober) finding {
	r := p.list("field=offering_uuid&field=component_type&field=billing_period&field=no_such_column&page_size=2")
	found := finding{ok, "only the requested columns"}
	if slices.ContainsFunc(r.rows, func(r row) bool { return len(r) > len(r.key()) }) {
		found = finding{tolerated, "more columns than requested"}
	}
	const missing = "requested columns are missing"
	return r.judge(missing, missing, func(r row) bool { key := r.key(); return !slices.Contains(key[:], "") }, found)
}

// checkOrder checks that an order has the same number of rows as the default order.
func checkOrder(p *prober) finding {
	r := p.list("o=usage_percent,total_consumed,total_allocated,billing_period,no_such_column&page_size=2")
	const different = "a different number of rows"
	found := finding{ok, "HTTP 200, the same number of rows"}
	if len(r.rows) != len(p.firstPage.rows) || r.count != p.firstPage.count {
		found = finding{broken, different}
	}
	return r.judge(different, "", anyRow, found)
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
