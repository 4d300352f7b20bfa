// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// componentUsageMonthlyPath is below the root of the API, new in Waldur 8.0.8.
const componentUsageMonthlyPath = "marketplace-component-usage-monthly/"

// MaxPageSize is the most rows that the server puts on a page.
const MaxPageSize = 300

// ComponentUsage is a row of Waldur's monthly usage: what was consumed and
// allocated of a component of an offering, over all its resources, in a month.
// Its fields are those of ComponentUsageMonthly in Waldur's API reference; what
// each means is said in [Columns]. Fields that were not asked for are zero.
type ComponentUsage struct {
	OfferingUUID        string
	OfferingName        string
	OfferingType        string
	ServiceProviderUUID *string
	ServiceProviderName *string
	CategoryUUID        string
	CategoryTitle       string
	ComponentType       string
	ComponentName       string
	MeasuredUnit        string
	BillingType         string
	LimitAmount         *int32
	LimitPeriod         *string
	BillingPeriod       Month
	TotalConsumed       decimal.Decimal
	TotalAllocated      decimal.Decimal
	UsagePercent        decimal.NullDecimal
}

// Key identifies a row. The server's database holds one row for a component and
// a month, and one component for an offering and a type.
type Key struct {
	OfferingUUID  string
	ComponentType string
	BillingPeriod Month
}

// Key returns what identifies the row.
func (u *ComponentUsage) Key() Key {
	return Key{u.OfferingUUID, u.ComponentType, u.BillingPeriod}
}

// Query selects and orders rows. The zero Query asks for all columns of what the
// server gives without a filter: the current month, in UTC.
type Query struct {
	BillingPeriod Month // this month alone
	Start, End    Month // from and up to this month

	OfferingUUID uuid.NullUUID
	CustomerUUID uuid.NullUUID // the offering's service provider
	ProjectUUID  uuid.NullUUID // the project that the offering itself belongs to

	OfferingType  string
	ComponentType string
	BillingType   string

	// Fields are the columns that are wanted, all if it is empty. Those that
	// the order and the key need are read besides.
	Fields []*Column

	// OrderBy is the order of the list. Ties, and all rows if it is empty, are in
	// the default order: newest month, offering's name, component's name, and then
	// the offering's UUID and the component's type.
	OrderBy []Ordering

	// Consistent asks for rows that were all there at one moment, with the values
	// that the list has, even if the data change while they are read: all pages are
	// read at least twice, unless there is only one, until the server has sent
	// every row alike before that moment and after it.
	Consistent bool

	// PageSize is the number of rows to ask for in a request, MaxPageSize if it is 0.
	PageSize int
}

// months are the query's months by parameter.
func (q *Query) months() map[string]Month {
	months := map[string]Month{}
	for parameter, month := range map[string]Month{"billing_period": q.BillingPeriod, "start": q.Start, "end": q.End} {
		if !month.IsZero() {
			months[parameter] = month
		}
	}
	return months
}

// values returns the query's parameters but those of paging.
func (q *Query) values(fullDates bool) url.Values {
	values := url.Values{}
	for parameter, month := range q.months() {
		values.Set(parameter, month.String())
		if fullDates {
			values.Set(parameter, month.FirstDay())
		}
	}
	for parameter, id := range map[string]uuid.NullUUID{
		"offering_uuid": q.OfferingUUID, "customer_uuid": q.CustomerUUID, "project_uuid": q.ProjectUUID,
	} {
		if id.Valid {
			values.Set(parameter, hex.EncodeToString(id.UUID[:]))
		}
	}
	for parameter, text := range map[string]string{
		"offering_type": q.OfferingType, "component_type": q.ComponentType, "billing_type": q.BillingType,
	} {
		if text != "" {
			values.Set(parameter, text)
		}
	}
	if len(q.Fields) > 0 {
		for _, column := range q.columns() {
			values.Add("field", column.Name)
		}
	}
	return values
}

// unasked returns what a row is of that the query leaves out, or nothing. It goes
// by the columns that are always read.
func (q *Query) unasked(row *ComponentUsage) string {
	month := row.BillingPeriod
	switch {
	case !q.BillingPeriod.IsZero() && month != q.BillingPeriod,
		!q.Start.IsZero() && month.Compare(q.Start) < 0,
		!q.End.IsZero() && month.Compare(q.End) > 0:
		return "the month " + month.String()
	case q.OfferingUUID.Valid && !isUUID(row.OfferingUUID, q.OfferingUUID.UUID):
		return "the offering " + row.OfferingUUID
	case q.ComponentType != "" && row.ComponentType != q.ComponentType:
		return "the component " + row.ComponentType
	}
	return ""
}

