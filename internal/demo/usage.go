// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"terraform-provider-waldur/internal/waldurtest"
)

// monthsOfUsage is the number of months in the demo's data, including the current one.
const monthsOfUsage = 12

// offering is an offering of the demo's marketplace.
type offering struct {
	name, kind, provider, category string
	components                     []component
}

// component is a component of an offering.
type component struct {
	kind, name, unit, billing string

	limit  int32  // in a period, 0 for none
	period string // of the limit, "" for null, as on older servers

	consumed  float64 // in the current month
	allocated float64 // in the current month, 0 for nothing

	growth   float64 // of the consumption by month, 0.05 for 5 %
	terms    bool    // used only during the university's terms
	raisedAt int     // how many months ago the allocation was raised from two thirds, 0 for never
	since    int     // how many months ago it was first used, 0 for before all data
}

// marketplace has the offerings of a centre for scientific computing and its
// partners. Some components are over their allocation, some have no allocation, and
// two offerings have the same name.
var marketplace = []offering{
	{"Polarlys CPU", "Marketplace.Slurm", "Polarlys – Nordic Supercomputing", "HPC", []component{
		{kind: "cpu_k_hours", name: "CPU k-hours", unit: "k-hours", billing: "limit", limit: 20000, period: "total", consumed: 18482.37, allocated: 20000, growth: 0.06, raisedAt: 6},
		{kind: "gb_k_hours", name: "Scratch", unit: "GB-k-hours", billing: "limit", limit: 4000, period: "quarterly", consumed: 2604.5, allocated: 4000, growth: 0.03},
	}},
	{"Polarlys GPU", "Marketplace.Slurm", "Polarlys – Nordic Supercomputing", "HPC", []component{
		{kind: "gpu_hours", name: "GPU-hours", unit: "hours", billing: "limit", limit: 12000, period: "month", consumed: 14192.61, allocated: 12000, growth: 0.09, raisedAt: 4},
		{kind: "gb_k_hours", name: "Flash storage", unit: "GB-k-hours", billing: "limit", limit: 900, period: "quarterly", consumed: 300, allocated: 900, growth: 0.02},
	}},
	{"Private cloud", "OpenStack.Tenant", "Järve Ülikool", "Cloud", []component{
		{kind: "cores", name: "vCPU", unit: "cores", billing: "limit", consumed: 768, allocated: 1024, growth: 0.02},
		{kind: "ram", name: "RAM", unit: "GB", billing: "limit", consumed: 2072, allocated: 4096, growth: 0.02},
		{kind: "storage", name: "Ketas", unit: "GB", billing: "limit", limit: 51200, period: "annual", consumed: 43315.2, allocated: 51200, growth: 0.04},
	}},
	{"Private cloud", "OpenStack.Tenant", "Institut für Meeresforschung", "Cloud", []component{
		{kind: "cores", name: "vCPU", unit: "cores", billing: "limit", consumed: 204.8, allocated: 256, growth: 0.01, since: 8},
		{kind: "ram", name: "RAM", unit: "GB", billing: "limit", consumed: 310.5, allocated: 1024, growth: 0.01, since: 8},
	}},
	{"Tape archive", "Marketplace.Basic", "Polarlys – Nordic Supercomputing", "Storage", []component{
		{kind: "tb", name: "Terabytes", unit: "TB", billing: "limit", limit: 5000, period: "total", consumed: 4850.02, allocated: 5000, growth: 0.03},
	}},
	{"Object storage", "Marketplace.Basic", "Järve Ülikool", "Storage", []component{
		{kind: "tb", name: "Terabytes", unit: "TB", billing: "limit", limit: 800, period: "month", consumed: 412.75, allocated: 800, growth: 0.05},
		{kind: "requests", name: "Requests", unit: "", billing: "usage", period: "month", consumed: 1893402, growth: 0.07},
	}},
	{"Notebooks for courses", "Marketplace.Remote", "Järve Ülikool", "Teaching", []component{
		{kind: "sessions", name: "Sessions", unit: "", billing: "usage", period: "month", consumed: 5230, growth: 0.02, terms: true},
	}},
	{`Consultancy "gold" & training`, "Marketplace.Support", "Polarlys – Nordic Supercomputing", "Support", []component{
		{kind: "hours", name: "Person hours", unit: "h", billing: "usage", period: "month", consumed: 61.5, growth: 0.01, since: 10},
	}},
}

