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
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maxChanges = 10 // of the data, per read
	maxPasses  = 6  // per reading

	maxListBytes = 1 << 30 // of the pages of a pass

	firstChangeWait  = 250 * time.Millisecond
	longestWaitRatio = 32 // so the longest wait is 8 s
)

// ListComponentUsageMonthly returns all rows that the query selects, in its
// order, each once. The error is a [*RequestError].
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
func (c *Client) ListComponentUsageMonthly(ctx context.Context, q Query) ([]*ComponentUsage, error) {
	r := &reading{client: c, query: &q}
	firstWait := cmp.Or(c.ChangeWait, firstChangeWait)
	waits := exponential(firstWait, longestWaitRatio*firstWait, 0.2)
	for {
		err := r.readList(ctx)
		c.logger().DebugContext(ctx, "Waldur read", slog.Int("rows", len(r.rows)), slog.Int("count", r.count),
			slog.Int("passes", r.passes), slog.Bool("complete", err == nil))
		if err == nil {
			list := slices.Collect(maps.Values(r.rows))
			if err := q.sort(ctx, list); err != nil {
				return nil, &RequestError{Request: r.request, Err: canceled(err, nil)}
			}
			return list, nil
		}
		if _, changed := errors.AsType[dataChangedError](err); changed {
			if r.changes++; r.changes < maxChanges && sleep(ctx, waits.NextBackOff()) == nil {
				continue
			}
		} else if failed, ok := errors.AsType[*RequestError](err); ok {
			if ctx.Err() == nil || r.passes == 0 {
				return nil, err
			}
			err = failed.Err // time ran out within a reading
		}
		return nil, &RequestError{Request: r.request, Err: &IncompleteError{
			Rows: len(r.rows), Count: r.count, Passes: r.passes, Changes: r.changes, Err: err,
		}}
	}
}

// reading gathers the rows of a query over passes.
type reading struct {
	client  *Client
	query   *Query
	changes int // how often the data changed in earlier readings

	mu      sync.Mutex
	request Request // of the last page
	rows    map[Key]*ComponentUsage
	count   int   // rows by X-Result-Count, the same on every page
	passes  int   // of this reading that received a page
	month   Month // of the last row
	bytes   int   // of the responses of the last pass
}

// dataChangedError describes how a reading shows that the data changed.
type dataChangedError string

func (e dataChangedError) Error() string { return string(e) }

// readList makes a reading or, for a consistent read, two that must be equal.
func (r *reading) readList(ctx context.Context) error {
	if err := r.read(ctx); err != nil || !r.query.Consistent {
		return err
	}
	first := r.rows
	if err := r.read(ctx); err != nil {
		return err
	}
	if !maps.EqualFunc(first, r.rows, (*ComponentUsage).equal) {
		return dataChangedError("two readings in a row differ")
	}
	return nil
}

// read makes passes until it has all rows. It first drops the rows of an earlier
// reading.
func (r *reading) read(ctx context.Context) error {
	for n := range maxPasses {
		if err := r.pass(ctx, n); err != nil {
			return err
		}
		if len(r.rows) == r.count {
			return nil
		}
	}
	return errors.New("the pages repeat some rows and leave out others, even when they are read again")
}

// serverOrders are the orders that passes request in turn. Rows that sort equally
// in one order rarely do in the other.
var serverOrders = []string{"", "usage_percent,total_consumed,total_allocated,billing_period"}

// pass reads all pages once, as pass n of a reading, from 0. In each pass, the
// pages begin and end at other rows, so the pass finds rows that the previous one
// missed between two pages. The number of pages is calculated from the distinct
// rows on the first page, which may be fewer than requested.
func (r *reading) pass(ctx context.Context, n int) error {
	size := cmp.Or(r.query.PageSize, MaxPageSize)
	if size < 16 {
		size += n
	} else {
		size -= n * (size / 16)
	}
	order := serverOrders[n%len(serverOrders)]
	first, err := r.client.page(ctx, r.query, pageRequest{number: 1, size: size, order: order})
	if err != nil {
		return err
	}
	if n == 0 {
		r.rows, r.count, r.passes = map[Key]*ComponentUsage{}, first.count, 0
	}
	r.passes++
	r.bytes = 0
	distinct := map[Key]bool{}
	for _, row := range first.rows {
		distinct[row.key()] = true
	}
	if err := r.add(first); err != nil || len(distinct) == 0 {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxRequests)
	for number := 2; number <= (r.count-1)/len(distinct)+1 && ctx.Err() == nil; number++ {
		group.Go(func() error {
			next, err := r.client.page(ctx, r.query, pageRequest{number: number, size: size, order: order})
			if isGone(err) {
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

// isGone reports whether a page is past the last one.
func isGone(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && status.StatusCode == http.StatusNotFound && !status.HTML
}

// add adds the rows of a page. The error is a dataChangedError, or a
// [*TooManyRowsError] in a [*RequestError] if the pages are too large.
func (r *reading) add(p *page) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request = p.request
	if r.bytes += p.bytes; r.bytes > maxListBytes {
		return &RequestError{Request: p.request, Err: &TooManyRowsError{Count: p.count, Bytes: r.bytes}}
	}
	if p.count != r.count {
		return dataChangedError(fmt.Sprintf("the number of rows changed from %d to %d", r.count, p.count))
	}
	for _, row := range p.rows {
		key := row.key()
		if known, ok := r.rows[key]; ok && !known.equal(row) {
			return dataChangedError("a row changed")
		}
		if r.month != key.BillingPeriod && len(r.rows) > 0 && len(r.query.months()) == 0 {
			return dataChangedError("a new month began")
		}
		r.rows[key], r.month = row, key.BillingPeriod
	}
	if len(r.rows) > r.count {
		return dataChangedError("there are more rows than the server counts")
	}
	return nil
}
