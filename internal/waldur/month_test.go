package waldur

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseMonth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-10": "2026-10", "2026-10-01": "2026-10", "0001-01": "0001-01", "9999-12-01": "9999-12",
		"": "", "2026-13": "", "2026-00": "", "2026-10-15": "", "2026-10-1": "", "2026-8": "", "October": "", "0000-01": "",
		"10000-01": "", " 2026-10": "", "2026-10 ": "", "2026/10": "", "2026-10-01T00:00:00Z": "", "-001-01": "",
	} {
		month, err := ParseMonth(text)
		switch {
		case want == "" && (err == nil || !strings.Contains(err.Error(), `must be a month such as "2026-10"`)):
			t.Errorf("%q was read as %s, %v; want an error with an example", text, month, err)
		case want != "" && (err != nil || month.String() != want || month.FirstDay() != want+"-01"):
			t.Errorf("%q was read as %s, %v; want %s", text, month, err, want)
		}
	}
}

func TestMonthOfIsInUTC(t *testing.T) {
	t.Parallel()
	midnightInTallinn := time.Date(2026, 11, 1, 0, 30, 0, 0, time.FixedZone("EET", 2*60*60))
	if got := MonthOf(midnightInTallinn).String(); got != "2026-10" {
		t.Fatalf("got %s, want 2026-10", got)
	}
}

func TestMonthAddsAsTheCalendarDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		year, month := rapid.IntRange(100, 9000).Draw(t, "year"), rapid.IntRange(1, 12).Draw(t, "month")
		n := rapid.Int64Range(-1000, 1000).Draw(t, "n")
		got := NewMonth(year, time.Month(month)).Add(n)
		want := time.Date(year, time.Month(month+int(n)), 1, 0, 0, 0, 0, time.UTC)
		if got.FirstDay() != want.Format(time.DateOnly) {
			t.Fatalf("got %s, want %s", got.FirstDay(), want.Format(time.DateOnly))
		}
		if sign := got.Compare(NewMonth(year, time.Month(month))); (sign > 0) != (n > 0) || (sign < 0) != (n < 0) {
			t.Fatalf("compares as %d after adding %d", sign, n)
		}
	})
}

func FuzzParseMonth(f *testing.F) {
	for _, text := range []string{"2026-10", "2026-10-01", "0000-00", "2026-10-15", "October", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		month, err := ParseMonth(text)
		if err != nil {
			return
		}
		if !month.InRange() || (text != month.String() && text != month.FirstDay()) {
			t.Fatalf("%q was read as %s", text, month)
		}
	})
}
