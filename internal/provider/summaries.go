// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"

	"terraform-provider-waldur/internal/waldur"
)

// maxEncodedBytes is the largest encoding of summaries. Terraform accepts messages
// of up to 256 MiB; the rest is for the other attributes.
const maxEncodedBytes = 256<<20 - 64<<10

var errTooLarge = errors.New("the encoded list is larger than 256 MiB")

// summaryObject returns the schema of a summary: an attribute for each column.
func summaryObject() schema.NestedAttributeObject {
	attributes := make(map[string]schema.Attribute, len(waldur.Columns))
	for _, column := range waldur.Columns {
		switch column.Kind {
		case waldur.WholeNumber:
			attributes[column.Name] = schema.Int32Attribute{Computed: true, MarkdownDescription: column.Description}
		case waldur.Number:
			attributes[column.Name] = schema.NumberAttribute{Computed: true, MarkdownDescription: column.Description}
		default:
			attributes[column.Name] = schema.StringAttribute{Computed: true, MarkdownDescription: column.Description}
		}
	}
	return schema.NestedAttributeObject{Attributes: attributes}
}

// encodeSummaries encodes rows as a list of objects in Terraform's protocol, which
// uses MessagePack. Decimals are encoded as strings of digits, which the protocol
// allows for numbers. Columns that are not in fields are null, unless fields is
// empty. The error is the context's, or errTooLarge.
func encodeSummaries(ctx context.Context, rows []*waldur.ComponentUsage, fields []*waldur.Column) ([]byte, error) {
	if len(fields) == 0 {
		fields = waldur.Columns
	}
	wanted := make([]bool, len(waldur.Columns))
	for i, column := range waldur.Columns {
		wanted[i] = slices.Contains(fields, column)
	}
	var encoded bytes.Buffer
	encoded.Grow(min(len(rows)*700, maxEncodedBytes)) // a row has some 700 bytes
	encoder := msgpack.NewEncoder(&encoded)
	if err := encoder.EncodeArrayLen(len(rows)); err != nil {
		return nil, err
	}
	for _, row := range rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := encodeRow(encoder, row, wanted); err != nil {
			return nil, err
		}
		if encoded.Len() > maxEncodedBytes {
			return nil, errTooLarge
		}
	}
	return encoded.Bytes(), nil
}

// encodeRow encodes a row as an object. Columns that are not wanted are null.
func encodeRow(encoder *msgpack.Encoder, row *waldur.ComponentUsage, wanted []bool) error {
	err := encoder.EncodeMapLen(len(waldur.Columns))
	for i, column := range waldur.Columns {
		if err == nil {
			err = encoder.EncodeString(column.Name)
		}
		if err != nil {
			return err
		}
		var value any
		if wanted[i] && !column.IsNull(row) {
			value = column.Value(row)
		}
		switch value := value.(type) {
		case *string:
			err = encoder.EncodeString(*value)
		case *int32:
			err = encoder.EncodeInt(int64(*value))
		case *waldur.Decimal:
			err = encoder.EncodeString(value.String())
		case *waldur.Month:
			err = encoder.EncodeString(value.FirstDay())
		default:
			err = encoder.EncodeNil()
		}
	}
	return err
}

// setSummaries passes encoded rows to the server of NewServer. With another server,
// it decodes them into the state.
func setSummaries(ctx context.Context, state *tfsdk.State, encoded []byte) error {
	if summaries, ok := ctx.Value(encodedSummariesKey{}).(*[]byte); ok {
		*summaries = encoded
		return nil
	}
	attributes := map[string]tftypes.Value{}
	if err := state.Raw.As(&attributes); err != nil {
		return err
	}
	summaries, err := tfprotov6.DynamicValue{MsgPack: encoded}.Unmarshal(attributes["summaries"].Type())
	if err != nil {
		return err
	}
	attributes["summaries"] = summaries
	state.Raw = tftypes.NewValue(state.Raw.Type(), attributes)
	return nil
}
