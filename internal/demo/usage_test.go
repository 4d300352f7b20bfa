// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"math/big"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
				if got, want := value(row.UsagePercent), percentOf(t, row); got != want {
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

// The result of the demo must not depend on the day.
func TestCurrentMonthHasSomethingToShow(t *testing.T) {
	for name, now := range moments {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(usage(now), usage(now)); diff != "" {
				t.Errorf("the rows differ from one time to the next:\n%s", diff)
			}
			current := now.UTC().Format("2006-01") + "-01"
			over := map[string]int{}
			for _, row := range usage(now) {
				switch {
				case row.BillingPeriod != current:
				case row.UsagePercent == nil:
					over["nothing allocated"]++
				default:
					percent, _ := new(big.Rat).SetString(*row.UsagePercent)
					for _, bound := range []int64{80, 100, 120} {
						if percent.Cmp(big.NewRat(bound, 1)) > 0 {
							over[big.NewInt(bound).String()]++
						}
					}
				}
			}
			delete(over, "nothing allocated") // fewer in the summer
			if diff := cmp.Diff(map[string]int{"80": 4, "100": 1}, over); diff != "" {
				t.Errorf("components over a percentage (-want +got):\n%s", diff)
			}
		})
	}
}

// percentOf calculates a row's percentage with fractions.
func percentOf(t *testing.T, row waldurtest.Row) string {
	t.Helper()
	consumed, ok := new(big.Rat).SetString(row.TotalConsumed)
	allocated, alsoOK := new(big.Rat).SetString(row.TotalAllocated)
	if !ok || !alsoOK {
		t.Fatalf("%q or %q is not a decimal", row.TotalConsumed, row.TotalAllocated)
	}
	if allocated.Sign() == 0 {
		return "null"
	}
	share := new(big.Rat).Quo(consumed, allocated)
	return share.Mul(share, big.NewRat(100, 1)).FloatString(2) // halves away from zero
}

func value(text *string) string {
	if text == nil {
		return "null"
	}
	return *text
}
