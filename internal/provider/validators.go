package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/net/http/httpguts"
)

// undescribed is for validators whose rules are in the descriptions of arguments.
type undescribed struct{}

func (undescribed) Description(context.Context) string { return "" }

func (undescribed) MarkdownDescription(context.Context) string { return "" }

// acceptedBy returns a validator of a string, or of a list or set of strings, that parse accepts. A
// set must not be empty. An error of parse continues a sentence that begins with the argument's
// name.
func acceptedBy[T any](parse func(string) (T, error)) parseValidator[T] {
	return parseValidator[T]{parse: parse}
}

type parseValidator[T any] struct {
	undescribed
	parse func(string) (T, error)
}

func (v parseValidator[T]) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	parseArgument(req.ConfigValue, req.Path, v.parse, &resp.Diagnostics)
}

func (v parseValidator[T]) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	v.validateElements(req.ConfigValue.Elements(), req.Path, &resp.Diagnostics)
}

func (v parseValidator[T]) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	if isKnown(req.ConfigValue) && len(req.ConfigValue.Elements()) == 0 {
		addInvalidValue(&resp.Diagnostics, req.Path, errors.New("must not be empty; leave it out instead"))
	}
	v.validateElements(req.ConfigValue.Elements(), req.Path, &resp.Diagnostics)
}

func (v parseValidator[T]) validateElements(elements []attr.Value, at path.Path, diags *diag.Diagnostics) {
	for _, element := range elements {
		text, _ := element.(types.String)
		if text.IsNull() {
			addInvalidValue(diags, at, errors.New("must not contain null"))
		}
		parseArgument(text, at, v.parse, diags)
	}
}

// wholeNumberBetween returns a validator of whole numbers from least to most. The framework's own
// types of whole numbers report a fraction as a bug in the provider.
func wholeNumberBetween(least, most int64) numberValidator[int64] {
	return numberValidator[int64]{parse: func(f *big.Float) (int64, error) {
		n, _ := f.Int64() // the nearest bound of its type
		if !f.IsInt() || n < least || n > most {
			size, _ := f.Float64()
			return 0, fmt.Errorf("must be a whole number between %d and %d; got %g", least, most, size)
		}
		return n, nil
	}}
}

// numberValidator accepts a number that parse accepts.
type numberValidator[T any] struct {
	undescribed
	parse func(*big.Float) (T, error)
}

func (v numberValidator[T]) ValidateNumber(_ context.Context, req validator.NumberRequest, resp *validator.NumberResponse) {
	if !isKnown(req.ConfigValue) {
		return
	}
	if _, err := v.parse(req.ConfigValue.ValueBigFloat()); err != nil {
		addInvalidValue(&resp.Diagnostics, req.Path, err)
	}
}

// reservedHeaders cannot be set: the connection, or the provider itself, needs them.
var reservedHeaders = []string{
	"Authorization", "Proxy-Authorization", "Proxy-Connection", "Host", "Content-Length", "Content-Type", "Transfer-Encoding",
	"Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect", "Accept", "Accept-Encoding", "Cache-Control", "Range",
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
}

// headersValidator accepts HTTP headers. Its errors do not show values, which are secret.
type headersValidator struct{ undescribed }

func (headersValidator) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	known := map[string]bool{}
	elements := req.ConfigValue.Elements()
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		value, _ := elements[name].(types.String)
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has %q, which is not the name of an HTTP header", name))
		case slices.Contains(reservedHeaders, canonical):
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has %q, which cannot be set: HTTP or the provider itself needs it", name))
		case known[canonical]:
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has %q twice, in different cases", canonical))
		case value.IsNull():
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has no value for %q", name))
		case !value.IsUnknown() && !httpguts.ValidHeaderFieldValue(value.ValueString()):
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has a value for %q with a line break or another character that HTTP does not allow; "+
				"trimspace() removes a line break at the end", name))
		}
		known[canonical] = true
	}
}