// usage returns a year of the marketplace's rows, up to the month of now. The current
// month has the amounts in marketplace. Earlier months vary, but are the same on every
// run.
func usage(now time.Time) []waldurtest.Row {
	now = now.UTC()
	var rows []waldurtest.Row
	for _, o := range marketplace {
		for _, c := range o.components {
			chance := rand.New(rand.NewPCG(seed(o.provider, o.name, c.kind), 0))
			for ago := range monthsOfUsage {
				noise := 1 + 0.08*(chance.Float64()-0.5)
				month := time.Date(now.Year(), now.Month()-time.Month(ago), 1, 0, 0, 0, 0, time.UTC)
				if row, ok := o.row(c, month, ago, noise); ok {
					rows = append(rows, row)
				}
			}
		}
	}
	return rows
}

// row returns the row of a component in a month. As in Waldur, a month with neither
// usage nor allocation has no row.
func (o *offering) row(c component, month time.Time, ago int, noise float64) (row waldurtest.Row, ok bool) {
	consumed, allocated := c.consumed, c.allocated
	switch {
	case c.since > 0 && ago > c.since:
		return row, false
	case ago > 0:
		consumed *= noise * math.Pow(1-c.growth, float64(ago))
	}
	if c.unit == "" {
		consumed = math.Round(consumed) // a number of things
	}
	if c.terms && (month.Month() == time.July || month.Month() == time.August) {
		consumed = 0
	}
	if c.raisedAt > 0 && ago >= c.raisedAt {
		allocated *= 2.0 / 3
	}
	hundredthsConsumed, hundredthsAllocated := hundredths(consumed), hundredths(allocated)
	if hundredthsConsumed == 0 && hundredthsAllocated == 0 {
		return row, false
	}
	return waldurtest.Row{
		OfferingUUID:        id("offering", o.provider, o.name),
		OfferingName:        o.name,
		OfferingType:        o.kind,
		ServiceProviderUUID: id("customer", o.provider),
		ServiceProviderName: o.provider,
		CategoryUUID:        id("category", o.category),
		CategoryTitle:       o.category,
		ComponentType:       c.kind,
		ComponentName:       c.name,
		MeasuredUnit:        c.unit,
		BillingType:         c.billing,
		LimitAmount:         orNil(c.limit),
		LimitPeriod:         orNil(c.period),
		BillingPeriod:       month.Format(time.DateOnly),
		TotalConsumed:       decimal(hundredthsConsumed),
		TotalAllocated:      decimal(hundredthsAllocated),
		UsagePercent:        percent(hundredthsConsumed, hundredthsAllocated),
	}, true
}

// percent returns consumed as a percentage of allocated, or nil if nothing is
// allocated. Like Waldur, it rounds half up to two decimal places.
func percent(consumed, allocated int64) *string {
	if allocated == 0 {
		return nil
	}
	text := decimal((consumed*100*100*2 + allocated) / (allocated * 2))
	return &text
}

func hundredths(amount float64) int64 { return int64(math.Round(amount * 100)) }

// decimal formats a number of hundredths that is not negative.
func decimal(hundredths int64) string {
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

// id returns the same UUID for the same words, in Waldur's format.
func id(words ...string) string {
	text := uuid.NewSHA1(uuid.NameSpaceOID, []byte(strings.Join(words, "\n"))).String()
	return strings.ReplaceAll(text, "-", "")
}

func seed(words ...string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(strings.Join(words, "\n")))
	return h.Sum64()
}

// orNil returns nil for the zero value, which is null in JSON.
func orNil[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
