// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"

	"terraform-provider-waldur/internal/waldur"
)

// fact is something that Waldur's API does.
type fact struct {
	name   string
	needed bool // by the provider
	check  func(*server) finding
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
	needed   = true
	optional = false
)

// facts are in the order of the table. An optional fact is never broken.
var facts = []fact{
	{"list is a JSON array in UTF-8", needed, checkArray},
	{"Content-Type", needed, checkContentType},
	{"form of months in filters", needed, checkMonthForm},
	{"X-Result-Count is the number of rows", needed, checkCount},
	{"X-Result-Count is equal on all pages", needed, checkCounts},
	{"page_size=2", needed, pageSize(2)},
	{"page_size=300", needed, pageSize(waldur.MaxPageSize)},
	{"page past the last", needed, checkPastLast},
	{"list without a month has one month", needed, checkCurrentMonth},
	{"list without rows", needed, checkNoRows},
	{"filter billing_period", needed, monthFilter("billing_period")},
	{"filter start", needed, monthFilter("start")},
	{"filter end", needed, monthFilter("end")},
	{"filter offering_uuid", needed, equalFilter("offering_uuid", "offering_uuid")},
	{"filter customer_uuid", needed, equalFilter("customer_uuid", "service_provider_uuid")},
	{"filter project_uuid", needed, equalFilter("project_uuid", "")},
	{"filter offering_type", needed, equalFilter("offering_type", "offering_type")},
	{"filter component_type", needed, equalFilter("component_type", "component_type")},
	{"filter billing_type", needed, equalFilter("billing_type", "billing_type")},
	{"errors of bad filters", needed, checkBadFilters},
	{"columns and their types", needed, checkColumns},
	{"decimals", needed, checkDecimals},
	{"keys are unique", needed, checkKeys},
	{"field, repeated", needed, checkField},
	// A later version of Waldur may lack a column that the provider names in field or o.
	{"field with an unknown column", needed, checkUnknownField},
	{"o with the provider's columns", needed, order("usage_percent,total_consumed,total_allocated,billing_period")},
	{"o with an unknown column", needed, order("no_such_column")},
	{"HEAD", optional, checkHead},
	{"Link", optional, checkLink},
	{"largest page", optional, checkLargestPage},
	{"order is total", optional, checkTotalOrder},
	{"columns that the provider does not know", optional, checkFurtherColumns},
	{"version of the server", optional, checkVersion},
}

func checkArray(s *server) finding {
	switch first := s.allMonths("page_size=2"); {
	case first.rows == nil:
		return finding{broken, "not a JSON array of objects"}
	case !utf8.Valid(s.largePage().body):
		return finding{broken, "not UTF-8"}
	}
	return finding{ok, "yes"}
}

func checkContentType(s *server) finding {
	switch s.allMonths("page_size=2").mediaType() {
	case "application/json":
		return finding{ok, "application/json"}
	case "text/html":
		return finding{broken, "text/html"}
	}
	return finding{tolerated, "not application/json"}
}

func checkMonthForm(s *server) finding {
	month := waldur.NewMonth(2000, time.January)
	switch {
	case s.monthForm == nil:
		return finding{broken, "neither YYYY-MM nor YYYY-MM-01 is accepted"}
	case s.monthForm(month) == month.FirstDay():
		return finding{tolerated, "YYYY-MM-01; YYYY-MM is refused"}
	}
	return finding{ok, "YYYY-MM"}
}

// pages returns the number of rows on a page and the number of pages, for
// page_size=2. Like the provider, it relies on the rows of the first page. Both are
// 0 if there are no rows or no count.
func (s *server) pages() (size, last int) {
	first := s.allMonths("page_size=2")
	if len(first.rows) == 0 || first.count() < 1 {
		return 0, 0
	}
	return len(first.rows), (first.count()-1)/len(first.rows) + 1
}

func (s *server) page(number int) *response {
	if number == 1 {
		return s.allMonths("page_size=2")
	}
	return s.allMonths("page_size=2&page=" + strconv.Itoa(number))
}

