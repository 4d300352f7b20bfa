// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"context"
	"encoding/hex"
	"net/url"
	"slices"

	"github.com/google/uuid"
)

// ComponentUsage is a row of Waldur's monthly usage: how much of a component of
// an offering was consumed and allocated in a month, over all its resources. Its
// fields are those of ComponentUsageMonthly in Waldur's API reference; [Columns]
// describes each. A field that is null, or was not read, is nil.
type ComponentUsage struct {
	OfferingUUID        *string  `json:"offering_uuid"`
	OfferingName        *string  `json:"offering_name"`
	OfferingType        *string  `json:"offering_type"`
	ServiceProviderUUID *string  `json:"service_provider_uuid"`
	ServiceProviderName *string  `json:"service_provider_name"`
	CategoryUUID        *string  `json:"category_uuid"`
	CategoryTitle       *string  `json:"category_title"`
	ComponentType       *string  `json:"component_type"`
	ComponentName       *string  `json:"component_name"`
	MeasuredUnit        *string  `json:"measured_unit"`
	BillingType         *string  `json:"billing_type"`
	LimitAmount         *int32   `json:"limit_amount"`
	LimitPeriod         *string  `json:"limit_period"`
	BillingPeriod       *Month   `json:"billing_period"`
	TotalConsumed       *Decimal `json:"total_consumed"`
	TotalAllocated      *Decimal `json:"total_allocated"`
	UsagePercent        *Decimal `json:"usage_percent"`
}

// Key identifies a row: the server's database keeps it unique.
type Key struct {
	OfferingUUID  string
	ComponentType string
	BillingPeriod Month
}

// key returns the row's key, whose columns are always read.
func (u *ComponentUsage) key() Key {
	return Key{*u.OfferingUUID, *u.ComponentType, *u.BillingPeriod}
}

// equal reports whether two rows have the same values in all columns.
func (u *ComponentUsage) equal(other *ComponentUsage) bool {
	return !slices.ContainsFunc(Columns, func(c *Column) bool {
		return c.IsNull(u) != c.IsNull(other) || !c.IsNull(u) && c.compare(u, other) != 0
	})
}

// Query selects and orders rows. The zero Query selects what the server returns
// without a filter, the current month in UTC, with all columns.
type Query struct {
	BillingPeriod Month // this month only
	Start, End    Month // from and up to this month

	OfferingUUID uuid.NullUUID
	CustomerUUID uuid.NullUUID // the offering's service provider
	ProjectUUID  uuid.NullUUID // the project that the offering itself belongs to

	OfferingType  string
	ComponentType string
	BillingType   string

	// Fields are the columns to read, all if it is empty. The columns of the order
	// and of the key are always read.
	Fields []*Column

	// OrderBy is the order of the list. Ties, and all rows if it is empty, are in
	// the default order: newest month, offering name, component name, offering UUID,
	// component type.
	OrderBy []Ordering

	// Consistent requires a list that the server held at one moment, even if the
	// data changes during the read. All pages are then read at least twice.
	Consistent bool

	// PageSize is the number of rows to request per page, [MaxPageSize] if it is 0.
	PageSize int
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

// values returns the query parameters that select rows and columns.
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

// columns returns the columns to read, in the API's order.
func (q *Query) columns() []*Column {
	if len(q.Fields) == 0 {
		return Columns
	}
	wanted := slices.Concat(q.Fields, keyColumns)
	for _, ordering := range slices.Concat(q.OrderBy, defaultOrder) {
		wanted = append(wanted, ordering.Column)
	}
	return slices.DeleteFunc(slices.Clone(Columns), func(c *Column) bool { return !slices.Contains(wanted, c) })
}

// violatedFilter returns the filter that a row does not match and the row's value,
// or empty strings. Columns that were not read are not checked. Nor is
// project_uuid, which no column has.
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
	case q.CustomerUUID.Valid && !isUUID(u.ServiceProviderUUID, q.CustomerUUID.UUID) && slices.Contains(q.columns(), serviceProviderUUID):
		if u.ServiceProviderUUID == nil {
			return "customer_uuid", "no service provider"
		}
		return "customer_uuid", *u.ServiceProviderUUID
	case differs(u.ComponentType, q.ComponentType):
		return "component_type", *u.ComponentType
	case differs(u.OfferingType, q.OfferingType):
		return "offering_type", *u.OfferingType
	case differs(u.BillingType, q.BillingType):
		return "billing_type", *u.BillingType
	}
	return "", ""
}

var serviceProviderUUID = mustColumn("service_provider_uuid")

func isUUID(text *string, id uuid.UUID) bool {
	if text == nil {
		return false
	}
	parsed, err := uuid.Parse(*text)
	return err == nil && parsed == id
}

// differs reports whether a value was read and does not match the filter.
func differs(value *string, filter string) bool {
	return filter != "" && value != nil && *value != filter
}

// sort puts rows into the query's order, which is total: no two rows have the
// same key.
func (q *Query) sort(ctx context.Context, rows []*ComponentUsage) error {
	order := slices.Concat(q.OrderBy, defaultOrder)
	slices.SortFunc(rows, func(a, b *ComponentUsage) int {
		if ctx.Err() != nil {
			return 0 // so that the sort ends soon
		}
		for _, ordering := range order {
			if c := ordering.compare(a, b); c != 0 {
				return c
			}
		}
		return 0
	})
	return ctx.Err()
}
