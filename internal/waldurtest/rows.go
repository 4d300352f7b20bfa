// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// recordings are requests and responses of the Django REST framework, django-filter and
// PostgreSQL, configured as in Waldur, and the rows in that database.
//
//go:embed testdata/contract/*.json
var recordings embed.FS

// Row is the usage of one component of one offering in one month. Its key is
// (OfferingUUID, ComponentType, BillingPeriod). The first 17 fields are those of
// Waldur's API reference, in the order of the response. The server does not validate
// them.
type Row struct {
	OfferingUUID        string  `json:"offering_uuid"` // 32 hex digits, as all UUIDs
	OfferingName        string  `json:"offering_name"`
	OfferingType        string  `json:"offering_type"`
	ServiceProviderUUID string  `json:"service_provider_uuid,omitempty"` // left out if empty
	ServiceProviderName string  `json:"service_provider_name,omitempty"` // left out if empty
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
	UsagePercent        *string `json:"usage_percent"`   // nil: null

	// ProjectUUID is the project that the offering itself belongs to. It is for the
	// project_uuid filter and is not part of the response.
	ProjectUUID *string `json:"project_uuid"`
}

// ContractRows returns a new copy of the 35 rows behind the recordings in testdata/contract.
func ContractRows() []Row {
	text, err := recordings.ReadFile("testdata/contract/rows.json")
	if err != nil {
		panic(err) // cannot happen: the file is embedded
	}
	var rows []Row
	if err := json.Unmarshal(text, &rows); err != nil {
		panic(fmt.Errorf("rows.json: %w", err))
	}
	return rows
}

// cloneRows returns copies that share no memory with the rows.
func cloneRows(rows []Row) []Row {
	rows = slices.Clone(rows)
	for i := range rows {
		row := &rows[i]
		row.LimitAmount = clonePointer(row.LimitAmount)
		row.LimitPeriod = clonePointer(row.LimitPeriod)
		row.UsagePercent = clonePointer(row.UsagePercent)
		row.ProjectUUID = clonePointer(row.ProjectUUID)
	}
	return rows
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// rowEncoder returns a function that encodes the named fields of a row as JSON, or all
// fields if names is nil. As in Waldur, the order of the fields does not depend on
// names.
func rowEncoder(names []string) func(*Row) []byte {
	var fields []reflect.StructField
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Row]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "project_uuid" && (names == nil || slices.Contains(names, name)) {
			fields = append(fields, field)
		}
	}
	object := reflect.New(reflect.StructOf(fields)).Elem()
	return func(row *Row) []byte {
		for i, field := range fields {
			object.Field(i).Set(reflect.ValueOf(row).Elem().FieldByIndex(field.Index))
		}
		encoded, err := json.Marshal(object.Addr().Interface())
		if err != nil {
			panic(err) // cannot happen: texts and numbers always encode
		}
		return encoded
	}
}
