package waldurtest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

//go:embed testdata/contract/rows.json
var contractRows []byte

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

// ContractRows returns a new copy of the 35 rows behind the recordings in
// testdata/contract/framework.jsonl.
func ContractRows() []Row {
	var rows []Row
	if err := json.Unmarshal(contractRows, &rows); err != nil {
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
// fields if no name is that of a field. As in Waldur, the order of the fields does not
// depend on names.
func rowEncoder(names []string) func(*Row) []byte {
	var all, fields []reflect.StructField
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Row]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "project_uuid" {
			continue
		}
		all = append(all, field)
		if slices.Contains(names, name) {
			fields = append(fields, field)
		}
	}
	if len(fields) == 0 {
		fields = all
	}
	object := reflect.New(reflect.StructOf(fields)).Elem()
	return func(row *Row) []byte {
		for i, field := range fields {
			object.Field(i).Set(reflect.ValueOf(row).Elem().FieldByIndex(field.Index))
		}
		var encoded bytes.Buffer
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(object.Addr().Interface()); err != nil {
			panic(err) // cannot happen: texts and numbers always encode
		}
		return bytes.TrimSuffix(encoded.Bytes(), []byte("\n"))
	}
}
