// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	exact "github.com/shopspring/decimal"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// moments are times for which the month is easily wrong.
var moments = map[string]time.Time{
	"middle of a month":         time.Date(2026, time.November, 15, 12, 0, 0, 0, time.UTC),
	"end of a long month":       time.Date(2026, time.March, 31, 23, 59, 59, 0, time.UTC),
	"leap day":                  time.Date(2028, time.February, 29, 0, 0, 0, 0, time.UTC),
	"next month in UTC already": time.Date(2026, time.July, 31, 22, 0, 0, 0, time.FixedZone("", -4*60*60)),
	"new year":                  time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC),
}

func TestRowsAreThoseOfAWaldur(t *testing.T) {
	hex := regexp.MustCompile(`^[0-9a-f]{32}$`)
	amount := regexp.MustCompile(`^\d+\.\d\d$`)
	for name, now := range moments {
		t.Run(name, func(t *testing.T) {
			seen := map[[3]string]bool{}
			for _, row := range usage(now) {
				key := [3]string{row.OfferingUUID, row.ComponentType, row.BillingPeriod}
				if seen[key] {
					t.Errorf("%v is there twice", key)
				}
				seen[key] = true
				for _, id := range []string{row.OfferingUUID, row.ServiceProviderUUID, row.CategoryUUID} {
					if !hex.MatchString(id) {
						t.Errorf("%v: %q is not 32 hexadecimal digits", key, id)
					}
				}
				if !amount.MatchString(row.TotalConsumed) || !amount.MatchString(row.TotalAllocated) {
					t.Errorf("%v: %q of %q: want two digits after the point", key, row.TotalConsumed, row.TotalAllocated)
				}
				if row.TotalConsumed == "0.00" && row.TotalAllocated == "0.00" {
					t.Errorf("%v: Waldur has no row for nothing", key)
				}
				if got, want := value(row.UsagePercent), percentOf(row); got != want {
					t.Errorf("%v: usage_percent is %s for %s of %s, want %s", key, got, row.TotalConsumed, row.TotalAllocated, want)
				}
				if period := value(row.LimitPeriod); !slices.Contains([]string{"null", "month", "quarterly", "annual", "total"}, period) {
					t.Errorf("%v: %q is not a period of limits", key, period)
				}
			}
		})
	}
}

func TestRowsAreOfTheYearUpToNow(t *testing.T) {
	for name, now := range moments {
		t.Run(name, func(t *testing.T) {
			newest, oldest := "", "9999"
			for _, row := range usage(now) {
				newest, oldest = max(newest, row.BillingPeriod), min(oldest, row.BillingPeriod)
			}
			year, month, _ := now.UTC().Date()
			want := [2]string{
				time.Date(year, month-11, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
				time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
			}
			if got := [2]string{oldest, newest}; got != want {
				t.Errorf("the rows are from %s to %s, want %s to %s", got[0], got[1], want[0], want[1])
			}
		})
	}
}

// nearlyFull are the components that the quick start warns about.
var nearlyFull = []string{
	"Nordic Supercomputing, Polarlys CPU, Scratch: 128.51 %",
	"Nordic Supercomputing, Polarlys GPU, GPU-hours: 118.27 %",
	"Nordic Supercomputing, Tape archive, Terabytes: 97 %",
	`Nordic Supercomputing, Consultancy "gold" & training, Person hours: 95.5 %`,
	"Nordic Supercomputing, Polarlys CPU, CPU k-hours: 92.41 %",
	"Nordic Supercomputing, Polarlys GPU, Flash storage: 88 %",
	"Institut für Meeresforschung, Private cloud, vCPU: 80 %",
}

// The result of the demo must not depend on the day. Otherwise, the README would show another one.
func TestQuickStartWarnsAboutTheSameOnEachDay(t *testing.T) {
	for name, now := range moments {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(usage(now), usage(now)); diff != "" {
				t.Errorf("the rows differ from one time to the next:\n%s", diff)
			}
			if diff := cmp.Diff(nearlyFull, list(t, now, true)); diff != "" {
				t.Errorf("nearly full (-want +got):\n%s", diff)
			}
		})
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	const condition = "    condition     = length(local.nearly_full) == 0\n"
	_, configuration, _ := strings.Cut(string(readme), "```hcl\n")
	before, _, _ := strings.Cut(configuration, condition)
	line := strings.Count(before, "\n") + 1
	printed := fmt.Sprintf("  on main.tf line %d, in check \"quota\":\n  %d: %s"+
		"    ├────────────────\n    │ local.nearly_full is tuple with %d elements\n\n"+
		"80 %% or more of the limit is used:\n  - %s\n", line, line, condition, len(nearlyFull), strings.Join(nearlyFull, "\n  - "))
	if !strings.Contains(string(readme), printed) {
		t.Errorf("the README does not show what the quick start prints:\n%s", printed)
	}
}

// Limits of longer periods are the reason for usage_period.
func TestTheMonthAloneLooksHarmless(t *testing.T) {
	for name, now := range moments {
		t.Run(name, func(t *testing.T) {
			harmless := map[string]bool{"CPU k-hours": true, "Scratch": now.UTC().Month()%3 != 1, "Person hours": now.UTC().Month() != 1}
			month := strings.Join(list(t, now, false), "\n")
			for component, want := range harmless {
				if got := !strings.Contains(month, component); got != want {
					t.Errorf("%s is harmless: %t, want %t. The month's rows from 80 %%:\n%s", component, got, want, month)
				}
			}
		})
	}
}

// list returns the components that used 80 % or more of their limit, the fullest first.
func list(t *testing.T, now time.Time, wholeLimitPeriods bool) []string {
	t.Helper()
	server := waldurtest.Start(t, usage(now))
	address, err := waldur.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	token, err := waldur.ParseToken(waldurtest.Token)
	if err != nil {
		t.Fatal(err)
	}
	threshold, err := waldur.ParseDecimal("80")
	if err != nil {
		t.Fatal(err)
	}
	client := &waldur.Client{URL: address, Token: token}
	rows, _, err := client.ListComponentUsageMonthly(t.Context(), waldur.Query{
		BillingPeriod: waldur.MonthOf(now), WholeLimitPeriods: wholeLimitPeriods, MinUsagePercent: &threshold,
		OrderBy: []waldur.Ordering{{Column: waldur.ColumnByName("usage_percent"), Descending: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, row := range rows {
		lines = append(lines, fmt.Sprintf("%s, %s, %s: %v %%", *row.ServiceProviderName, *row.OfferingName, *row.ComponentName, row.UsagePercent))
	}
	return lines
}

// percentOf calculates a row's percentage, with halves rounded to even.
func percentOf(row waldurtest.Row) string {
	consumed, allocated := exact.RequireFromString(row.TotalConsumed), exact.RequireFromString(row.TotalAllocated)
	if allocated.IsZero() {
		return "null"
	}
	return consumed.Shift(2).DivRound(allocated, 20).RoundBank(2).StringFixed(2)
}

func value(text *string) string {
	if text == nil {
		return "null"
	}
	return *text
}
