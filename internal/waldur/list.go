// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maxChanges = 10 // of the data, per list
	maxPasses  = 6  // per reading
	maxPages   = 10_000

	maxListBytes = 1 << 30 // of the responses whose rows are kept

	firstChangeWait     = 250 * time.Millisecond
	maxChangeWaitFactor = 32 // so the longest wait is 8 s
)

// ListComponentUsageMonthly returns the rows of the query, and the number of rows that
// its filters select, before all other steps. The error is a [*RequestError].
func (c *Client) ListComponentUsageMonthly(ctx context.Context, q Query) (rows []*ComponentUsage, total int, err error) {
	if q.Latest {
		if q.BillingPeriod, err = c.latestMonth(ctx); err != nil {
			return nil, 0, err
		}
	}
	q.columns = q.columnsToRead()
	rows, request, err := c.selectRows(ctx, &q)
	if err != nil {
		return nil, 0, err
	}
	total = len(rows)
	if total == 0 && q.RequireRows {
		return nil, 0, &RequestError{Request: request, Err: &NoRowsError{Filters: q.Filters()}}
	}
	if q.WholeLimitPeriods {
		if err := c.consumeWholeLimitPeriods(ctx, &q, rows, request); err != nil {
			return nil, 0, err
		}
	}
	if len(q.GroupBy) > 0 {
		rows = group(rows, q.GroupBy)
	}
	if q.MinUsagePercent != nil {
		rows = slices.DeleteFunc(rows, func(u *ComponentUsage) bool {
			return u.UsagePercent == nil || u.UsagePercent.Cmp(*q.MinUsagePercent) < 0
		})
	}
	sortRows(rows, q.order())
	if q.Limit > 0 {
		rows = rows[:min(q.Limit, len(rows))]
	}
	q.keepFields(rows)
	return rows, total, nil
}

// latestMonth returns this month in UTC, or last month if that has rows and this
// month has none yet. It looks at all rows that the user may see, so that filters
// which select nothing this month do not select old rows.
func (c *Client) latestMonth(ctx context.Context) (Month, error) {
	this := MonthOf(time.Now())
	last := this.Add(-1)
	newest := &Query{Start: last, columns: columnsByName("billing_period")}
	p, err := c.page(ctx, newest, pageRequest{number: 1, size: 1, order: "-billing_period"})
	if err != nil {
		return Month{}, err
	}
	if len(p.rows) > 0 && *p.rows[0].BillingPeriod == last {
		return last, nil
	}
	return this, nil
}

// consumeWholeLimitPeriods replaces the consumption of the rows' month with that of the
// whole period of each row's limit up to that month. It reads the months before, unless
// each period begins in the rows' month.
func (c *Client) consumeWholeLimitPeriods(ctx context.Context, q *Query, rows []*ComponentUsage, request Request) error {
	starts, err := limitPeriodStarts(rows)
	if unknown, ok := errors.AsType[*LimitPeriodError](err); ok {
		return &RequestError{Request: request, Err: &LimitPeriodError{
			OfferingUUID: c.redactor.excerpt(unknown.OfferingUUID), ComponentType: c.redactor.excerpt(unknown.ComponentType),
			LimitPeriod: c.redactor.excerpt(unknown.LimitPeriod),
		}}
	}
	if len(starts) == 0 {
		return nil
	}
	month := *rows[0].BillingPeriod
	earlier := *q
	earlier.BillingPeriod, earlier.End = Month{}, month.Add(-1)
	earlier.Start = slices.MinFunc(slices.Collect(maps.Values(starts)), Month.Compare)
	earlier.columns = slices.Concat(keyColumns, columnsByName("total_consumed"))
	earlierRows, _, err := c.selectRows(ctx, &earlier)
	if err == nil {
		addEarlierMonths(month, starts, earlierRows)
	}
	return err
}

// selectRows returns all rows that the filters of a query select, each once, in any
// order, and the last request.
//
// A pass reads all pages once. A reading merges passes until it has as many rows
// as the server counts. Up to Waldur 8.1.2, one pass is not always enough: the
// server's order is not total, so rows that sort equally change places between
// requests, and pages repeat some rows and leave out others. If a reading shows
// that the data changed, its rows are dropped, and a new reading starts after a
// pause.
//
// A single reading is not always a list that the server held at one moment: the
// server counts rows and selects them in two steps, even for one page.
// [Query.Consistent] requires two consecutive readings that are equal. Such a list
// is one that the server held at one moment: each of its rows was there, with the
// same values, in both readings. So each row was there at the first count of the
// second reading, unless it disappeared and came back unchanged in between. That
// count is the number of rows of the list. So these were all rows at that moment.
//
// This holds for one database. A cache, or replicas that answer in turn, could give
// both readings the same mixture of moments. So the second reading requests other
// pages than the first, and every request forbids stored responses.
func (c *Client) selectRows(ctx context.Context, q *Query) ([]*ComponentUsage, Request, error) {
	firstWait := cmp.Or(c.ChangeWait, firstChangeWait)
	waits := exponential(firstWait, maxChangeWaitFactor*firstWait, 0.2)
	var last *reading // that received a page, if any did
	for changes := 0; ; {
		r := &reading{client: c, query: q}
		err := r.read(ctx)
		if err == nil && q.Consistent {
			first := r.rows
			if err = r.read(ctx); err == nil && !maps.EqualFunc(first, r.rows, (*ComponentUsage).equal) {
				err = dataChangedError("two consecutive reads returned different rows")
			}
		}
		if last == nil || r.passes > 0 {
			last = r
		}
		c.logger().DebugContext(ctx, "Waldur read", slog.Int("rows", len(r.rows)), slog.Int("count", r.count),
			slog.Int("passes", r.passes), slog.Bool("complete", err == nil))
		if err == nil {
			return r.list, r.request, nil
		}
		if _, changed := errors.AsType[dataChangedError](err); changed {
			if changes++; changes < maxChanges && sleep(ctx, waits.NextBackOff()) == nil {
				continue
			}
		}
		return nil, Request{}, last.incomplete(err, changes)
	}
}

