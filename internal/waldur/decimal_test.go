package waldur

import (
	"strings"
	"testing"
)

func TestParseDecimal(t *testing.T) {
	t.Parallel()
	fortyDigits := strings.Repeat("9", 40)
	for text, want := range map[string]string{
		"12.50":                              "12.5",
		"-12.50":                             "-12.5",
		"999999999999999999.99":              "999999999999999999.99",
		"0":                                  "0",
		"1e3":                                "1000",
		"1E-2":                               "0.01",
		fortyDigits:                          fortyDigits,
		"0." + strings.Repeat("0", 39) + "1": "0." + strings.Repeat("0", 39) + "1",
		"":                                   "",
		"NaN":                                "",
		"Infinity":                           "",
		"1 000":                              "",
		"1,5":                                "",
		"0x10":                               "",
		"1_000":                              "",
		fortyDigits + "9":                    "",
		"0." + strings.Repeat("0", 40) + "1": "",
		"1e41":                               "",
		"1e-41":                              "",
		"1e999999999":                        "",
		"1e99999999999999999999":             "",
		strings.Repeat("0", 1<<20) + "1":     "",
		"0." + strings.Repeat("1", 1<<20):    "",
		"1e" + strings.Repeat("0", 1<<10) + "999": "",
	} {
		got, err := ParseDecimal(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%.60q was read as %s, want an error", text, got)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q was read as %s, %v; want %s", text, got, err, want)
		}
	}
}
