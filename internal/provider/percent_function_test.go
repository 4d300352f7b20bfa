// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func TestPercentFunction(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	for _, test := range []struct {
		part, whole any
		want        string
	}{
		{5140.4, 4000, "128.51"},
		{1, 3, "33.33"},
		{2, 3, "66.67"},
		{-2, 3, "-66.67"},
		{number("0.6"), 1, "60"},
		{number("1.005"), 100, "1"}, // halves become even
		{number("1.015"), 100, "1.02"},
		{number("-1.005"), 100, "-1"},
		{number("0.005"), 100, "0"},
		{number("-0.005"), 100, "0"},
		{number("0.0050000001"), 100, "0.01"},
		{0, 100, "0"},
		{number("999999999999999999.99"), number("0.01"), "9999999999999999999900"},
		{number("1e29"), number("1e-10"), "100000000000000000000000000000000000000000"},
		{number("1e-10"), number("1e29"), "0"},
		{nil, 1, "null"},
		{1, nil, "null"},
		{nil, nil, "null"},
		{1, 0, "null"},
		{1, number("1e-11"), "null"},
		{1, -1, "null"},
		{number("1e30"), 1, "0: part must be between -1e+29 and 1e+29; got 1e+30"},
		{1, number("1e30"), "1: whole must be between -1e+29 and 1e+29; got 1e+30"},
	} {
		arguments := []tftypes.Value{tftypes.NewValue(tftypes.Number, test.part), tftypes.NewValue(tftypes.Number, test.whole)}
		got, failure := c.call("percent", arguments...)
		checkCall(t, "percent", arguments, got, failure, test.want)
	}
}
