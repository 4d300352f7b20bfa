// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	// maxPasses is how often all pages are read at most.
	maxPasses = 6
	// parallelPages is how many pages are asked for at a time.
	parallelPages = 4
)

// ListComponentUsageMonthly returns all rows that the query selects, in its
// order, each once; the error is an [*IncompleteError] if the server's pages do
// not add up to that, or one of a request.
//
// The server's order is not total, and its database places equal rows anew in
// every request, so that pages repeat some rows and lose others. Rows are
// therefore told apart by their key, counted against what the server counts, and
// read in further passes, with the borders of pages elsewhere, until none is
// missing. Pages that show the data change are not mixed with those before.
//
// One page is of one moment, and pages are not. Where totals change between two
// of them, or one row goes and another comes, and the number of rows stays, their
// answers are the same as those of a server on which nothing changes: the list
// may then have some rows as of before and others as of after, or lack one. Only
// [Query.Consistent] excludes that, at the price of reading all pages twice.
func (c *Client) ListComponentUsageMonthly(ctx context.Context, q Query) ([]*ComponentUsage, error) {
	r := &reading{client: c, query: &q, size: q.PageSize, lost: map[string]int{}}
	if r.size <= 0 || r.size > MaxPageSize {
		r.size = MaxPageSize
	}
	err := r.read(ctx)
	if c.Debug != nil {
		c.Debug(ctx, "Waldur read", map[string]any{"rows": len(r.rows), "pages": r.pages, "passes": r.passes, "complete": err == nil})
	}
	if err != nil {
		return nil, err
	}
	rows := slices.Collect(maps.Values(r.rows))
	q.sort(rows)
	return rows, nil
}

// rowSet holds rows by what identifies them.
type rowSet map[Key]*ComponentUsage

// reading gathers the rows of a query over several passes.
type reading struct {
	client *Client
	query  *Query
	size   int // rows to ask for on a page

	rows          rowSet         // gathered in the passes since the data last changed
	first, last   map[Key]int    // passes that a row came in
	lost          map[string]int // rows that the last pass in an order left out
	count         int            // how many there are, by those passes
	passes, pages int
}

func (r *reading) read(ctx context.Context) error {
	var p *pass
	var reason string
	sinceChange := 0
	for r.passes < maxPasses {
		p = r.newPass(sinceChange)
		r.passes++
		sinceChange++
		err := p.read(ctx)
		r.pages += p.pages
		var disturbed disturbance
		switch {
		case errors.As(err, &disturbed):
			r.rows, r.count, sinceChange = nil, p.count, 0
			reason = disturbed.Error()
		case err != nil:
			return err
		case r.add(p):
			return nil
		default:
			reason = "its pages repeat some rows and leave out others"
			if len(r.rows) == r.count {
				reason = "nothing shows that all rows were there at one time"
			}
		}
	}
	rows := max(len(r.rows), len(p.rows))
	return &IncompleteError{Asked: p.asked, Rows: rows, Count: r.count, Passes: r.passes, Reason: reason}
}

// add adds the rows of a pass to those of the passes before, or puts them in
// their place if the two are not of the same data. It reports whether the rows
// are all there are.
//
// A pass that has as many rows as the server counts is enough, unless more is
// asked for. Rows of several passes are a list only if there was a pass with all
// of them there: none may have come for the last time in a pass before another
// came for the first. Where a pass cannot be trusted to notice what changes in
// the middle of it, that has to hold between two passes.
func (r *reading) add(p *pass) (complete bool) {
	trusted := p.atOneMoment() || (p.counted && !r.query.Consistent)
	if trusted && len(p.rows) == p.count { // as in most reads
		r.rows, r.count = p.rows, p.count
		return true
	}
	r.lost[p.order] = p.count - len(p.rows)
	sameData := r.rows != nil && p.count == r.count && r.rows.extend(slices.Collect(maps.Values(p.rows))...)
	if !sameData || len(r.rows) > r.count {
		r.rows, r.count = p.rows, p.count
		r.first, r.last = map[Key]int{}, map[Key]int{}
	}
	for key := range p.rows {
		if _, known := r.first[key]; !known {
			r.first[key] = r.passes
		}
		r.last[key] = r.passes
	}
	newest, oldest := 0, r.passes
	for key := range r.rows {
		newest, oldest = max(newest, r.first[key]), min(oldest, r.last[key])
	}
	return len(r.rows) == r.count && (oldest > newest || (trusted && oldest == newest))
}

// atOneMoment reports whether the server answered with a single page, and said
// so: what it does not say, it may have had on another.
func (p *pass) atOneMoment() bool { return p.pages == 1 && (p.counted || p.linked) }

// extend adds rows to the set. It reports false if one of them is in the set
// with other values.
func (s rowSet) extend(rows ...*ComponentUsage) bool {
	for _, row := range rows {
		if known, ok := s[row.Key()]; ok && !known.equal(row) {
			return false
		}
		s[row.Key()] = row
	}
	return true
}

func (u *ComponentUsage) equal(other *ComponentUsage) bool {
	for _, column := range Columns {
		if (Ordering{Column: column}).compare(u, other) != 0 {
			return false
		}
	}
	return true
}

// disturbance says why the pages of a pass do not belong together.
type disturbance string

func (d disturbance) Error() string { return string(d) }