func isUUID(text string, id uuid.UUID) bool {
	parsed, err := uuid.Parse(text)
	return err == nil && parsed == id
}

// columns returns the columns to read, in the API's order.
func (q *Query) columns() []*Column {
	if len(q.Fields) == 0 {
		return Columns
	}
	var columns []*Column
	for _, column := range Columns {
		ordersBy := func(o Ordering) bool { return o.Column == column }
		if slices.Contains(q.Fields, column) || slices.Contains(keyColumns, column) ||
			slices.ContainsFunc(q.OrderBy, ordersBy) || slices.ContainsFunc(defaultOrder, ordersBy) {
			columns = append(columns, column)
		}
	}
	return columns
}

// sort puts rows into the query's order, which is total: no two rows have the
// same key.
func (q *Query) sort(rows []*ComponentUsage) {
	order := append(slices.Clone(q.OrderBy), defaultOrder...)
	slices.SortFunc(rows, func(a, b *ComponentUsage) int {
		for _, ordering := range order {
			if c := ordering.compare(a, b); c != 0 {
				return c
			}
		}
		return 0
	})
}

// pageRequest is what one page is asked for with.
type pageRequest struct {
	number int // from 1
	size   int
	order  string // for the server, its default if empty
}

// page is what the server answers for one page.
type page struct {
	Asked
	number  int
	rows    []*ComponentUsage
	count   int  // rows on all pages, -1 if the server does not say
	linked  bool // the server sent links to other pages
	hasNext bool // one of them is to a next page
}

// fetch asks for one page. If the server refuses months written YYYY-MM, it asks
// again with first days of months, and keeps to them if they are taken: the
// published schema of the API calls these parameters dates.
func (c *Client) fetch(ctx context.Context, q *Query, r pageRequest) (*answer, error) {
	fullDates := c.fullDates.Load()
	a, err := c.get(ctx, componentUsageMonthlyPath, r.values(q, fullDates))
	if fullDates || !refusesMonths(err, q) {
		return a, err
	}
	again, againErr := c.get(ctx, componentUsageMonthlyPath, r.values(q, true))
	if refusesMonths(againErr, q) {
		return nil, err
	}
	if againErr == nil {
		c.fullDates.Store(true)
	}
	return again, againErr
}

func refusesMonths(err error, q *Query) bool {
	var refusal *FilterError
	if !errors.As(err, &refusal) {
		return false
	}
	for parameter := range q.months() {
		if refusal.Refuses(parameter) {
			return true
		}
	}
	return false
}

// values returns the parameters of a query and one of its pages.
func (r pageRequest) values(q *Query, fullDates bool) url.Values {
	values := q.values(fullDates)
	values.Set("page_size", strconv.Itoa(r.size))
	if r.number > 1 {
		values.Set("page", strconv.Itoa(r.number))
	}
	if r.order != "" {
		values.Set("o", r.order)
	}
	return values
}

// page reads an answer as the page that was asked for.
func (a *answer) page(ctx context.Context, q *Query, number int) (*page, error) {
	rows, err := a.rows(q.columns())
	a.client.debugRequest(ctx, a.Asked, a.elapsed, map[string]any{"status": http.StatusOK, "rows": len(rows)})
	if err != nil {
		return nil, err
	}
	if a.queryLost {
		return nil, &LostQueryError{Asked: a.Asked, Problem: "a redirect led to " + a.at + ", without the query or with another"}
	}
	for i, row := range rows {
		if unasked := q.unasked(row); unasked != "" {
			return nil, &LostQueryError{Asked: a.Asked, Problem: fmt.Sprintf("row %d is of %s, which was not asked for", i+1, a.client.redactor.excerpt([]byte(unasked)))}
		}
	}
	link := strings.Join(a.header.Values("Link"), ", ")
	return &page{
		Asked: a.Asked, number: number, rows: rows, count: resultCount(a.header.Get("X-Result-Count")),
		linked: pageLink.MatchString(link), hasNext: nextLink.MatchString(link),
	}, nil
}

// nextLink is a link of RFC 8288 to a next page. Its address is not used: behind
// a proxy it may be one that only the server can reach.
var nextLink = regexp.MustCompile(`(?i);\s*rel=["']?next\b`)

// pageLink is a link that a server sends with any page.
var pageLink = regexp.MustCompile(`(?i);\s*rel=["']?(first|prev|next|last)\b`)

// resultCount returns the number that a server counts, or -1 if the header is
// missing or is no count.
func resultCount(header string) int {
	count, err := strconv.ParseUint(strings.TrimSpace(header), 10, 31)
	if err != nil {
		return -1
	}
	return int(count)
}
