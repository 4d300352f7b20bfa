package waldurtest

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	defaultPageSize = 10
	maxPageSize     = 300
)

// query is the parsed form of a request's parameters.
type query struct {
	// Filters. An empty filter matches every row.
	billingPeriod, start, end                string // "2026-10-01"
	offeringUUID, customerUUID, projectUUID  string // 32 lower-case hex digits
	componentType, billingType, offeringType string

	order    []string // columns to sort by, with "-" for descending
	fields   []string // names of fields of the response, as sent
	page     string   // as sent; it is checked after the count
	pageSize int
}

// orderColumns are the columns that the o parameter can name.
var orderColumns = []string{"usage_percent", "billing_period", "total_consumed", "total_allocated"}

// defaultOrder is not total: two offerings can have the same name and components of the same name.
var defaultOrder = []string{"-billing_period", "offering_name", "component_name"}

// parseQuery ignores unknown parameters. If it refuses some, it returns the JSON member
// of each for the body of the 400 response.
func (s *Server) parseQuery(r *http.Request) (q query, invalid []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := r.URL.Query()
	p := parameters{values: values, language: language(r), fullDates: s.fullDates}
	q = query{
		billingPeriod: p.month("billing_period"),
		start:         p.month("start"),
		end:           p.month("end"),
		offeringUUID:  p.uuid("offering_uuid"),
		customerUUID:  p.uuid("customer_uuid"),
		projectUUID:   p.uuid("project_uuid"),
		componentType: p.filterText("component_type"),
		billingType:   p.filterText("billing_type"),
		offeringType:  p.filterText("offering_type"),
		order:         p.order(),
		fields:        values["field"],
		page:          cmp.Or(p.text("page"), "1"),
		pageSize:      p.pageSize(),
	}
	// Waldur defaults to the current month only if none of these parameters is present,
	// even an empty one.
	if !values.Has("billing_period") && !values.Has("start") && !values.Has("end") {
		q.billingPeriod = s.now().UTC().Format("2006-01") + "-01"
	}
	return q, p.invalid
}

// parameters parses parameters one by one and collects the invalid ones.
type parameters struct {
	values    url.Values
	language  string
	fullDates bool
	invalid   []string
}

// text returns the value as Django does: the last one if the parameter is repeated,
// without surrounding space.
func (p *parameters) text(name string) string {
	values := p.values[name]
	if len(values) == 0 {
		return ""
	}
	return strings.TrimFunc(values[len(values)-1], isSpace)
}

// isSpace reports what Python's str.strip removes.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= '\x1c' && r <= '\x1f'
}

func (p *parameters) filterText(name string) string {
	value := p.text(name)
	if strings.Contains(value, "\x00") {
		p.refuse(name, "Null characters are not allowed.")
	}
	return value
}

func (p *parameters) month(name string) string {
	value := p.text(name)
	if value == "" {
		return ""
	}
	// Like Python's strptime, Go's "1" accepts a month of one digit or two.
	layout := "2006-1"
	if p.fullDates {
		layout = "2006-1-2"
	}
	date, err := time.Parse(layout, value)
	if err != nil || date.Year() == 0 {
		p.refuse(name, "Enter a valid date.")
	}
	return date.Format(time.DateOnly)
}

func (p *parameters) uuid(name string) string {
	// Like Python's uuid.UUID, this accepts urn:uuid: and braces around the digits, and
	// dashes anywhere.
	text := p.text(name)
	digits := strings.Trim(strings.NewReplacer("urn:", "", "uuid:", "").Replace(text), "{}")
	digits = strings.ToLower(strings.ReplaceAll(digits, "-", ""))
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != 32 && text != "" {
		p.refuse(name, "Enter a valid UUID.")
	}
	return digits
}

func (p *parameters) refuse(name, reason string) {
	p.invalid = append(p.invalid, fmt.Sprintf("%q:[%q]", name, translate(p.language, reason)))
}

// order drops unknown columns. If none is left, it returns the default order.
func (p *parameters) order() []string {
	terms := strings.Split(p.text("o"), ",")
	terms = slices.DeleteFunc(terms, func(term string) bool {
		return !slices.Contains(orderColumns, strings.TrimPrefix(term, "-"))
	})
	if len(terms) == 0 {
		return defaultOrder
	}
	return terms
}

func (p *parameters) pageSize() int {
	size, err := strconv.Atoi(p.text("page_size"))
	if err != nil || size < 1 {
		return defaultPageSize
	}
	return min(size, maxPageSize)
}

// matches reports whether the row passes all filters.
func (q *query) matches(row *Row) bool {
	project := ""
	if row.ProjectUUID != nil {
		project = *row.ProjectUUID
	}
	for _, equal := range []struct{ filter, value string }{
		{q.billingPeriod, row.BillingPeriod},
		{q.offeringUUID, row.OfferingUUID},
		{q.customerUUID, row.ServiceProviderUUID},
		{q.projectUUID, project},
		{q.componentType, row.ComponentType},
		{q.billingType, row.BillingType},
		{q.offeringType, row.OfferingType},
	} {
		if equal.filter != "" && equal.filter != equal.value {
			return false
		}
	}
	return row.BillingPeriod >= q.start && (q.end == "" || row.BillingPeriod <= q.end)
}
