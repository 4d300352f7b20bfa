// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// listType is a list whose value stays as Terraform's protocol has it, until
// somebody wants it as a list of the framework. Nobody does in a read: the
// framework asks for the value only to see that there was none before, and the
// conversion would cost more than all of ours.
type listType struct {
	basetypes.ListType
}

var _ basetypes.ListTypable = listType{}

// Equal reports whether the other type is a listType of the same elements.
func (t listType) Equal(other attr.Type) bool {
	o, ok := other.(listType)
	return ok && t.ListType.Equal(o.ListType)
}

// ValueFromTerraform keeps the value.
func (t listType) ValueFromTerraform(_ context.Context, raw tftypes.Value) (attr.Value, error) {
	return &listValue{listType: t, raw: raw}, nil
}

// ValueFromList converts a list of the framework.
func (t listType) ValueFromList(ctx context.Context, list basetypes.ListValue) (basetypes.ListValuable, diag.Diagnostics) {
	raw, err := list.ToTerraformValue(ctx)
	if err != nil {
		return nil, diag.Diagnostics{diag.NewErrorDiagnostic("Unusable List", err.Error())}
	}
	return &listValue{listType: t, raw: raw}, nil
}

// ValueType returns a value of this type.
func (t listType) ValueType(context.Context) attr.Value { return &listValue{listType: t} }

// listValue is a value of a listType.
type listValue struct {
	listType listType
	raw      tftypes.Value
}

var _ basetypes.ListValuable = &listValue{}

// Type returns the value's listType.
func (v *listValue) Type(context.Context) attr.Type { return v.listType }

// ToTerraformValue returns the value as it was kept.
func (v *listValue) ToTerraformValue(context.Context) (tftypes.Value, error) { return v.raw, nil }

// ToListValue converts the value to a list of the framework.
func (v *listValue) ToListValue(ctx context.Context) (basetypes.ListValue, diag.Diagnostics) {
	value, err := v.listType.ListType.ValueFromTerraform(ctx, v.raw)
	list, ok := value.(basetypes.ListValue)
	if err != nil || !ok {
		return list, diag.Diagnostics{diag.NewErrorDiagnostic("Unusable List", fmt.Sprintf("%T: %v", value, err))}
	}
	return list, nil
}

// Equal reports whether the other value is equal, at once if it is the same.
func (v *listValue) Equal(other attr.Value) bool {
	o, ok := other.(*listValue)
	return ok && (v == o || v.raw.Equal(o.raw))
}

// IsNull reports whether the list is null.
func (v *listValue) IsNull() bool { return v.raw.IsNull() }

// IsUnknown reports whether the list is not known yet.
func (v *listValue) IsUnknown() bool { return !v.raw.IsKnown() }

// String returns the value for debugging.
func (v *listValue) String() string { return v.raw.String() }