// pass reads all pages once.
type pass struct {
	client *Client
	query  *Query
	size   int    // rows to ask for on a page
	order  string // for the server, its default if empty

	mu       sync.Mutex
	asked    Asked  // what the first page was asked with
	rows     rowSet // distinct rows received
	received int    // rows received
	repeated int    // rows received since there was a new one among them
	pages    int    // pages with rows received, and the first
	counted  bool   // the server says how many rows there are
	linked   bool   // the first page has links to others
	count    int    // and this many it says; else, in the end, as many as were received
}

// serverOrders are the orders that passes ask for. What is equal in one is rarely
// so in the other.
var serverOrders = []string{"", "usage_percent,total_consumed,total_allocated,billing_period"}

// newPass returns the pass to follow n others over the same data. It differs
// from those in where the borders of the pages fall, and in the order of the
// rows: they take turns while rows are missing. When all that is missing is that
// they were there together, it is the order that lost fewest.
func (r *reading) newPass(n int) *pass {
	size := r.size - n*(r.size/16)
	if r.size < 16 {
		size += n
	}
	order := serverOrders[n%len(serverOrders)]
	if len(r.rows) == r.count {
		order = slices.MinFunc(serverOrders, func(a, b string) int { return cmp.Compare(r.lost[a], r.lost[b]) })
	}
	return &pass{client: r.client, query: r.query, size: size, order: order, rows: rowSet{}}
}

// read reads the first page, then those that the server's count makes us expect,
// several at a time, and then those that it links to nevertheless. It returns a
// disturbance if the data changed between two pages.
func (p *pass) read(ctx context.Context) error {
	first, err := p.page(ctx, 1)
	if err != nil {
		return err
	}
	p.asked, p.count, p.counted, p.linked = first.Asked, first.count, first.count >= 0, first.linked
	if err := p.take(first); err != nil {
		return err
	}
	last, err := p.readCounted(ctx, first)
	if err != nil {
		return err
	}
	if err := p.readLinked(ctx, last); err != nil {
		return err
	}
	if !p.counted {
		p.count = p.received // pages repeat rows in the place of others, so the sum is right
	}
	return nil
}

// readCounted reads the pages that the count and the length of the first page
// make us expect, and returns the last of them. A server may put fewer rows on a
// page than it was asked for.
func (p *pass) readCounted(ctx context.Context, first *page) (last *page, err error) {
	last = first
	if len(first.rows) == 0 || p.count <= len(first.rows) {
		return last, nil
	}
	expected := (p.count-1)/len(first.rows) + 1
	requests := make(chan struct{}, parallelPages) // those under way
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * parallelPages) // as many pages may be read as are asked for
	for number := 2; number <= expected && ctx.Err() == nil; number++ {
		requests <- struct{}{}
		group.Go(func() error {
			a, err := p.fetch(ctx, number)
			<-requests // so the next page is asked for while this one's rows are read
			if isUnsent(err) {
				return nil // why the read is over is known to those that were sent
			}
			var next *page
			if err == nil {
				next, err = a.page(ctx, p.query, number)
			}
			if isGone(err) || (err == nil && len(next.rows) == 0) {
				return disturbance(fmt.Sprintf("it counts %d rows, and has none on page %d of %d", p.count, number, expected))
			}
			if err != nil {
				return err
			}
			if number == expected {
				last = next
			}
			return p.take(next)
		})
	}
	err = group.Wait() // before last is read
	return last, err
}

// readLinked follows page numbers for as long as there is a next page. Where the
// server neither counts nor links, which a proxy may be to blame for, there is
// one until a page is gone or empty.
func (p *pass) readLinked(ctx context.Context, last *page) error {
	for last.hasNext || (!p.counted && !last.linked) {
		next, err := p.page(ctx, last.number+1)
		if isGone(err) || (err == nil && len(next.rows) == 0) {
			if last.hasNext && !p.counted {
				return disturbance(fmt.Sprintf("it links to page %d, and has no rows there", last.number+1))
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.take(next); err != nil {
			return err
		}
		last = next
	}
	return nil
}

func (p *pass) page(ctx context.Context, number int) (*page, error) {
	a, err := p.fetch(ctx, number)
	if err != nil {
		return nil, err
	}
	return a.page(ctx, p.query, number)
}

func (p *pass) fetch(ctx context.Context, number int) (*answer, error) {
	return p.client.fetch(ctx, p.query, pageRequest{number: number, size: p.size, order: p.order})
}

// isGone reports whether a page after the first is past the end of the rows.
func isGone(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.StatusCode == http.StatusNotFound && !status.HTML
}

// isUnsent reports whether the read was over before a request could be sent.
func isUnsent(err error) bool {
	var connection *ConnectionError
	return errors.As(err, &connection) && connection.Attempts == 0
}

// take adds the rows of a page.
func (p *pass) take(received *page) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages++
	p.received += len(received.rows)
	if received.count != p.count {
		return disturbance(fmt.Sprintf("it counted %s rows at first, and %s on page %d", countText(p.count), countText(received.count), received.number))
	}
	known := len(p.rows)
	if !p.rows.extend(received.rows...) {
		return disturbance("a row came twice with different values")
	}
	if p.counted && len(p.rows) > p.count {
		return disturbance(fmt.Sprintf("it counts %d rows, and sent %d", p.count, len(p.rows)))
	}
	if p.repeated += len(received.rows); len(p.rows) > known {
		p.repeated = 0
	}
	if p.repeated > 100+2*p.size {
		return disturbance("it sends the same rows on every page")
	}
	return nil
}

func countText(count int) string {
	if count < 0 {
		return "no"
	}
	return strconv.Itoa(count)
}
