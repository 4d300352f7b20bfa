package waldur

import "testing"

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"CPU k-hours: 80 %":           "CPU k-hours: 80 %",
		"Søn 日本語 ☃":                   "Søn 日本語 ☃",
		"a\nb\r\tc\x00":               "a b  c ",
		"\x1b[31mred":                 " [31mred",
		"next\u2028line\u2029\u0085x": "next line  x",
		"\u202eright\u200bto\ufeff":   " right to ",
		"::stop-commands::x":          " stop-commands x",
		"::\u200b::":                  "   ",
		"##vso[task]##[group]":        " vso[task] [group]",
		"```\n/approve\n~~~":          "  /approve  ",
		":a:":                         " a ",
		"a:b #1 `c` ~d~":              "a:b #1 `c` ~d~",
	} {
		if got := Printable(text); got != want {
			t.Errorf("Printable(%q): got %q, want %q", text, got, want)
		}
	}
}
