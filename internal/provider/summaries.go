package provider

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"

	"terraform-provider-waldur/internal/waldur"
)

// summaryType returns the type of a summary: an object with an attribute for each column. It is not
// a nested attribute, because override_data in Terraform's tests cannot set lists of those.
func summaryType() types.ObjectType {
	attributes := make(map[string]attr.Type, len(waldur.Columns))
	for _, column := range waldur.Columns {
		attributes[column.Name] = types.StringType
		if column.IsNumber {
			attributes[column.Name] = types.NumberType
		}
	}
	return types.ObjectType{AttrTypes: attributes}
}

// summariesDescription describes summaries and its columns, in Markdown.
func summariesDescription() string {
	var text strings.Builder
	text.WriteString("One object for each month, offering and component, or for each group with `group_by`. There is none for a month in which the " +
		"component was neither consumed nor allocated. The attributes of an object:\n")
	for _, column := range waldur.Columns {
		kind := "String"
		if column.IsNumber {
			kind = "Number"
		}
		fmt.Fprintf(&text, "\n  - `%s` (%s) %s", column.Name, kind, column.Description)
	}
	return text.String()
}

// encodedRows are the computed attributes, as MessagePack in the form of Terraform's protocol.
type encodedRows map[string]msgpack.RawMessage

// maxSummaries is the largest encoding of summaries. terraform-plugin-go sends messages of up to
// 256 MiB; the rest is for the other attributes. Tests lower it.
var maxSummaries = 255 << 20

var errTooLarge = errors.New("the encoded rows are larger than the plugin protocol's library sends")

// encodeRows encodes rows as a list of objects. All numbers are encoded as strings of digits, which
// the protocol allows. Terraform then calculates with them exactly as with numbers in a
// configuration or in a state. The error is errTooLarge, or an error of the encoder.
func encodeRows(rows []*waldur.ComponentUsage, total int) (encodedRows, error) {
	var encoded bytes.Buffer
	encoded.Grow(min(len(rows)*700, maxSummaries)) // a row has about 700 bytes
	encoder := msgpack.NewEncoder(&encoded)
	err := encoder.EncodeArrayLen(len(rows))
	for i := 0; i < len(rows) && err == nil; i++ {
		if err = encodeRow(encoder, rows[i]); encoded.Len() > maxSummaries {
			err = errTooLarge
		}
	}
	totalCount, totalErr := msgpack.Marshal(strconv.Itoa(total))
	return encodedRows{"summaries": encoded.Bytes(), "total_count": totalCount}, cmp.Or(err, totalErr)
}

func encodeRow(encoder *msgpack.Encoder, row *waldur.ComponentUsage) error {
	err := encoder.EncodeMapLen(len(waldur.Columns))
	for _, column := range waldur.Columns {
		if err == nil {
			err = encoder.EncodeString(column.Name)
		}
		if err != nil {
			return err
		}
		if column.IsNull(row) {
			err = encoder.EncodeNil()
			continue
		}
		switch value := column.Value(row).(type) {
		case *string:
			err = encoder.EncodeString(*value)
		case *int32:
			err = encoder.EncodeString(strconv.Itoa(int(*value)))
		case *waldur.Decimal:
			err = encoder.EncodeString(value.String())
		case *waldur.Month:
			err = encoder.EncodeString(value.FirstDay())
		}
	}
	return err
}

// encodedRowsKey is the context key of an *encodedRows that receives the rows.
type encodedRowsKey struct{}

// setRows passes rows to the server of NewServer. In another, it decodes them into the state.
func setRows(ctx context.Context, state *tfsdk.State, rows []*waldur.ComponentUsage, total int) (diags diag.Diagnostics) {
	encoded, err := encodeRows(rows, total)
	if receiver, ok := ctx.Value(encodedRowsKey{}).(*encodedRows); ok && err == nil {
		*receiver = encoded
	} else if err == nil {
		err = encoded.decode(state)
	}
	switch {
	case errors.Is(err, errTooLarge):
		diags.AddError("List Too Large for the Plugin Protocol", fmt.Sprintf("The encoded list of %d rows is larger than 256 MiB, the limit of the plugin "+
			"protocol's library.\n\nRead less: narrow the filters, or set group_by, min_usage_percent, limit or fields.", len(rows)))
	case err != nil:
		diags.AddError("Unexpected Read Error", sentence(err.Error())+"\n\n"+reportFault)
	}
	return diags
}

// decode sets the attributes in a state.
func (e encodedRows) decode(state *tfsdk.State) error {
	attributes := map[string]tftypes.Value{}
	err := state.Raw.As(&attributes)
	for name, encoded := range e {
		if err == nil {
			attributes[name], err = tfprotov6.DynamicValue{MsgPack: encoded}.Unmarshal(attributes[name].Type())
		}
	}
	if err == nil {
		state.Raw = tftypes.NewValue(state.Raw.Type(), attributes)
	}
	return err
}
