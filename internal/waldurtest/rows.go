// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// recordings are exchanges with the Django REST framework, django-filter and PostgreSQL set up as
// Waldur sets them up, and the rows behind them.
//
//go:embed testdata/contract/*.json
var recordings embed.FS

// Row is one row of the endpoint: what one component of one offering came to in one month. Its key is
// (OfferingUUID, ComponentType, BillingPeriod). The server does not check a row; what it answers is what
// the row holds, in the order of the 17 fields in Waldur's API reference.
type Row struct {
	OfferingUUID        string  `json:"offering_uuid"` // 32 lower-case hex digits, as all UUIDs here
	OfferingName        string  `json:"offering_name"`
	OfferingType        string  `json:"offering_type"`
	ServiceProviderUUID string  `json:"service_provider_uuid"`
	ServiceProviderName string  `json:"service_provider_name"`
	CategoryUUID        string  `json:"category_uuid"`
	CategoryTitle       string  `json:"category_title"`
	ComponentType       string  `json:"component_type"`
	ComponentName       string  `json:"component_name"`
	MeasuredUnit        string  `json:"measured_unit"` // may be empty
	BillingType         string  `json:"billing_type"`
	LimitAmount         *int32  `json:"limit_amount"`    // nil: null, no limit
	LimitPeriod         *string `json:"limit_period"`    // nil: null, an older server
	BillingPeriod       string  `json:"billing_period"`  // the first of the month, "2026-10-01"
	TotalConsumed       string  `json:"total_consumed"`  // a decimal as text, "12.50"
	TotalAllocated      string  `json:"total_allocated"` // a decimal as text
	UsagePercent        *string `json:"usage_percent"`   // a decimal as text; nil: null, nothing allocated

	// ProjectUUID is the project that the offering itself belongs to. It is filtered by and never answered.
	ProjectUUID *string `json:"project_uuid"`
}

// ContractRows returns a fresh copy of the 35 rows that were in the database when the exchanges in
// testdata/contract were recorded.
func ContractRows() []Row {
	text, err := recordings.ReadFile("testdata/contract/rows.json")
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	var rows []Row
	if err := json.Unmarshal(text, &rows); err != nil {
		panic(fmt.Errorf("rows.json: %w", err))
	}
	return rows
}

// clone shares nothing with the row, so that neither side sees the other's later changes.
func (r Row) clone() Row {
	r.LimitAmount = clonePointer(r.LimitAmount)
	r.LimitPeriod = clonePointer(r.LimitPeriod)
	r.UsagePercent = clonePointer(r.UsagePercent)
	r.ProjectUUID = clonePointer(r.ProjectUUID)
	return r
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func cloneRows(rows []Row) []Row {
	clones := slices.Clone(rows)
	for i := range clones {
		clones[i] = clones[i].clone()
	}
	return clones
}

// column is one of the 17 fields of an answer.
type column struct {
	name   string
	append func(json []byte, row *Row) []byte
}

// columns stand in the order in which the API answers them, whatever the order of the field parameters.
var columns = [...]column{
	{"offering_uuid", text(func(r *Row) string { return r.OfferingUUID })},
	{"offering_name", text(func(r *Row) string { return r.OfferingName })},
	{"offering_type", text(func(r *Row) string { return r.OfferingType })},
	{"service_provider_uuid", text(func(r *Row) string { return r.ServiceProviderUUID })},
	{"service_provider_name", text(func(r *Row) string { return r.ServiceProviderName })},
	{"category_uuid", text(func(r *Row) string { return r.CategoryUUID })},
	{"category_title", text(func(r *Row) string { return r.CategoryTitle })},
	{"component_type", text(func(r *Row) string { return r.ComponentType })},
	{"component_name", text(func(r *Row) string { return r.ComponentName })},
	{"measured_unit", text(func(r *Row) string { return r.MeasuredUnit })},
	{"billing_type", text(func(r *Row) string { return r.BillingType })},
	{"limit_amount", number(func(r *Row) *int32 { return r.LimitAmount })},
	{"limit_period", nullableText(func(r *Row) *string { return r.LimitPeriod })},
	{"billing_period", text(func(r *Row) string { return r.BillingPeriod })},
	{"total_consumed", text(func(r *Row) string { return r.TotalConsumed })},
	{"total_allocated", text(func(r *Row) string { return r.TotalAllocated })},
	{"usage_percent", nullableText(func(r *Row) *string { return r.UsagePercent })},
}

// columnSet has bit i set for columns[i].
type columnSet uint32

const allColumns columnSet = 1<<len(columns) - 1

// namedColumns returns the columns with those names; names that no column has are dropped.
func namedColumns(names []string) columnSet {
	var set columnSet
	for i, c := range columns {
		if slices.Contains(names, c.name) {
			set |= 1 << i
		}
	}
	return set
}

// appendRow appends the row's columns as a JSON object.
func (set columnSet) appendRow(json []byte, row *Row) []byte {
	json = append(json, '{')
	separator := ""
	for i := range columns {
		if set&(1<<i) == 0 {
			continue
		}
		json = append(json, separator...)
		json = append(json, '"')
		json = append(json, columns[i].name...)
		json = append(json, `":`...)
		json = columns[i].append(json, row)
		separator = ","
	}
	return append(json, '}')
}

func text(value func(*Row) string) func([]byte, *Row) []byte {
	return func(json []byte, row *Row) []byte { return appendText(json, value(row)) }
}

func nullableText(value func(*Row) *string) func([]byte, *Row) []byte {
	return func(json []byte, row *Row) []byte {
		v := value(row)
		if v == nil {
			return append(json, "null"...)
		}
		return appendText(json, *v)
	}
}

func number(value func(*Row) *int32) func([]byte, *Row) []byte {
	return func(json []byte, row *Row) []byte {
		v := value(row)
		if v == nil {
			return append(json, "null"...)
		}
		return strconv.AppendInt(json, int64(*v), 10)
	}
}

// appendText appends a JSON string as Django REST framework writes it: not ASCII-only, not HTML-escaped.
func appendText(out []byte, s string) []byte {
	if isPlain(s) {
		out = append(out, '"')
		out = append(out, s...)
		return append(out, '"')
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return append(out, bytes.TrimRight(quoted.Bytes(), "\n")...)
}

// isPlain says that s needs no escape in JSON; nearly all of a row is plain, and encoding/json's detour
// would be most of what encoding a row costs.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r > '~' || r == '"' || r == '\\'
	})
}