func checkCount(s *server) finding {
	first := s.allMonths("page_size=2")
	size, last := s.pages()
	switch {
	case first.header.Get("X-Result-Count") == "":
		return finding{broken, "no header"}
	case first.count() < 0:
		return finding{broken, "not a number"}
	case size == 0 && first.count() == 0 && len(first.rows) == 0:
		return finding{ok, "0"}
	case size == 0, len(s.page(last).rows) != first.count()-size*(last-1), len(s.page(last+1).rows) > 0:
		return finding{broken, "a different number"}
	}
	return finding{ok, strconv.Itoa(first.count())}
}

func checkCounts(s *server) finding {
	_, last := s.pages()
	if last < 2 {
		return finding{notSeen, "fewer than two pages"}
	}
	count := s.allMonths("page_size=2").count()
	if s.page(2).count() != count || s.page(last).count() != count {
		return finding{broken, "a different number, or none"}
	}
	return finding{ok, "on the first, the second and the last of " + strconv.Itoa(last)}
}

// pageSize checks the first page and, for small pages, the second. A server may
// put fewer rows on a page, but the same number on each.
func pageSize(size int) func(*server) finding {
	return func(s *server) finding {
		first := s.allMonths("page_size=" + strconv.Itoa(size))
		count, rows := first.count(), len(first.rows)
		_, last := s.pages()
		switch {
		case first.status != http.StatusOK:
			return failed(first)
		case count < size && rows == count:
			return finding{notSeen, "too few rows"}
		case count < 0:
			return finding{notSeen, "no X-Result-Count"}
		case rows == 0:
			return finding{broken, "no rows"}
		case size == 2 && last > 2 && len(s.page(2).rows) != rows:
			return finding{broken, "pages of different sizes"}
		case rows != size:
			return finding{tolerated, fmt.Sprintf("%d rows", rows)}
		}
		return finding{ok, fmt.Sprintf("%d rows", rows)}
	}
}

func checkPastLast(s *server) finding {
	switch r := s.page(1_000_000); {
	case r.status == http.StatusNotFound && r.mediaType() != "text/html":
		return finding{ok, "HTTP 404, not HTML"}
	case r.status == http.StatusNotFound:
		return finding{broken, "HTTP 404, HTML"}
	case r.status == http.StatusOK && r.rows != nil && len(r.rows) == 0:
		return finding{tolerated, "HTTP 200, no rows"}
	default:
		return finding{broken, fmt.Sprintf("HTTP %d", r.status)}
	}
}

func checkCurrentMonth(s *server) finding {
	current := s.get("page_size=2")
	switch oldest, newest := s.months(); {
	case len(current.rows) == 0:
		return finding{notSeen, "no rows without a month"}
	case oldest == newest:
		return finding{notSeen, "all rows have one month"}
	}
	ascending := s.get("o=billing_period&page_size=2") // the default order begins with the newest month
	if len(ascending.rows) > 0 && ascending.rows[0].month() != current.rows[0].month() {
		return finding{broken, "rows of several months"}
	}
	return finding{ok, "yes"}
}

func checkNoRows(s *server) finding {
	month := waldur.NewMonth(1900, time.January)
	if s.monthForm == nil {
		return finding{notSeen, "months are refused"}
	}
	switch r := s.get("billing_period=" + s.monthForm(month) + "&page_size=2"); {
	case r.status != http.StatusOK:
		return failed(r)
	case r.rows == nil || len(r.rows) > 0:
		return finding{broken, "not an empty array"}
	case r.count() > 0:
		return finding{broken, "an empty array, but X-Result-Count is not 0"}
	}
	return finding{ok, "HTTP 200, an empty array"}
}

// largePage returns the first page of the provider's page size.
func (s *server) largePage() *response {
	return s.allMonths("page_size=" + strconv.Itoa(waldur.MaxPageSize))
}

// rows returns the rows of the large page and a few of the oldest months, each once.
func (s *server) rows() []row {
	var rows []row
	known := map[[3]string]bool{}
	for _, r := range slices.Concat(s.largePage().rows, s.allMonths("o=billing_period&page_size=10").rows) {
		if !known[r.key()] {
			rows = append(rows, r)
		}
		known[r.key()] = true
	}
	return rows
}

