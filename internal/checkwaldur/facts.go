package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"terraform-provider-waldur/internal/waldur"
)

// fact is something that Waldur's API does.
type fact struct {
	name   string
	needed string // by the provider: yes, or no for a fact that is never broken
	rows   int    // that show it, at least
	check  func(*prober) finding
}

// finding is what was found about a fact. The text never comes from the server, except for
// a version number.
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

// The facts that any list can show to be broken.
const (
	arrayFact   = "list is a JSON array"
	countFact   = "X-Result-Count is the number of rows"
	columnsFact = "columns and their types"
)

const (
	noValue    = "0123456789abcdef0123456789abcdef" // no row has this UUID or text
	someFields = "start=&page_size=1&field=offering_uuid&field=component_type&field=billing_period&field=no_such_column"
)

// checked are the parameters whose values the server checks, months first.
var checked = []string{"billing_period", "start", "end", "offering_uuid", "customer_uuid", "project_uuid"}

// facts are in the order of the table.
var facts = []fact{
	{arrayFact, "yes", 0, sample},
	{"month format in filters", "yes", 0, probe("billing_period=2026-10&page_size=1", hasRows(0, 1), takesFirstDays)},
	{countFact, "yes", 0, checkCount},
	{"page_size=300", "yes", 300, probe(largePage, hasRows(300, 300), hasRows(1, 299))},
	{"page past the last", "yes", 0, probe(largePage+"&page=1000000", isNotFound, hasRows(0, 0))},
	{"list without rows", "yes", 0, checkNoRows},
	{"list without a month has this month", "yes", 1, probe("o=billing_period&page_size=1", isOfThisMonth)},
	{"newest month first", "yes", 1, checkNewest},
	{"filter billing_period", "yes", 1, filter("billing_period", "1900-01", func(q *waldur.Query, s string) { q.BillingPeriod = parseMonth(s) })},
	{"filter start", "yes", 1, filter("billing_period", "9999-12", func(q *waldur.Query, s string) { q.Start = parseMonth(s) })},
	{"filter end", "yes", 1, filter("billing_period", "1999-12", func(q *waldur.Query, s string) { q.End = parseMonth(s) })},
	{"filter offering_uuid", "yes", 1, filter("offering_uuid", noValue, func(q *waldur.Query, s string) { q.OfferingUUID = parseUUID(s) })},
	{"filter customer_uuid", "yes", 1, filter("service_provider_uuid", noValue, func(q *waldur.Query, s string) { q.CustomerUUID = parseUUID(s) })},
	{"filter project_uuid", "yes", 1, filter("", noValue, func(q *waldur.Query, s string) { q.ProjectUUID = parseUUID(s) })}, // no column has it
	{"filter offering_type", "yes", 1, filter("offering_type", noValue, func(q *waldur.Query, s string) { q.OfferingType = s })},
	{"filter component_type", "yes", 1, filter("component_type", noValue, func(q *waldur.Query, s string) { q.ComponentType = s })},
	{"filter billing_type", "yes", 1, filter("billing_type", noValue, func(q *waldur.Query, s string) { q.BillingType = s })},
	{"errors of bad filters", "yes", 0, probe(strings.Join(checked, "=bad&")+"=bad", refuses(6, checked...), refuses(1, checked[:3]...))},
	{columnsFact, "yes", 1, sample},
	{"values of limit_period", "yes", 1, checkLimitPeriods},
	{"keys are unique", "yes", 2, probe("start=&page_size=100", hasUniqueKeys)},
	// A later version of Waldur may lack a column that the provider names in field or o.
	{"field, with an unknown column", "yes", 1, probe(someFields, hasKey(3), hasKey(len(waldur.Columns)))},
	{"o, with an unknown column", "yes", 1, probe("start=&page_size=1&o=usage_percent,total_consumed,no_such_column", hasRows(1, 1))},
	{"version of the server", "no", 0, checkVersion},
}

type condition func(*prober, *response) bool

// probe returns a check that sends one request as it is. The fact is ok if the first
// condition holds, tolerated if the second does, and otherwise broken.
func probe(query string, conditions ...condition) func(*prober) finding {
	return func(p *prober) finding {
		r := p.get(query)
		i := slices.IndexFunc(conditions, func(holds condition) bool { return holds(p, r) })
		return p.find([]verdict{broken, ok, tolerated}[i+1], r.failed, len(r.rows))
	}
}

func isNotFound(_ *prober, r *response) bool {
	return r.failed != nil && r.failed.Cause == waldur.NotFound
}

func hasRows(least, most int) condition {
	return func(_ *prober, r *response) bool {
		return r.failed == nil && len(r.rows) >= least && len(r.rows) <= most
	}
}

// refuses looks for a 400 response that names at least so many of these parameters.
func refuses(least int, parameters ...string) condition {
	return func(_ *prober, r *response) bool {
		return len(slices.DeleteFunc(slices.Clone(parameters), func(name string) bool { return r.refused[name] == "" })) >= least
	}
}

// takesFirstDays reports whether only months written YYYY-MM-01 can be read.
func takesFirstDays(p *prober, r *response) bool {
	return r.refused["billing_period"] != "" && p.sample.verdict == ok
}

