package provider

import (
	"context"
	"strings"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

var labelFunction = providerFunction{"label", runLabel, function.Definition{
	Summary: "Names in one line that is safe to print",
	MarkdownDescription: "Joins texts with `, ` into one line that is safe to print in a terminal, in the log of a pipeline and in a comment. Use it for " +
		"names from Waldur, because other people write them. Null and blank texts are left out. Control characters and other invisible characters, `::`, " +
		"`##`, ` ``` ` and `~~~` become spaces. White space and colons at both ends of each text are removed.",
	VariadicParameter: function.StringParameter{Name: "texts", AllowNullValue: true, MarkdownDescription: "Texts to join. For a list, write `label(x...)`."},
	Return:            function.StringReturn{},
}}

func runLabel(ctx context.Context, arguments function.ArgumentsData) (attr.Value, *function.FuncError) {
	var texts []*string
	failed := arguments.Get(ctx, &texts)
	var parts []string
	for _, text := range texts {
		if text == nil {
			continue
		}
		// A colon that trimming moves to an end could become :: beside another one.
		part := strings.TrimFunc(waldur.Printable(*text), func(r rune) bool { return r == ':' || unicode.IsSpace(r) })
		if part != "" {
			parts = append(parts, part)
		}
	}
	return types.StringValue(strings.Join(parts, ", ")), failed
}