// months returns the first and the last month of the rows. They are equal if the
// rows have fewer than two months, or if the server refuses months.
func (s *server) months() (oldest, newest waldur.Month) {
	for _, r := range s.rows() {
		month := r.month()
		if month.IsZero() || s.monthForm == nil {
			continue
		}
		if oldest.IsZero() || month.Compare(oldest) < 0 {
			oldest = month
		}
		if newest.IsZero() || month.Compare(newest) > 0 {
			newest = month
		}
	}
	return oldest, newest
}

func monthFilter(parameter string) func(*server) finding {
	return func(s *server) finding {
		oldest, newest := s.months()
		switch {
		case s.monthForm == nil:
			return finding{notSeen, "months are refused"}
		case oldest == newest && parameter == "end":
			return s.checkNone(s.allMonthsQuery("end=" + s.monthForm(waldur.NewMonth(1999, time.December))))
		case oldest == newest:
			return s.checkNone(parameter + "=" + s.monthForm(waldur.NewMonth(9999, time.December)))
		}
		switch parameter {
		case "start":
			return s.checkFilter("start="+s.monthForm(newest), func(r row) bool { return r.month().Compare(newest) >= 0 })
		case "end":
			return s.checkFilter(s.allMonthsQuery("end="+s.monthForm(oldest)), func(r row) bool { return r.month().Compare(oldest) <= 0 })
		}
		return s.checkFilter("billing_period="+s.monthForm(newest), func(r row) bool { return r.month() == newest })
	}
}

// equalFilter filters by a value that some rows have and others do not. Without such
// a value, it filters by one that no row has. No column has the project of a row.
func equalFilter(parameter, column string) func(*server) finding {
	return func(s *server) finding {
		rows := s.rows()
		first := max(0, slices.IndexFunc(rows, func(r row) bool { return r.text(column) != "" }))
		matches := func(r row) bool { return r.text(column) == rows[first].text(column) }
		if !slices.ContainsFunc(rows, func(r row) bool { return !matches(r) }) {
			return s.checkNone(s.allMonthsQuery(parameter + "=" + strings.Repeat("0123456789abcdef", 2)))
		}
		value := rows[first].text(column)
		if strings.HasSuffix(parameter, "_uuid") {
			value = hex(value)
		}
		return s.checkFilter(s.allMonthsQuery(parameter+"="+url.QueryEscape(value)), matches)
	}
}

// checkFilter checks that a query has the rows that match, and no others. Some rows
// match, and others do not.
func (s *server) checkFilter(query string, matches func(row) bool) finding {
	known := 0
	for _, r := range s.rows() {
		if matches(r) {
			known++
		}
	}
	filtered := s.get(query + "&page_size=10")
	count, countOfAll := filtered.count(), s.allMonths("page_size=2").count()
	switch {
	case filtered.status != http.StatusOK:
		return failed(filtered)
	case slices.ContainsFunc(filtered.rows, func(r row) bool { return !matches(r) }):
		return finding{broken, "rows that do not match"}
	case len(filtered.rows) == 0, count >= 0 && count < known:
		return finding{broken, "rows that match are missing"}
	case count >= 0 && count == countOfAll:
		return finding{broken, "ignored"}
	}
	return finding{ok, "only rows that match"}
}

// checkNone checks a filter with a value that no row has.
func (s *server) checkNone(query string) finding {
	switch r := s.get(query + "&page_size=2"); {
	case len(s.rows()) == 0:
		return finding{notSeen, "no rows"}
	case r.status == http.StatusBadRequest:
		return finding{tolerated, "HTTP 400 for a value that no row has"}
	case r.status != http.StatusOK:
		return failed(r)
	case len(r.rows) > 0:
		return finding{broken, "rows for a value that no row has"}
	}
	return finding{ok, "no rows for a value that no row has"}
}

