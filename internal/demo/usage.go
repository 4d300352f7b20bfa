package main

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"terraform-provider-waldur/internal/waldurtest"
)

// monthsOfUsage is the number of months in the demo's data, including the current one: two
// years before it, so that each month of the last year has one to be compared with.
const monthsOfUsage = 25

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

	// consumed is the consumption of the current month.
	consumed float64

	// inPeriod is the consumption since the limit's period began: one amount if the current
	// month is the first of the period, one if it is the second, and so on. The last amount
	// holds for all later months. The first month of the period makes up the difference to the
	// growth. Empty means that there is none.
	inPeriod []float64

	allocated float64 // in the current month, 0 for nothing

	growth   float64 // of the consumption by month, 0.05 for 5 %
	terms    bool    // used only during the university's terms
	raisedAt int     // how many months ago the allocation was raised from two thirds, 0 for never
	since    int     // how many months ago it was first used, 0 for before all data
	until    int     // how many months ago it was last used, 0 for still in use
}

// marketplace has the offerings of a centre for scientific computing and its partners. Two
// offerings have the same name, and some components have no allocation. Components are
// nearly full, or over their limit, in the limit's own period. In the current month alone,
// they can look harmless.
//
// Whatever the day, Scratch, GPU-hours and Flash storage use their limit faster than its
// period passes, and Person hours about as fast, though a large part of them is used late
// in a year.
var marketplace = []offering{
	{"Polarlys CPU", "Marketplace.Slurm", "Nordic Supercomputing", "HPC", []component{
		{kind: "cpu_k_hours", name: "CPU k-hours", unit: "k-hours", billing: "limit",
			limit: 20000, period: "total", consumed: 1404.55, inPeriod: []float64{18482.37}, allocated: 20000, growth: 0.06, raisedAt: 6},
		{kind: "gb_k_hours", name: "Scratch", unit: "GB-k-hours", billing: "limit",
			limit: 4000, period: "quarterly", consumed: 1400, inPeriod: []float64{5140.4}, allocated: 4000, growth: 0.03},
	}},
	{"Polarlys GPU", "Marketplace.Slurm", "Nordic Supercomputing", "HPC", []component{
		{kind: "gpu_hours", name: "GPU-hours", unit: "hours", billing: "limit",
			limit: 12000, period: "month", consumed: 14192.61, allocated: 12000, growth: 0.09, raisedAt: 4},
		{kind: "gb_k_hours", name: "Flash storage", unit: "GB-k-hours", billing: "limit",
			limit: 900, period: "quarterly", consumed: 405.25, inPeriod: []float64{396, 792, 1008}, allocated: 900, growth: 0.05},
	}},
	{"Stallo CPU", "Marketplace.Slurm", "Nordic Supercomputing", "HPC", []component{
		{kind: "cpu_k_hours", name: "CPU k-hours", unit: "k-hours", billing: "usage", period: "month", consumed: 310.75, growth: -0.03, until: 7},
	}},
	{"Private cloud", "OpenStack.Tenant", "Järve Ülikool", "Cloud", []component{
		{kind: "cores", name: "vCPU", unit: "cores", billing: "limit", consumed: 768, allocated: 1024, growth: 0.02},
		{kind: "ram", name: "RAM", unit: "GB", billing: "limit", consumed: 2072, allocated: 4096, growth: 0.02},
		{kind: "storage", name: "Ketas", unit: "GB", billing: "limit", limit: 51200, period: "month", consumed: 36915.2, allocated: 51200, growth: 0.04},
	}},
	{"Private cloud", "OpenStack.Tenant", "Institut für Meeresforschung", "Cloud", []component{
		{kind: "cores", name: "vCPU", unit: "cores", billing: "limit", consumed: 204.8, allocated: 256, growth: 0.01, since: 8},
		{kind: "ram", name: "RAM", unit: "GB", billing: "limit", consumed: 310.5, allocated: 1024, growth: 0.01, since: 8},
	}},
	{"Tape archive", "Marketplace.Basic", "Nordic Supercomputing", "Storage", []component{
		{kind: "tb", name: "Terabytes", unit: "TB", billing: "limit", limit: 5000, period: "month", consumed: 4850.02, allocated: 5000, growth: 0.03},
	}},
	{"Object storage", "Marketplace.Basic", "Järve Ülikool", "Storage", []component{
		{kind: "tb", name: "Terabytes", unit: "TB", billing: "limit", limit: 800, period: "month", consumed: 412.75, allocated: 800, growth: 0.05},
		{kind: "requests", name: "Requests", unit: "", billing: "usage", period: "month", consumed: 1893402, growth: 0.07},
	}},
	{"Notebooks for courses", "Marketplace.Remote", "Järve Ülikool", "Teaching", []component{
		{kind: "sessions", name: "Sessions", unit: "", billing: "usage", period: "month", consumed: 5230, growth: 0.02, terms: true},
	}},
	{`Consultancy "gold" & training`, "Marketplace.Support", "Nordic Supercomputing", "Support", []component{
		{kind: "hours", name: "Person hours", unit: "h", billing: "limit",
			limit: 600, period: "annual", consumed: 49.5, allocated: 600, growth: 0.001,
			inPeriod: []float64{49.5, 99, 148.5, 198.5, 248, 297.5, 347, 397, 446.5, 496, 546, 595.5}},
	}},
}