// isOfThisMonth holds without rows as well, if no known row is of this month.
func isOfThisMonth(p *prober, r *response) bool {
	known := count(p.rows, "billing_period")[p.thisMonth.String()]
	return known == 0 && hasRows(0, 0)(p, r) || hasRows(1, 1)(p, r) && r.rows[0].month() == p.thisMonth
}

// hasKey looks for the columns of the key in a row of at most so many columns.
func hasKey(most int) condition {
	return func(p *prober, r *response) bool {
		return hasRows(1, 1)(p, r) && !slices.Contains(r.rows[0].key(), "") && len(r.rows[0]) <= most
	}
}

func hasUniqueKeys(p *prober, r *response) bool {
	keys := map[string]bool{}
	for _, row := range r.rows {
		keys[strings.Join(row.key(), "/")] = true
	}
	return hasRows(1, len(keys))(p, r)
}

func sample(p *prober) finding { return p.sample }

// checkCount checks that the last page has the rows that all others leave. Like the
// provider, it accepts pages that are smaller than requested.
func checkCount(p *prober) finding {
	size := max(1, len(p.large.rows))
	pages := max(1, (p.large.count+size-1)/size)
	found := probe(fmt.Sprint(largePage, "&page=", pages), func(_ *prober, r *response) bool {
		return len(r.rows) == r.count-len(p.large.rows)*(pages-1)
	})(p)
	if found.verdict == ok {
		found.text = fmt.Sprint("rows: ", p.large.count)
	}
	return found
}

func checkNoRows(p *prober) finding {
	_, found := p.list(waldur.Query{BillingPeriod: parseMonth("1900-01")})
	return found
}

func checkNewest(p *prober) finding {
	if len(count(p.rows, "billing_period")) < 2 {
		return finding{notSeen, "too few months"}
	}
	return probe("start=&o=-billing_period&page_size=1", func(p *prober, r *response) bool {
		return hasRows(1, 1)(p, r) && r.rows[0].month().Compare(*p.rows[0].BillingPeriod) >= 0 // the client sorts by month
	})(p)
}

// filter returns a check that the server returns no rows for a value that no row has, and
// all known rows for the rarest value of a column. It may refuse the former.
func filter(column, unused string, set func(*waldur.Query, string)) func(*prober) finding {
	return func(p *prober) finding {
		query := waldur.Query{Start: p.start}
		set(&query, unused)
		rows, found := p.list(query)
		switch {
		case len(rows) > 0:
			return finding{broken, "rows for a value that no row has"}
		case found.text == string(waldur.FilterRefused), found.text == string(waldur.BadRequest):
			found.verdict = tolerated
		case found.verdict != ok:
			return found
		}
		known := count(p.rows, column)
		if len(known) == 0 {
			return found
		}
		value := slices.MinFunc(slices.Sorted(maps.Keys(known)), func(a, b string) int { return known[a] - known[b] })
		set(&query, value)
		rows, matching := p.list(query)
		if matching.verdict == ok && count(rows, column)[value] < known[value] {
			return finding{broken, "rows that match are missing"}
		}
		if matching.verdict == ok && found.verdict == tolerated {
			return found
		}
		return matching
	}
}

// count returns how many rows have each value of a column of texts or months.
func count(rows []*waldur.ComponentUsage, name string) map[string]int {
	counts, column := map[string]int{}, waldur.ColumnByName(name)
	for _, row := range rows {
		if column == nil || column.IsNull(row) {
			continue
		}
		switch value := column.Value(row).(type) {
		case *waldur.Month:
			counts[value.String()]++
		case *string:
			counts[*value]++
		}
	}
	delete(counts, "")
	return counts
}

// checkLimitPeriods looks for limits of a period that the provider does not know, for
// which its usage_period = "limit_period" fails.
func checkLimitPeriods(p *prober) finding {
	periods := slices.Sorted(maps.Keys(count(p.rows, "limit_period")))
	for _, period := range periods {
		if !slices.Contains([]string{"month", "quarterly", "annual", "total"}, period) {
			return finding{broken, "an unknown one"}
		}
	}
	if len(periods) == 0 {
		return finding{notSeen, "no row has one"}
	}
	return finding{ok, strings.Join(periods, ", ")}
}

// versionNumber is the form of Waldur's versions, such as 8.1.3,
// 8.1.3-rc.16+5.gb6fab9572 and 8.1.3-rc.7.dev.20260901180117.270.
var versionNumber = regexp.MustCompile(`^\d{1,4}(\.\d{1,4}){1,3}(-(a|b|rc)\.\d{1,4})?(\.dev\.\d{14}\.\d{1,6})?(\+\d{1,6}\.g[0-9a-f]{7,12})?$`)

func checkVersion(p *prober) finding {
	var object struct {
		Version string `json:"version"`
	}
	resp, err := p.client.Get(context.Background(), "version/", nil)
	if err != nil || json.Unmarshal(resp.Body, &object) != nil || !versionNumber.MatchString(object.Version) {
		return finding{notSeen, "the server does not say"}
	}
	return finding{ok, object.Version}
}

func parseMonth(text string) waldur.Month { month, _ := waldur.ParseMonth(text); return month }

func parseUUID(text string) uuid.NullUUID {
	id, err := uuid.Parse(text)
	return uuid.NullUUID{UUID: id, Valid: err == nil}
}