// checkBadFilters sends all bad filters at once. The provider reports each refusal
// at its argument, and tries the other form of months if one of those is refused.
func checkBadFilters(s *server) finding {
	parameters := []string{"billing_period", "start", "end", "offering_uuid", "customer_uuid", "project_uuid"}
	r := s.get(strings.Join(parameters, "=bad&") + "=bad")
	var problems map[string][]string
	switch err := json.Unmarshal(r.body, &problems); {
	case r.status != http.StatusBadRequest:
		return finding{broken, fmt.Sprintf("HTTP %d, not 400", r.status)}
	case err != nil:
		return finding{broken, `HTTP 400, but not as {"PARAMETER": ["…"]}`}
	}
	named := 0
	for _, parameter := range parameters {
		if len(problems[parameter]) > 0 {
			named++
		}
	}
	text := fmt.Sprintf("HTTP 400 names %d of %d", named, len(parameters))
	switch {
	case len(problems["billing_period"])+len(problems["start"])+len(problems["end"]) == 0:
		return finding{broken, text + ", but no month"}
	case named < len(parameters):
		return finding{tolerated, text}
	}
	return finding{ok, text}
}

// checkColumns decodes each column as the provider does.
func checkColumns(s *server) finding {
	rows := s.rows()
	if len(rows) == 0 {
		return finding{notSeen, "no rows"}
	}
	var absent []string
	for _, column := range waldur.Columns {
		filled := false
		for _, r := range rows {
			value, present := r[column.Name]
			filled = filled || present
			usage, err := decode(column, value)
			switch {
			case column.IsNull(usage) && !column.Nullable && err == nil:
				return finding{broken, column.Name + " is missing or null"}
			case err != nil && column.Kind != waldur.DecimalKind:
				return finding{broken, column.Name + " has the wrong type"}
			}
		}
		if !filled {
			absent = append(absent, column.Name)
		}
	}
	if len(absent) > 0 {
		return finding{tolerated, "no row has " + strings.Join(absent, ", ")}
	}
	return finding{ok, fmt.Sprintf("%d columns in %d rows", len(waldur.Columns), len(rows))}
}

// decode returns a row with a single column.
func decode(column *waldur.Column, value json.RawMessage) (*waldur.ComponentUsage, error) {
	usage := &waldur.ComponentUsage{}
	if value == nil {
		return usage, nil
	}
	return usage, jsonv2.Unmarshal(fmt.Appendf(nil, "{%q:%s}", column.Name, value), usage)
}

func checkDecimals(s *server) finding {
	found := finding{notSeen, "no rows"}
	for _, column := range waldur.Columns {
		if column.Kind != waldur.DecimalKind {
			continue
		}
		for _, r := range s.rows() {
			value := r[column.Name]
			usage, err := decode(column, value)
			switch {
			case err != nil:
				return finding{broken, column.Name + " is not a decimal, or out of bounds"}
			case column.IsNull(usage):
			case value[0] != '"':
				found = finding{tolerated, "JSON numbers"}
			case found.verdict == notSeen:
				found = finding{ok, "JSON strings"}
			}
		}
	}
	return found
}

func checkKeys(s *server) finding {
	rows := s.largePage().rows
	if len(rows) < 2 {
		return finding{notSeen, "fewer than two rows"}
	}
	keys := map[[3]string]bool{}
	for _, r := range rows {
		keys[r.key()] = true
	}
	if len(keys) < len(rows) {
		return finding{broken, fmt.Sprintf("%d keys in %d rows", len(keys), len(rows))}
	}
	return finding{ok, fmt.Sprintf("%d rows", len(rows))}
}

const (
	keyFields = "field=offering_uuid&field=component_type&field=billing_period"
	keyLength = 3
)

func checkField(s *server) finding { return s.checkFields("") }

func checkUnknownField(s *server) finding { return s.checkFields("&field=no_such_column") }

// checkFields requests the columns of the key. The provider ignores columns that it
// did not request.
func (s *server) checkFields(further string) finding {
	r := s.allMonths(keyFields + further + "&page_size=2")
	switch {
	case r.status != http.StatusOK:
		return failed(r)
	case len(r.rows) == 0:
		return finding{notSeen, "no rows"}
	case slices.ContainsFunc(r.rows, row.lacksKey):
		return finding{broken, "requested columns are missing"}
	case slices.ContainsFunc(r.rows, func(r row) bool { return len(r) > keyLength }):
		return finding{tolerated, "more columns than requested"}
	}
	return finding{ok, "only the requested columns"}
}

