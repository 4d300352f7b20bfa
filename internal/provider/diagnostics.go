package provider

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

const reportFault = "This is a bug in the provider. Please report it."

// sentence returns a text as a sentence. A quoted sentence at the end keeps its full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".")
	if slices.ContainsFunc([]string{`."`, `!"`, `?"`}, func(end string) bool { return strings.HasSuffix(text, end) }) {
		return text
	}
	return text + "."
}

// sources says where to find the values of some arguments.
var sources = map[string]string{
	"offering_uuid": "\n\nThe column offering_uuid has it.",
	"customer_uuid": "\n\nThe column service_provider_uuid has it, next to the name of the organization.",
	"project_uuid":  "\n\nNo column has it. It is in the address of the project's page in Waldur's web interface.",
}

// addInvalidValue reports an error that continues the name of its argument.
func addInvalidValue(diags *diag.Diagnostics, at path.Path, err error) {
	name := argumentName(at)
	diags.AddAttributeError(at, "Invalid Value for "+name, fmt.Sprintf("%s %s.%s", name, err, sources[name]))
}

// addConflict reports two arguments that cannot be set together.
func addConflict(diags *diag.Diagnostics, argument, other, advice string) {
	diags.AddAttributeError(path.Root(argument), "Invalid Combination of Arguments",
		fmt.Sprintf("%s and %s cannot be set together.\n\n%s", argument, other, advice))
}

// argumentName returns a path without indices of lists and values of sets, such as "timeouts.read".
func argumentName(at path.Path) string {
	var names []string
	for _, step := range at.Steps() {
		if name, ok := step.(path.PathStepAttributeName); ok {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ".")
}
