package waldur

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Query describes the rows to return. Its fields are in the order of its steps: the filters select
// rows, and each later step works on the rows of the step before. The zero Query selects what the
// server does without a filter: the current month in UTC, all columns, in the default order.
type Query struct {
	BillingPeriod Month // the only month to read
	Latest        bool  // this month, or last month if the server has no rows at all yet for this one
	Start, End    Month // the first and the last month to read
	OfferingUUID  uuid.NullUUID
	CustomerUUID  uuid.NullUUID // the offering's service provider
	ProjectUUID   uuid.NullUUID // the project that the offering itself belongs to
	OfferingType  string
	ComponentType string
	BillingType   string
	RequireRows   bool // fail with the cause [NoRows] if the filters select no row

	// WholeLimitPeriods replaces the consumption of each row's month with that of the whole period
	// of its limit up to that month. The filters must select one month, so no Start or End.
	WholeLimitPeriods bool

	// GroupBy makes one row of all rows that are equal in these columns, in measured_unit and in
	// limit_period. They can be columns of text and months.
	GroupBy []*Column

	MinUsagePercent *Decimal // leaves out rows with a lower percentage or none; nil keeps all rows

	// OrderBy is the order of the list. Ties, and all rows if it is empty, are in the default order:
	// newest month, offering name, component name, and then offering UUID and component type, or for
	// groups the columns that their rows share.
	OrderBy []Ordering

	Limit  int       // maximum number of rows; 0 means no limit
	Fields []*Column // to return, all if it is empty; the other columns are nil

	// Consistent requires a list that the server held at one moment, even if the data changes during
	// the read. All pages are then read at least twice.
	Consistent bool

	PageSize int // rows to request per page, [MaxPageSize] if it is 0

	columns []*Column // to read; the client sets them
}

// pageRequest says which page of a query's rows to request.
type pageRequest struct {
	number int    // from 1
	size   int    // rows on a page
	order  string // the server's order, its default if empty
}

// filter is a query parameter that selects rows.
type filter struct {
	parameter string
	value     string
	month     Month   // the value, if it is a month
	column    *Column // that shows whether the server obeyed the filter; nil if none does
}

// filters returns the filters that are set.
func (q *Query) filters() (filters []filter) {
	add := func(parameter, value, column string, month Month) {
		if value != "" {
			filters = append(filters, filter{parameter, value, month, ColumnByName(column)})
		}
	}
	id := func(id uuid.NullUUID) string {
		if !id.Valid {
			return ""
		}
		return hex.EncodeToString(id.UUID[:])
	}
	add("billing_period", q.BillingPeriod.String(), "billing_period", q.BillingPeriod)
	add("start", q.Start.String(), "billing_period", q.Start)
	add("end", q.End.String(), "billing_period", q.End)
	add("offering_uuid", id(q.OfferingUUID), "offering_uuid", Month{})
	add("customer_uuid", id(q.CustomerUUID), "service_provider_uuid", Month{})
	add("project_uuid", id(q.ProjectUUID), "", Month{})
	add("offering_type", q.OfferingType, "offering_type", Month{})
	add("component_type", q.ComponentType, "component_type", Month{})
	add("billing_type", q.BillingType, "billing_type", Month{})
	return filters
}

// excludes reports whether a row cannot be among those that the filter selects.
func (f filter) excludes(u *ComponentUsage) bool {
	if f.column == nil {
		return false
	}
	switch value := f.column.Value(u).(type) {
	case *Month:
		order := value.Compare(f.month)
		return order < 0 && f.parameter != "end" || order > 0 && f.parameter != "start"
	case *string:
		id := value != nil && strings.HasSuffix(f.parameter, "_uuid") && strings.EqualFold(strings.ReplaceAll(*value, "-", ""), f.value)
		return value == nil || *value != f.value && !id
	}
	return true
}

// values returns the query parameters of a page.
func (q *Query) values(r pageRequest, fullDates bool) url.Values {
	values := url.Values{"page_size": {strconv.Itoa(r.size)}}
	for _, f := range q.filters() {
		values.Set(f.parameter, f.value)
		if fullDates && !f.month.IsZero() {
			values.Set(f.parameter, f.month.FirstDay())
		}
	}
	if r.order != "" {
		values.Set("o", r.order)
	}
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

// hasMonths reports whether the query says which months to read.
func (q *Query) hasMonths() bool {
	return !q.BillingPeriod.IsZero() || !q.Start.IsZero() || !q.End.IsZero()
}

// keyAndFilterColumns returns the columns of the key, and those that show that filters were obeyed.
func (q *Query) keyAndFilterColumns() []*Column {
	columns := slices.Clone(keyColumns)
	for _, f := range q.filters() {
		columns = append(columns, f.column)
	}
	return columns
}

// columnsToRead returns the columns that the filters and steps need, in the API's order.
func (q *Query) columnsToRead() []*Column {
	if len(q.Fields) == 0 && len(q.GroupBy) == 0 {
		return Columns
	}
	needed := slices.Concat(q.keyAndFilterColumns(), q.Fields)
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

// defaultColumns are those of the server's default order, which is not total.
var defaultColumns = columnsByName("billing_period", "offering_name", "component_name")

// order returns the order of the list: the query's, then the server's default, then the columns of
// the key or of the group. It is total, because no two rows or groups are equal in all of these.
func (q *Query) order() []Ordering {
	last := keyColumns
	if len(q.GroupBy) > 0 {
		last = sharedColumns(q.GroupBy)
	}
	return slices.Concat(q.OrderBy, orderBy(defaultColumns), orderBy(last))
}