// usage returns the marketplace's rows up to the month of now. The current
// month has the amounts in marketplace. Earlier months vary, but are the same on every
// run.
func usage(now time.Time) []waldurtest.Row {
	now = now.UTC()
	var rows []waldurtest.Row
	for _, o := range marketplace {
		for _, c := range o.components {
			chance := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(id(o.provider, o.name, c.kind)))))
			for ago, consumed := range c.consumption(now, chance) {
				if row, ok := o.row(c, monthsBefore(now, ago), ago, consumed); ok {
					rows = append(rows, row)
				}
			}
		}
	}
	return rows
}

func monthsBefore(now time.Time, ago int) time.Time {
	return time.Date(now.Year(), now.Month()-time.Month(ago), 1, 0, 0, 0, 0, time.UTC)
}

// consumption returns the hundredths that were consumed in each month, the current one
// first.
func (c *component) consumption(now time.Time, chance *rand.Rand) []int64 {
	months := make([]int64, monthsOfUsage)
	for ago := range months {
		noise := 1 + 0.08*(chance.Float64()-0.5)
		month := monthsBefore(now, ago).Month()
		amount := c.consumed
		if ago > 0 {
			amount *= noise * math.Pow(1-c.growth, float64(ago))
		}
		if c.unit == "" {
			amount = math.Round(amount) // a number of things
		}
		if c.terms && (month == time.July || month == time.August) {
			amount = 0
		}
		months[ago] = hundredths(amount)
	}
	if len(c.inPeriod) > 0 {
		n := c.monthsOfPeriod(now)
		rest := hundredths(c.inPeriod[min(n, len(c.inPeriod))-1])
		for _, amount := range months[:n] {
			rest -= amount
		}
		months[n-1] += rest
	}
	return months
}

// monthsOfPeriod returns the number of months from the first one of the limit's
// period to the current one.
func (c *component) monthsOfPeriod(now time.Time) int {
	switch c.period {
	case "quarterly":
		return (int(now.Month())-1)%3 + 1
	case "annual":
		return int(now.Month())
	case "total":
		return monthsOfUsage
	}
	return 1
}

// row returns the row of a component in a month. As in Waldur, a month with neither
// usage nor allocation has no row.
func (o *offering) row(c component, month time.Time, ago int, consumed int64) (row waldurtest.Row, ok bool) {
	if c.since > 0 && ago > c.since || ago < c.until {
		return row, false
	}
	allocated := hundredths(c.allocated)
	if c.raisedAt > 0 && ago >= c.raisedAt {
		allocated = allocated * 2 / 3
	}
	if consumed == 0 && allocated == 0 {
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
		TotalConsumed:       decimal.New(consumed, -2).StringFixed(2),
		TotalAllocated:      decimal.New(allocated, -2).StringFixed(2),
		UsagePercent:        percent(consumed, allocated),
	}, true
}

// percent returns consumed as a percentage of allocated, or nil if nothing is
// allocated. Like Waldur, it rounds half to even to two decimal places.
func percent(consumed, allocated int64) *string {
	if allocated == 0 {
		return nil
	}
	return new(decimal.New(consumed, 2).DivRound(decimal.New(allocated, 0), 20).RoundBank(2).StringFixed(2))
}

func hundredths(amount float64) int64 { return int64(math.Round(amount * 100)) }

// id returns the same UUID for the same words, in Waldur's format.
func id(words ...string) string {
	uuid := uuid.NewSHA1(uuid.NameSpaceOID, []byte(strings.Join(words, "\n")))
	return hex.EncodeToString(uuid[:])
}

// orNil returns nil for the zero value, which is null in JSON.
func orNil[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
