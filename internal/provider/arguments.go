package provider

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/agext/levenshtein"
	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

// isKnown reports whether an argument is set to a known value.
func isKnown(argument attr.Value) bool { return !argument.IsNull() && !argument.IsUnknown() }

// parseArgument returns the parsed value of an argument, or the zero value if it is null or
// unknown. An error is reported at the argument.
func parseArgument[T any](argument types.String, at path.Path, parse func(string) (T, error), diags *diag.Diagnostics) (value T) {
	if !isKnown(argument) {
		return value
	}
	value, err := parse(argument.ValueString())
	if err != nil {
		addInvalidValue(diags, at, err)
	}
	return value
}

// wholeNumber returns a number that wholeNumberBetween accepts, or 0 if it is null.
func wholeNumber(number types.Number) int {
	if number.IsNull() {
		return 0
	}
	n, _ := number.ValueBigFloat().Int64()
	return int(n)
}

// maxNumber is the largest number for parseNumber: with ten decimal places, it has 40 digits.
const maxNumber = 1e29

// parseNumber returns a number of a configuration as a decimal, rounded to ten decimal places:
// Terraform calculates in binary, where 0.6 * 100 is slightly more than 60. The error continues a
// sentence that begins with the name of the argument.
func parseNumber(f *big.Float) (waldur.Decimal, error) {
	if f == nil {
		return waldur.Decimal{}, errors.New("must not be null")
	}
	switch size, _ := f.Float64(); { // which takes no time for extreme exponents
	case math.Abs(size) > maxNumber:
		return waldur.Decimal{}, fmt.Errorf("must be between %g and %g; got %g", -maxNumber, maxNumber, size)
	case math.Abs(size) < 1e-11: // writing all its zeros would take long
		return waldur.Decimal{}, nil
	}
	return waldur.ParseDecimal(f.Text('f', 10))
}

// parsePercent returns a percentage like parseNumber. It refuses non-zero numbers that round to 0.
func parsePercent(f *big.Float) (waldur.Decimal, error) {
	percent, err := parseNumber(f)
	if err == nil && f.Sign() != 0 && percent.IsZero() {
		err = errors.New("must be 0, or differ from 0 by at least 0.0000000001")
	}
	return percent, err
}

// parseMonth parses a month. The error explains the most common mistakes.
func parseMonth(text string) (waldur.Month, error) {
	month, err := waldur.ParseMonth(text)
	short, notShort := time.Parse("2006-1", text)
	_, notNumber := strconv.Atoi(text)
	_, notTime := parseTimestamp(text)
	switch {
	case err == nil:
		return month, nil
	case notShort == nil:
		return month, fmt.Errorf("%w. Write %q", err, waldur.MonthOf(short))
	case notNumber == nil:
		return month, fmt.Errorf("%w. Put the month in quotes: without them, 2026-10 is a subtraction", err)
	case notTime == nil:
		return month, fmt.Errorf("%w. To convert a timestamp, use provider::waldur::billing_period(…)", err)
	}
	return month, err
}

// latest is the billing_period of the newest month that has rows.
const latest = "latest"

// parseBillingPeriod parses a month. It returns the zero Month for "latest".
func parseBillingPeriod(text string) (waldur.Month, error) {
	if text == latest {
		return waldur.Month{}, nil
	}
	month, err := parseMonth(text)
	if err != nil {
		return month, errors.New(strings.Replace(err.Error(), "; got", ", or \"latest\"; got", 1))
	}
	return month, nil
}

// parseTimestamp parses an RFC 3339 timestamp.
func parseTimestamp(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("must be an RFC 3339 timestamp such as \"2026-10-31T12:00:00Z\"; got %q", text)
	}
	return t, nil
}

// parseProfile parses the name of a profile.
func parseProfile(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", errors.New("must be the name of a profile that waldur-cli saved; otherwise, leave it out or set it to null")
	}
	return text, nil
}

