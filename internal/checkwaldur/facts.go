package main

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"terraform-provider-waldur/internal/waldur"
)

// fact is something that Waldur's API does.
type fact struct {
	name   string
	needed string // by the provider: yes, or no for a fact that is never broken
	rows   int    // that show it, at least
	check  func(*prober) finding
}

// finding is what was found about a fact. The text never comes from the server, except for a
// version number.
type finding struct{ verdict, text string }

const (
	ok        = "ok"
	tolerated = "tolerated" // not as expected, but the provider works with it
	broken    = "BROKEN"
	notSeen   = "not seen" // the rows do not show it
)

const other = "0123456789abcdef0123456789abcdef" // no row has this UUID or text

// facts are in the order of the table.
var facts = []fact{
	{"rows, columns and X-Result-Count", "yes", 0, func(p *prober) finding { return p.known.finding }},
	{"page_size=300", "yes", 300, probe("start=&page_size=300", hasRows(300, 300), hasRows(1, 299))},
	{"page past the last", "yes", 0, probe("start=&page_size=300&page=1000000", isNotFound, hasRows(0, 0))},
	{"list without a month has this month", "yes", 1, probe("o=billing_period&page_size=1", isOfThisMonth)},
	{"newest month first", "yes", 1, probe(newestRow, isNewest)},
	{"filter billing_period", "yes", 1, filter("billing_period", "1900-01", func(q *waldur.Query, s string) { q.BillingPeriod = parseMonth(s) })},
	{"filter start", "yes", 1, filter("billing_period", "9999-12", func(q *waldur.Query, s string) { q.Start = parseMonth(s) })},
	{"filter end", "yes", 1, filter("billing_period", "1999-12", func(q *waldur.Query, s string) { q.End = parseMonth(s) })},
	{"filter offering_uuid", "yes", 1, filter("offering_uuid", other, func(q *waldur.Query, s string) { _ = q.OfferingUUID.UnmarshalText([]byte(s)) })},
	{"filter customer_uuid", "yes", 1, filter("service_provider_uuid", other, func(q *waldur.Query, s string) { _ = q.CustomerUUID.UnmarshalText([]byte(s)) })},
	{"filter project_uuid", "yes", 1, filter("", other, func(q *waldur.Query, s string) { _ = q.ProjectUUID.UnmarshalText([]byte(s)) })}, // no column has it
	{"filter offering_type", "yes", 1, filter("offering_type", other, func(q *waldur.Query, s string) { q.OfferingType = s })},
	{"filter component_type", "yes", 1, filter("component_type", other, func(q *waldur.Query, s string) { q.ComponentType = s })},
	{"filter billing_type", "yes", 1, filter("billing_type", other, func(q *waldur.Query, s string) { q.BillingType = s })},
	{"values of limit_period", "yes", 1, checkLimitPeriods},
	// A later version of Waldur may lack a column that the provider names in field or o.
	{"field, with an unknown column", "yes", 1, probe(newestRow+"&field=offering_uuid&field=component_type&field=billing_period&field=other", hasKey)},
	{"o, with an unknown column", "yes", 1, probe("start=&o=usage_percent,total_consumed,other&page_size=1", hasRows(1, 1))},
	{"version of the server", "no", 0, checkVersion},
}

type condition func(*prober, *response) bool

// probe returns a check that sends one request as it is. The fact is ok if the first condition
// holds, tolerated if the second does, and otherwise broken.
func probe(query string, conditions ...condition) func(*prober) finding {
	return func(p *prober) finding {
		r := p.get(query)
		i := slices.IndexFunc(conditions, func(holds condition) bool { return holds(p, r) })
		return finding{[]string{broken, ok, tolerated}[i+1], r.text}
	}
}

func hasRows(least, most int) condition {
	return func(_ *prober, r *response) bool {
		return r.verdict == ok && len(r.rows) >= least && len(r.rows) <= most
	}
}

func isNotFound(_ *prober, r *response) bool { return r.text == string(waldur.NotFound) }

// isOfThisMonth looks at the oldest row. There may be none, if no known row is of this month.
func isOfThisMonth(p *prober, r *response) bool {
	known := count(p.known.rows, "billing_period")[p.thisMonth.String()]
	return known == 0 && hasRows(0, 0)(p, r) || hasRows(1, 1)(p, r) && month(r.rows[0]) == p.thisMonth
}

func isNewest(p *prober, r *response) bool {
	return hasRows(1, 1)(p, r) && !slices.ContainsFunc(p.known.rows, func(row *waldur.ComponentUsage) bool { return month(row).Compare(month(r.rows[0])) > 0 })
}

func hasKey(p *prober, r *response) bool {
	return hasRows(1, 1)(p, r) && r.rows[0].OfferingUUID != nil && r.rows[0].ComponentType != nil && r.rows[0].BillingPeriod != nil
}

// filter returns a check that the server returns no rows for a value that no row has, and all
// known rows for the rarest value of a column.
func filter(column, unused string, set func(*waldur.Query, string)) func(*prober) finding {
	return func(p *prober) finding {
		query := waldur.Query{Start: p.start}
		set(&query, unused)
		none := p.list(query)
		if len(none.rows) > 0 {
			return finding{broken, "rows for a value that no row has"}
		}
		known := count(p.known.rows, column)
		if none.verdict != ok || len(known) == 0 {
			return none.finding
		}
		value := slices.MinFunc(slices.Sorted(maps.Keys(known)), func(a, b string) int { return known[a] - known[b] })
		set(&query, value)
		some := p.list(query)
		if some.verdict == ok && count(some.rows, column)[value] < known[value] {
			return finding{broken, "rows that match are missing"}
		}
		return some.finding
	}
}

// count returns how many rows have each value of a column.
func count(rows []*waldur.ComponentUsage, name string) map[string]int {
	counts, column := map[string]int{}, waldur.ColumnByName(name)
	for _, row := range rows {
		if column != nil && !column.IsNull(row) {
			counts[fmt.Sprint(reflect.ValueOf(column.Value(row)).Elem())]++
		}
	}
	delete(counts, "")
	return counts
}

// checkLimitPeriods looks for limits of a period that the provider does not know, for which its
// usage_period = "limit_period" fails.
func checkLimitPeriods(p *prober) finding {
	periods := slices.Sorted(maps.Keys(count(p.known.rows, "limit_period")))
	for _, period := range periods {
		if _, err := waldur.ElapsedPercent(p.thisMonth, &period, time.Time{}); err != nil {
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
	var object map[string]any
	resp, err := p.client.Get(context.Background(), "version/", nil)
	if err == nil && json.Unmarshal(resp.Body, &object) == nil && versionNumber.MatchString(fmt.Sprint(object["version"])) {
		return finding{ok, fmt.Sprint(object["version"])}
	}
	return finding{notSeen, "the server does not say"}
}

func parseMonth(text string) waldur.Month { month, _ := waldur.ParseMonth(text); return month }