// order checks that an order has the same number of rows as the default order.
func order(columns string) func(*server) finding {
	return func(s *server) finding {
		first, ordered := s.allMonths("page_size=2"), s.allMonths("o="+columns+"&page_size=2")
		switch {
		case ordered.status != http.StatusOK:
			return failed(ordered)
		case len(first.rows) == 0:
			return finding{notSeen, "no rows"}
		case len(ordered.rows) != len(first.rows), ordered.count() != first.count():
			return finding{broken, "a different number of rows"}
		}
		return finding{ok, "HTTP 200, the same number of rows"}
	}
}

func checkHead(s *server) finding {
	get, head := s.allMonths("page_size=2"), s.request(http.MethodHead, s.allMonthsQuery("page_size=2"))
	switch {
	case head.status != http.StatusOK:
		return finding{tolerated, fmt.Sprintf("HTTP %d", head.status)}
	case head.count() != get.count(), head.header.Get("Link") != get.header.Get("Link"), head.mediaType() != get.mediaType():
		return finding{tolerated, "headers differ from GET"}
	}
	return finding{ok, "the headers of GET"}
}

func checkLink(s *server) finding {
	link := s.allMonths("page_size=2").header.Get("Link")
	var found []string
	for _, relation := range []string{"first", "prev", "next", "last"} {
		if strings.Contains(link, `rel="`+relation+`"`) {
			found = append(found, relation)
		}
	}
	if len(found) == 0 {
		return finding{tolerated, "none on the first page"}
	}
	return finding{ok, strings.Join(found, ", ") + " on the first page"}
}

func checkLargestPage(s *server) finding {
	const size = waldur.MaxPageSize + 100
	r := s.allMonths(keyFields + "&page_size=" + strconv.Itoa(size))
	text := fmt.Sprintf("%d rows with page_size=%d", len(r.rows), size)
	switch {
	case r.count() < size:
		return finding{notSeen, "too few rows"}
	case len(r.rows) != waldur.MaxPageSize:
		return finding{tolerated, text}
	}
	return finding{ok, text}
}

// checkTotalOrder looks for rows that tie in the default order, and reads them again
// with another page size, for which a database may order them differently.
func checkTotalOrder(s *server) finding {
	rows := s.largePage().rows
	ties := 0
	for i := 1; i < len(rows); i++ {
		if rows[i].text("billing_period") == rows[i-1].text("billing_period") &&
			rows[i].text("offering_name") == rows[i-1].text("offering_name") &&
			rows[i].text("component_name") == rows[i-1].text("component_name") {
			ties++
		}
	}
	switch {
	case len(rows) < 2:
		return finding{notSeen, "fewer than two rows"}
	case ties == 0:
		return finding{notSeen, fmt.Sprintf("none of %d rows tie", len(rows))}
	}
	text := fmt.Sprintf("%d of %d rows tie with the row before", ties, len(rows))
	for i, r := range s.allMonths("page_size=100").rows {
		if i < len(rows) && r.key() != rows[i].key() {
			return finding{tolerated, text + ", and change places"}
		}
	}
	return finding{ok, text + ", and keep their places in 2 reads"}
}

func checkFurtherColumns(s *server) finding {
	further := map[string]bool{}
	for _, r := range s.rows() {
		for name := range r {
			if waldur.ColumnByName(name) == nil {
				further[name] = true
			}
		}
	}
	switch {
	case len(s.rows()) == 0:
		return finding{notSeen, "no rows"}
	case len(further) > 0:
		return finding{tolerated, strconv.Itoa(len(further))}
	}
	return finding{ok, "none"}
}

// versionNumber is the form of a version. Nothing else of a response is printed.
var versionNumber = regexp.MustCompile(`^v?\d{1,4}(\.\d{1,4}){1,3}([-.+]?(a|b|rc|dev|post)\.?\d{0,4})?$`)

func checkVersion(s *server) finding {
	r, err := s.send(http.MethodGet, versionPath, "")
	var object struct {
		Version string `json:"version"`
	}
	if err != nil || r.status != http.StatusOK || json.Unmarshal(r.body, &object) != nil || !versionNumber.MatchString(object.Version) {
		return finding{notSeen, "the server does not say"}
	}
	return finding{ok, object.Version}
}

// failed is the finding of a response that must have status 200.
func failed(r *response) finding {
	return finding{broken, fmt.Sprintf("HTTP %d", r.status)}
}