// parseFilterText parses the text of a filter. Waldur trims white space, including some control
// characters, and ignores an empty filter, so a blank filter would select all rows.
func parseFilterText(text string) (string, error) {
	for _, r := range text {
		if unicode.IsControl(r) {
			return "", fmt.Errorf("must not have control characters; it has %U", r)
		}
	}
	if text == "" || strings.TrimSpace(text) != text {
		return "", fmt.Errorf("must not be empty, and must not begin or end with white space; got %q. To select all rows, leave it out", text)
	}
	return text, nil
}

// oneOf returns a parser that accepts only these words.
func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("must be %s or %s; got %q%s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1], text, suggestion(text, words))
		}
		return text, nil
	}
}

// parseUUID parses a UUID in one of the two forms that Waldur accepts.
func parseUUID(text string) (uuid.NullUUID, error) {
	if len(text) == 32 || len(text) == 36 { // uuid.Parse accepts other forms as well
		if id, err := uuid.Parse(text); err == nil {
			return uuid.NullUUID{UUID: id, Valid: true}, nil
		}
	}
	return uuid.NullUUID{}, fmt.Errorf("must be a UUID of 32 hexadecimal digits, with dashes (8-4-4-4-12) or without; got %q", text)
}

// parseDuration parses a duration greater than 0.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("must be a duration in h, m, s and ms, such as \"30s\" or \"1m30s\"; got %q", text)
	case d <= 0:
		return 0, fmt.Errorf("must be a duration greater than 0, such as \"30s\" or \"1m30s\"; got %q", text)
	}
	return d, nil
}

// ofConsumer matches names of columns that people expect, but that rows do not have.
var ofConsumer = regexp.MustCompile(`^(customer|project|organi[sz]ation|user|consumer|resource)`)

// parseColumn parses the name of a column.
func parseColumn(name string) (*waldur.Column, error) {
	return columnAmong(waldur.Columns, name)
}

// columnAmong returns the one of some columns that has a name. Its error suggests the nearest.
func columnAmong(columns []*waldur.Column, name string) (*waldur.Column, error) {
	switch names := waldur.ColumnNames(columns); {
	case slices.Contains(names, name):
		return waldur.ColumnByName(name), nil
	case ofConsumer.MatchString(name):
		return nil, fmt.Errorf("has %q, which is not a column: each row is a total over all consumers and their resources. "+
			"The organization that provides the offering is in service_provider_name and service_provider_uuid", name)
	default:
		hint := cmp.Or(suggestion(name, names), "; the columns are "+strings.Join(names, ", "))
		return nil, fmt.Errorf("has %q, which is not a column%s", name, hint)
	}
}

// suggestion returns a question for the nearest of some words, or "" if none is near.
func suggestion(text string, words []string) string {
	nearest, least := "", len(text)
	for _, word := range words {
		if distance := levenshtein.Distance(strings.ToLower(text), strings.ToLower(word), nil); distance < min(least, max(2, len(word)/2)) {
			nearest, least = word, distance
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", nearest)
}

// parseGroupColumn parses the name of a column to group by, which has texts or months.
func parseGroupColumn(name string) (*waldur.Column, error) {
	if column := waldur.ColumnByName(name); column != nil && column.IsNumber {
		return nil, fmt.Errorf("has %q, which is an amount; group by text columns or billing_period", name)
	}
	return columnAmong(slices.DeleteFunc(slices.Clone(waldur.Columns), func(c *waldur.Column) bool { return c.IsNumber }), name)
}

// parseOrdering parses the name of a column, with a "-" before it for descending.
func parseOrdering(text string) (waldur.Ordering, error) {
	name, descending := strings.CutPrefix(text, "-")
	column, err := parseColumn(name)
	if err != nil {
		return waldur.Ordering{}, err
	}
	return waldur.Ordering{Column: column, Descending: descending}, nil
}

const reportFault = "This is a bug in the provider. Please report it to its authors."

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
	"offering_uuid": "\n\nCopy it from the address of the offering's page in Waldur, or from the column offering_uuid.",
	"customer_uuid": "\n\nCopy it from the column service_provider_uuid, next to the name of the organization.",
	"project_uuid":  "\n\nNo column has it. Copy it from the address of the project's page in Waldur's web interface.",
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
