// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func TestElapsedPercentFunction(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	for _, test := range []struct {
		billingPeriod string
		limitPeriod   any
		timestamp     string
		want          string
	}{
		{"2026-11", "month", "2026-11-16T00:00:00Z", "50"},
		{"2026-11-01", nil, "2026-11-16T00:00:00Z", "50"},
		{"2026-11", "", "2026-11-16T00:00:00Z", "50"},
		{"2026-11", "quarterly", "2026-11-23T12:00:00Z", "58.15"}, // 53.5 of 92 days
		{"2026-11", "annual", "2026-11-23T12:00:00Z", "89.45"},    // 326.5 of 365
		{"2026-11", "total", "2026-11-23T12:00:00Z", "null"},

		{"2026-11", "month", "2026-10-31T23:59:59.999999999Z", "0"},
		{"2026-11", "month", "2026-11-01T00:00:00Z", "0"},
		{"2026-11", "month", "2026-11-01T02:00:00+02:00", "0"},
		{"2026-11", "month", "2026-10-31T23:00:00-01:00", "0"},
		{"2026-11", "month", "2026-11-01T00:02:09.6Z", "0"}, // 0.005 %
		{"2026-11", "month", "2026-11-01T00:02:09.600000001Z", "0.01"},
		{"2026-11", "month", "2026-11-01T00:06:28.8Z", "0.02"}, // 0.015 %
		{"2026-11", "month", "2026-11-30T23:59:59Z", "100"},
		{"2026-11", "month", "2027-11-16T00:00:00Z", "100"},
		{"2026-11", "month", "0000-01-01T00:00:00Z", "0"},
		{"2024-02", "month", "2024-02-15T12:00:00Z", "50"},
		{"2025-02", "month", "2025-02-15T00:00:00Z", "50"},

		{"2026-10", "quarterly", "2026-09-30T23:59:59Z", "0"},
		{"2026-10", "quarterly", "2026-11-01T00:00:00Z", "33.7"}, // 31 of 92 days
		{"2026-10", "quarterly", "2026-12-31T00:00:00Z", "33.7"},
		{"2026-12", "quarterly", "2026-12-31T00:00:00Z", "98.91"},
		{"2026-12", "quarterly", "2027-01-01T00:00:00Z", "100"},
		{"2024-02", "quarterly", "2024-05-01T00:00:00Z", "65.93"}, // 60 of 91 days
		{"2025-02", "quarterly", "2025-05-01T00:00:00Z", "65.56"}, // 59 of 90 days

		{"2026-01", "annual", "2026-12-31T00:00:00Z", "8.49"},  // 31 of 365 days
		{"2024-02", "annual", "2024-12-31T00:00:00Z", "16.39"}, // 60 of 366 days
		{"2024-12", "annual", "2024-12-31T00:00:00Z", "99.73"},
		{"2027-03", "annual", "2026-12-31T23:59:59Z", "0"}, // a coming year
		{"2027-03", "annual", "2027-01-01T00:00:00-01:00", "0.01"},
		{"0001-01", "annual", "9999-12-31T23:59:59Z", "8.49"},
		{"9999-12", "annual", "9999-12-31T23:59:59-23:59", "100"},

		{"2026-13", "month", "2026-11-16T00:00:00Z", `0: billing_period must be a month such as "2026-10"; got "2026-13"`},
		{"2026-11", "yearly", "2026-11-16T00:00:00Z", `1: limit_period must be month, quarterly, annual or total; got "yearly"`},
		{"2026-11", "Month", "2026-11-16T00:00:00Z", `1: limit_period must be month, quarterly, annual or total; got "Month"`},
		{"2026-11", "total", "2026-11-16", `2: timestamp must be an RFC 3339 timestamp such as "2026-10-31T12:00:00Z"; got "2026-11-16"`},
	} {
		arguments := []tftypes.Value{text(test.billingPeriod), tftypes.NewValue(tftypes.String, test.limitPeriod), text(test.timestamp)}
		got, failure := c.call("elapsed_percent", arguments...)
		checkCall(t, "elapsed_percent", arguments, got, failure, test.want)
	}
}