// reading gathers the rows of a query over passes.
type reading struct {
	client *Client
	query  *Query
	passes int // that received a page

	mu      sync.Mutex
	request Request // of the last page
	rows    map[Key]*ComponentUsage
	list    []*ComponentUsage // the rows as they arrived, which is nearly in order
	count   int               // of rows, by X-Result-Count, the same on every page
	bytes   int               // of the responses
}

// dataChangedError describes how a reading shows that the data changed.
type dataChangedError string

func (e dataChangedError) Error() string { return string(e) }

// incomplete returns the error of a reading that failed. It has the number of rows
// if the rows do not add up, or if time ran out between two pages.
func (r *reading) incomplete(err error, changes int) error {
	request, cause := r.request, err
	if failed, ok := errors.AsType[*RequestError](err); ok {
		if connection, ok := failed.Err.(*ConnectionError); !ok || !connection.ReadEnded || r.passes == 0 { //nolint:errorlint // not wrapped
			return err
		}
		request, cause = failed.Request, failed.Err
	}
	return &RequestError{Request: request, Err: &IncompleteError{
		Rows: len(r.rows), Count: r.count, Passes: r.passes, Changes: changes, Err: cause,
	}}
}

// read makes passes until it has as many rows as the server counts.
func (r *reading) read(ctx context.Context) error {
	r.rows, r.list = nil, nil
	for range maxPasses {
		if err := r.pass(ctx); err != nil {
			return err
		}
		if len(r.rows) < r.count {
			continue
		}
		if len(r.query.months()) == 0 && !inOneMonth(r.rows) {
			return dataChangedError("a new month began")
		}
		return nil
	}
	return errors.New("the pages repeat some rows and leave out others, even when they are read again")
}

func inOneMonth(rows map[Key]*ComponentUsage) bool {
	months := map[Month]bool{}
	for key := range rows {
		months[key.BillingPeriod] = true
	}
	return len(months) <= 1
}

// serverOrders are the orders that passes request in turn. Rows that sort equally
// in one order rarely do in the other.
var serverOrders = []string{"", "usage_percent,total_consumed,total_allocated,billing_period"}

// pass reads all pages once. In each pass, the pages begin and end at other rows, so
// the pass finds rows that the previous one missed between two pages. The number of
// pages is calculated from the distinct rows on the first page, which may be fewer
// than requested.
func (r *reading) pass(ctx context.Context) error {
	size := cmp.Or(r.query.PageSize, MaxPageSize)
	if size < 16 {
		size += r.passes
	} else {
		size -= r.passes * (size / 16)
	}
	request := pageRequest{number: 1, size: size, order: serverOrders[r.passes%len(serverOrders)]}
	first, err := r.client.page(ctx, r.query, request)
	if err == nil && first.pages() > maxPages { // a page that is short for once shows that the data changes
		first, err = r.client.page(ctx, r.query, request)
	}
	if err != nil {
		return err
	}
	pages := first.pages()
	if pages > maxPages {
		return &RequestError{Request: first.request, Err: &TooManyRowsError{
			Count: strconv.Itoa(first.count), Limit: fmt.Sprintf("%d pages as small as the first (rows: %d)", maxPages, first.distinct()),
		}}
	}
	if r.rows == nil {
		r.rows, r.count = map[Key]*ComponentUsage{}, first.count
	}
	r.passes++
	if err := r.add(first); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxRequests)
	var ended atomic.Bool
	for number := 2; number <= pages && !ended.Load(); number++ {
		group.Go(func() error {
			next, err := r.client.page(ctx, r.query, pageRequest{number: number, size: size, order: request.order})
			if isPastEnd(err) {
				ended.Store(true)
				return nil // read notices missing rows by their number
			}
			if err == nil {
				err = r.add(next)
			}
			return err
		})
	}
	return group.Wait()
}

// add adds the rows of a page. The error is a dataChangedError, or a
// [*TooManyRowsError] in a [*RequestError] if the responses are too large.
func (r *reading) add(p *page) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request = p.request
	if r.bytes += p.bytes; r.bytes > maxListBytes {
		return &RequestError{Request: p.request, Err: &TooManyRowsError{
			Count: strconv.Itoa(p.count), Limit: fmt.Sprintf("%d MiB of responses", maxListBytes>>20),
		}}
	}
	if p.count != r.count {
		return dataChangedError(fmt.Sprintf("the number of rows changed from %d to %d", r.count, p.count))
	}
	for _, row := range p.rows {
		key := row.key()
		known, ok := r.rows[key]
		if ok && !known.equal(row) {
			return dataChangedError("a row changed")
		}
		if !ok {
			r.rows[key] = row
			r.list = append(r.list, row)
		}
	}
	if len(r.rows) > r.count {
		return dataChangedError("there are more rows than the server counts")
	}
	return nil
}
