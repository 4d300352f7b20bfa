// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// Query describes the rows to return. Its fields are in the order of its steps: the
// filters select rows, and each later step works on the rows of the step before. The
// zero Query selects what the server returns without a filter: the current month in
// UTC, with all columns, in the default order.
type Query struct {
	BillingPeriod Month // this month only
	Latest        bool  // this month, or last month if the server has no rows at all yet for this one
	Start, End    Month // from and up to this month

	OfferingUUID uuid.NullUUID
	CustomerUUID uuid.NullUUID // the offering's service provider
	ProjectUUID  uuid.NullUUID // the project that the offering itself belongs to

	OfferingType  string
	ComponentType string
	BillingType   string

	// RequireRows makes the query fail with the cause [NoRows] if the filters select no row.
	RequireRows bool

	// WholeLimitPeriods replaces the consumption of each row's month with that of the
	// whole period of its limit up to that month. The filters must select one month,
	// so Start and End must not be set.
	WholeLimitPeriods bool

	// GroupBy makes one row of all rows that are equal in these columns, in
	// measured_unit and in limit_period. They can be columns of text and months.
	GroupBy []*Column

	// MinUsagePercent leaves out rows with a lower percentage, and those without one.
	// Nil keeps all rows.
	MinUsagePercent *Decimal

	// OrderBy is the order of the list. Ties, and all rows if it is empty, are in the
	// default order: newest month, offering name, component name, and then offering UUID
	// and component type, or for groups the columns that their rows share.
	OrderBy []Ordering

	// Limit is the maximum number of rows. 0 means no limit.
	Limit int

	// Fields are the columns to return, all if it is empty. The other columns are nil.
	Fields []*Column

	// Consistent requires a list that the server held at one moment, even if the
	// data changes during the read. All pages are then read at least twice.
	Consistent bool

	// PageSize is the number of rows to request per page, [MaxPageSize] if it is 0.
	PageSize int

	columns []*Column // to read; the client sets them
}

// pageRequest says which page of a query's rows to request.
type pageRequest struct {
	number int    // from 1
	size   int    // rows on a page
	order  string // the server's order, its default if empty
}

// values returns the query parameters of a page.
func (q *Query) values(r pageRequest, fullDates bool) url.Values {
	values := url.Values{"page_size": {strconv.Itoa(r.size)}}
	set := func(parameter, value string) {
		if value != "" {
			values.Set(parameter, value)
		}
	}
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
	set("offering_type", q.OfferingType)
	set("component_type", q.ComponentType)
	set("billing_type", q.BillingType)
	set("o", r.order)
	if r.number > 1 {
		values.Set("page", strconv.Itoa(r.number))
	}
	if len(q.columns) < len(Columns) {
		for _, column := range q.columns {
			values.Add("field", column.Name)
		}
	}
	return values
}

// months returns the months of the query by parameter.
func (q *Query) months() map[string]Month {
	months := map[string]Month{}
	for parameter, month := range map[string]Month{"billing_period": q.BillingPeriod, "start": q.Start, "end": q.End} {
		if !month.IsZero() {
			months[parameter] = month
		}
	}
	return months
}

// Filters returns the query parameters that select rows, such as
// "component_type=cpu", in alphabetical order.
func (q *Query) Filters() []string {
	selection := *q
	selection.columns = Columns
	values := selection.values(pageRequest{}, false)
	values.Del("page_size")
	var filters []string
	for _, parameter := range slices.Sorted(maps.Keys(values)) {
		filters = append(filters, parameter+"="+values.Get(parameter))
	}
	return filters
}

// filterColumns returns the columns that show whether the server obeyed the filters, apart
// from those of the key. No column shows project_uuid.
func (q *Query) filterColumns() (columns []*Column) {
	for name, used := range map[string]bool{
		"offering_type": q.OfferingType != "", "billing_type": q.BillingType != "", "service_provider_uuid": q.CustomerUUID.Valid,
	} {
		if used {
			columns = append(columns, ColumnByName(name))
		}
	}
	return columns
}

