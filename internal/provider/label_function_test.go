// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"pgregory.net/rapid"
)

func (c *protocolClient) label(texts ...any) string {
	c.tb.Helper()
	var arguments []tftypes.Value
	for _, text := range texts {
		arguments = append(arguments, tftypes.NewValue(tftypes.String, text))
	}
	got, failure := c.call("label", arguments...)
	if failure != nil {
		c.tb.Fatalf("label(%q): %s", texts, failure.Text)
	}
	return shown(got)
}

func TestLabelFunction(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	for want, texts := range map[string][]any{
		"":                              nil,
		"EENet":                         {"EENet"},
		"EENet, Archive, Bytes":         {"EENet", "Archive", "Bytes"},
		"EENet, Bytes":                  {nil, "EENet", "", " \t\u3000", "\u200b", ":", nil, " Bytes\n"},
		"CPU k-hours: 80 %":             {"CPU k-hours: 80 %"},
		"stop-commands x, [error] y":    {"::stop-commands::x", "##[error] y"},
		"[31mred  32m":                  {"\x1b[31mred\r\u009b32m"},
		"Søn 日本語 ☃, =1+1, /approve":     {"Søn 日本語 ☃", "=1+1", "```\n/approve\n~~~"},
		"no, colon, at either, end":     {"no:", ":colon", "at either: :\u200b:", "\u202e:\u00a0: end"},
		"the name of   a row, with end": {"the name of \u2028\u2029a row", "with end"},
	} {
		if got := c.label(texts...); got != want {
			t.Errorf("label(%q): got %q, want %q", texts, got, want)
		}
	}
}

// TestLabelsAreSafe beside colons, in any number, and do not change when labelled again.
func TestLabelsAreSafe(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	unsafe := regexp.MustCompile("[\\pC\\p{Zl}\\p{Zp}]|::|##|```|~~~")
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{":", "#", "`", "~", " ", "\n", "\u00a0", "\u200b", "\u2028", "\x1b", "a", ","}), 0, 9)
	rapid.Check(t, func(rt *rapid.T) {
		for range 100 {
			texts := make([]any, rapid.IntRange(1, 3).Draw(rt, "texts"))
			for i := range texts {
				texts[i] = strings.Join(pieces.Draw(rt, "pieces"), "")
			}
			got := c.label(texts...)
			if found := unsafe.FindString(got); found != "" || strings.Trim(got, ":") != got {
				rt.Fatalf("label(%q) is %q, which is not safe", texts, got)
			}
			if again := c.label(got); len(texts) == 1 && again != got {
				rt.Fatalf("label(%q) is %q", got, again)
			}
		}
	})
}
