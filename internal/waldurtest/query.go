// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPageSize = 10
	maxPageSize     = 300
)

// query is what a request asks for, once its parameters are understood.
type query struct {
	filters  filters
	order    order
	columns  columnSet
	page     string // as sent: how many pages there are is known only after filtering
	pageSize int
}

// filters are compared with the row's column; an empty one is off.
type filters struct {
	billingPeriod, start, end                string // "2026-10-01"
	componentType, billingType, offeringType string
	offeringUUID, customerUUID, projectUUID  string // hex, no dashes
}

// badParameter is a filter's value that the server refuses.
type badParameter struct{ name, reason string }

// badParameters become the body of a 400. All of them are answered at once.
type badParameters []badParameter

func (bad badParameters) json() string {
	parts := make([]string, len(bad))
	for i, b := range bad {
		parts[i] = fmt.Sprintf("%q:[%q]", b.name, b.reason)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// parseQuery understands a request's parameters. Unknown parameters are ignored.
func parseQuery(values url.Values, now time.Time, fullDates bool) (query, badParameters) {
	p := parameters{values: values, fullDates: fullDates}
	q := query{
		filters:  p.filters(),
		order:    parseOrder(last(values, "o")),
		columns:  p.columns(),
		page:     strings.TrimSpace(last(values, "page")),
		pageSize: parsePageSize(last(values, "page_size")),
	}
	if !p.namesMonth() {
		q.filters.billingPeriod = now.UTC().Format("2006-01") + "-01"
	}
	return q, p.bad
}

// parameters reads values one by one and gathers those that are bad.
type parameters struct {
	values    url.Values
	fullDates bool
	bad       badParameters
}

func (p *parameters) filters() filters {
	return filters{
		billingPeriod: p.month("billing_period"),
		start:         p.month("start"),
		end:           p.month("end"),
		offeringUUID:  p.uuid("offering_uuid"),
		customerUUID:  p.uuid("customer_uuid"),
		projectUUID:   p.uuid("project_uuid"),
		componentType: p.text("component_type"),
		billingType:   p.text("billing_type"),
		offeringType:  p.text("offering_type"),
	}
}

// namesMonth says whether a parameter about the month is there, with or without a value: Waldur looks at
// their presence to decide whether to answer for the current month only.
func (p *parameters) namesMonth() bool {
	return p.values.Has("billing_period") || p.values.Has("start") || p.values.Has("end")
}

// text returns a value without surrounding space, which Django's form fields strip.
func (p *parameters) text(name string) string {
	return strings.TrimSpace(last(p.values, name))
}

func (p *parameters) month(name string) string {
	value := p.text(name)
	if value == "" {
		return ""
	}
	// Go's layouts take a month of one digit or two, as Python's strptime does.
	layout := "2006-1"
	if p.fullDates {
		layout = "2006-1-2"
	}
	date, err := time.Parse(layout, value)
	if err != nil || date.Year() < 1 {
		p.bad = append(p.bad, badParameter{name, "Enter a valid date."})
		return ""
	}
	return date.Format(time.DateOnly)
}

func (p *parameters) uuid(name string) string {
	value := p.text(name)
	if value == "" {
		return ""
	}
	// Python's uuid.UUID takes dashes anywhere.
	digits := strings.ToLower(strings.ReplaceAll(value, "-", ""))
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != 32 {
		p.bad = append(p.bad, badParameter{name, "Enter a valid UUID."})
		return ""
	}
	return digits
}

// columns returns what the repeated field parameter names. Where it names nothing that there is, the
// recorded server answers rows without any fields; see "only unknown fields" in testdata/contract.
func (p *parameters) columns() columnSet {
	names, restricted := p.values["field"]
	if !restricted {
		return allColumns
	}
	return namedColumns(names)
}

// last returns a parameter's last value, as Django does where a parameter is not meant to be repeated.
func last(values url.Values, name string) string {
	all := values[name]
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// parsePageSize returns 10 for what is no positive number and 300 for what is more.
func parsePageSize(value string) int {
	size, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || size < 1 {
		return defaultPageSize
	}
	return min(size, maxPageSize)
}

// order is the columns to sort by, the most important first.
type order []orderTerm

type orderTerm struct {
	column     string
	descending bool
}

// orderableColumns are the columns that Waldur lets o name.
var orderableColumns = []string{"usage_percent", "billing_period", "total_consumed", "total_allocated"}

// defaultOrder is newest month, offering name, component name. It is not total: two offerings may have
// the same name and components of the same name.
var defaultOrder = order{{"billing_period", true}, {"offering_name", false}, {"component_name", false}}

// parseOrder drops names that cannot be ordered by. If none is left, the default order holds.
func parseOrder(value string) order {
	var terms order
	for term := range strings.SplitSeq(value, ",") {
		name, descending := strings.CutPrefix(strings.TrimSpace(term), "-")
		if slices.Contains(orderableColumns, name) {
			terms = append(terms, orderTerm{name, descending})
		}
	}
	if terms == nil {
		return defaultOrder
	}
	return terms
}

// String returns the order as the o parameter has it.
func (o order) String() string {
	terms := make([]string, len(o))
	for i, term := range o {
		terms[i] = term.column
		if term.descending {
			terms[i] = "-" + term.column
		}
	}
	return strings.Join(terms, ",")
}

// match says whether the row passes all filters.
func (f filters) match(row *Row) bool {
	return f.matchMonth(row.BillingPeriod) &&
		equal(f.componentType, row.ComponentType) &&
		equal(f.billingType, row.BillingType) &&
		equal(f.offeringType, row.OfferingType) &&
		equal(f.offeringUUID, row.OfferingUUID) &&
		equal(f.customerUUID, row.ServiceProviderUUID) &&
		f.matchProject(row.ProjectUUID)
}

func (f filters) matchMonth(month string) bool {
	return equal(f.billingPeriod, month) &&
		(f.start == "" || month >= f.start) &&
		(f.end == "" || month <= f.end)
}

func (f filters) matchProject(project *string) bool {
	return f.projectUUID == "" || project != nil && *project == f.projectUUID
}

// equal passes everything when the filter is off.
func equal(filter, value string) bool { return filter == "" || filter == value }