// columnsToRead returns the columns that the filters and the steps of the query need, in
// the API's order.
func (q *Query) columnsToRead() []*Column {
	if len(q.Fields) == 0 && len(q.GroupBy) == 0 {
		return Columns
	}
	needed := slices.Concat(keyColumns, q.filterColumns(), q.Fields)
	if len(q.GroupBy) > 0 {
		needed = append(needed, slices.Concat(q.GroupBy, unitColumns, totalColumns)...)
	} else {
		for _, ordering := range q.order() {
			needed = append(needed, ordering.Column)
		}
		if q.MinUsagePercent != nil {
			needed = append(needed, percentColumn)
		}
	}
	if q.WholeLimitPeriods {
		needed = append(needed, slices.Concat(unitColumns, totalColumns)...)
	}
	return inOrder(needed)
}

// keepFields sets the columns that the query does not return to nil.
func (q *Query) keepFields(rows []*ComponentUsage) {
	if len(q.Fields) == 0 {
		return
	}
	empty := &ComponentUsage{}
	for _, column := range Columns {
		if !slices.Contains(q.Fields, column) {
			for _, row := range rows {
				column.copy(row, empty)
			}
		}
	}
}

// CanLeaveOut reports whether the query reads a column only to return it, so that
// other Fields would leave it out.
func (q *Query) CanLeaveOut(column *Column) bool {
	if len(q.Fields) > 0 && !slices.Contains(q.Fields, column) || len(q.GroupBy) > 0 {
		return false
	}
	others := *q
	others.Fields = columnsByName("offering_uuid") // which is always read
	return !slices.Contains(others.columnsToRead(), column)
}

// defaultColumns are those of the server's default order, which is not total.
var defaultColumns = columnsByName("billing_period", "offering_name", "component_name")

// order returns the order of the list: the query's, then the server's default, then the
// columns of the key or of the group. It is total, because no two rows have the same
// key, and no two groups the same columns.
func (q *Query) order() []Ordering {
	last := keyColumns
	if len(q.GroupBy) > 0 {
		last = sharedColumns(q.GroupBy)
	}
	return slices.Concat(q.OrderBy, orderBy(defaultColumns), orderBy(last))
}

// violatedFilter returns the filter that a row does not match and the row's value,
// or empty strings. It does not check project_uuid, which no column has.
func (q *Query) violatedFilter(u *ComponentUsage) (parameter, value string) {
	month := *u.BillingPeriod
	switch {
	case !q.BillingPeriod.IsZero() && month != q.BillingPeriod:
		return "billing_period", month.String()
	case !q.Start.IsZero() && month.Compare(q.Start) < 0:
		return "start", month.String()
	case !q.End.IsZero() && month.Compare(q.End) > 0:
		return "end", month.String()
	case q.OfferingUUID.Valid && !isUUID(u.OfferingUUID, q.OfferingUUID.UUID):
		return "offering_uuid", *u.OfferingUUID
	case q.CustomerUUID.Valid && u.ServiceProviderUUID == nil:
		return "customer_uuid", "no service provider"
	case q.CustomerUUID.Valid && !isUUID(u.ServiceProviderUUID, q.CustomerUUID.UUID):
		return "customer_uuid", *u.ServiceProviderUUID
	case q.ComponentType != "" && *u.ComponentType != q.ComponentType:
		return "component_type", *u.ComponentType
	case q.OfferingType != "" && *u.OfferingType != q.OfferingType:
		return "offering_type", *u.OfferingType
	case q.BillingType != "" && *u.BillingType != q.BillingType:
		return "billing_type", *u.BillingType
	}
	return "", ""
}

// isUUID reports whether a text is that UUID, with or without dashes.
func isUUID(text *string, id uuid.UUID) bool {
	parsed, err := uuid.Parse(*text)
	return err == nil && parsed == id
}
