package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// pictured is the time of the picture in README.md, and of what the quick start prints.
var pictured = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// moments are times for which the month is easily wrong.
var moments = map[string]time.Time{
	"middle of a month":         time.Date(2026, time.November, 15, 12, 0, 0, 0, time.UTC),
	"end of a long month":       time.Date(2026, time.March, 31, 23, 59, 59, 0, time.UTC),
	"leap day":                  time.Date(2028, time.February, 29, 0, 0, 0, 0, time.UTC),
	"next month in UTC already": time.Date(2026, time.July, 31, 22, 0, 0, 0, time.FixedZone("", -4*60*60)),
	"new year":                  time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC),
}

func TestRowsAreThoseOfAWaldur(t *testing.T) {
	for name, now := range moments {
		t.Run(name, func(t *testing.T) {
			rows := usage(now)
			if diff := cmp.Diff(usage(now), rows); diff != "" {
				t.Errorf("the rows differ from one time to the next:\n%s", diff)
			}
			list(t, now, waldur.Query{}) // the client accepts the current month
			year, month, _ := now.UTC().Date()
			months := map[string]int{}
			for _, row := range rows {
				months[row.BillingPeriod]++
				if row.TotalConsumed == "0.00" && row.TotalAllocated == "0.00" {
					t.Errorf("%v: Waldur has no row for nothing", row)
				}
			}
			for ago := range 25 {
				first := time.Date(year, month-time.Month(ago), 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
				if months[first] < 10 {
					t.Errorf("%d rows of %s", months[first], first)
				}
			}
			if len(months) != 25 {
				t.Errorf("the rows are of %d months, want 25", len(months))
			}
		})
	}
}

// nearlyFull are the components that the quick start warns about.
var nearlyFull = []string{
	"Nordic Supercomputing, Polarlys CPU, Scratch: 128.51 %",
	"Nordic Supercomputing, Polarlys GPU, GPU-hours: 118.27 %",
	"Nordic Supercomputing, Tape archive, Terabytes: 97 %",
	"Nordic Supercomputing, Polarlys CPU, CPU k-hours: 92.41 %",
	`Nordic Supercomputing, Consultancy "gold" & training, Person hours: 91 %`,
	"Nordic Supercomputing, Polarlys GPU, Flash storage: 88 %",
	"Institut für Meeresforschung, Private cloud, vCPU: 80 %",
}

func TestREADMEShowsWhatTheQuickStartPrints(t *testing.T) {
	var lines []string
	threshold, err := waldur.ParseDecimal("80")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range list(t, pictured, waldur.Query{WholeLimitPeriods: true, MinUsagePercent: &threshold}) {
		lines = append(lines, fmt.Sprintf("%s, %s, %s: %v %%", *row.ServiceProviderName, *row.OfferingName, *row.ComponentName, row.UsagePercent))
	}
	if diff := cmp.Diff(nearlyFull, lines); diff != "" {
		t.Errorf("nearly full (-want +got):\n%s", diff)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "  - " + strings.Join(nearlyFull, "\n  - ") + "\n"; !strings.Contains(string(readme), want) {
		t.Errorf("the README does not show what the quick start prints:\n%s", want)
	}
}

// Limits of longer periods are the reason for usage_period. For those that are used up faster
// than their period passes, it holds on each day that is not among the first of a month.
func TestWhereLimitsAreHeadingOnEachDay(t *testing.T) {
	months := map[string]int{"month": 1, "quarterly": 3, "annual": 12}
	for first := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC); first.Year() < 2029; first = first.AddDate(0, 1, 0) {
		percents := map[bool]map[string]float64{}
		for _, wholeLimitPeriods := range []bool{true, false} {
			percents[wholeLimitPeriods] = map[string]float64{}
			for _, row := range list(t, first, waldur.Query{WholeLimitPeriods: wholeLimitPeriods}) {
				if row.UsagePercent != nil {
					percents[wholeLimitPeriods][*row.ComponentName] = row.UsagePercent.InexactFloat64()
				}
			}
		}
		if month := percents[false]; month["CPU k-hours"] > 10 || month["Person hours"] > 10 || first.Month()%3 != 1 && month["Scratch"] != 35 {
			t.Errorf("%s: the month alone does not look harmless: %v", first, month)
		}
		for day := first.AddDate(0, 0, 3).Add(12 * time.Hour); day.Month() == first.Month(); day = day.AddDate(0, 0, 1) {
			heading := func(component, period string) float64 {
				n := months[period]
				from := time.Date(day.Year(), (day.Month()-1)/time.Month(n)*time.Month(n)+1, 1, 0, 0, 0, 0, time.UTC)
				return percents[true][component] / (float64(day.Sub(from)) / float64(from.AddDate(0, n, 0).Sub(from)))
			}
			hours := heading("Person hours", "annual")
			for component, period := range map[string]string{"Scratch": "quarterly", "GPU-hours": "month", "Flash storage": "quarterly"} {
				if got := heading(component, period); got <= 102 || got <= hours {
					t.Errorf("%s: %s is heading for %.2f %%, Person hours for %.2f %%; want it over 102 %% and the worse of them", day, component, got, hours)
				}
			}
		}
	}
}

// list returns the rows of the month of now, the fullest first.
func list(t *testing.T, now time.Time, query waldur.Query) []*waldur.ComponentUsage {
	t.Helper()
	server := waldurtest.NewServer(usage(now))
	defer server.Close()
	address, err := waldur.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	token, err := waldur.ParseToken(waldurtest.Token)
	if err != nil {
		t.Fatal(err)
	}
	client := &waldur.Client{URL: address, Token: token}
	query.BillingPeriod = waldur.MonthOf(now)
	query.OrderBy = []waldur.Ordering{{Column: waldur.ColumnByName("usage_percent"), Descending: true}}
	rows, _, err := client.ListComponentUsageMonthly(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
