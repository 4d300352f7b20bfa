package waldur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maxChanges = 10 // of the data, per list
	minPasses  = 8  // per reading, before it can fail
	maxIdle    = 4  // consecutive passes that find no new row, before a reading can fail
	maxPages   = 10_000
)

// maxListBytes is the largest size of the responses whose rows are kept. Tests lower it.
var maxListBytes = 1 << 30

// ListComponentUsageMonthly returns the rows of the query, and the number of rows that its filters
// select, before all other steps. The error is an [*Error].
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
		return nil, 0, c.noRows(ctx, &q, request)
	}
	if q.WholeLimitPeriods {
		if err := c.consumeWholeLimitPeriods(ctx, &q, rows, request); err != nil {
			return nil, 0, err
		}
	}
	if len(q.GroupBy) > 0 {
		rows = groupRows(rows, q.GroupBy)
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

// latestMonth returns this month in UTC, or last month if that has rows and this month has none
// yet. It looks at all rows that the user may see: filters that select nothing this month must not
// select old rows. If there are rows of a later month, this machine's clock is behind, and that
// month is returned.
func (c *Client) latestMonth(ctx context.Context) (Month, error) {
	this := MonthOf(time.Now())
	newest := &Query{Start: this.Add(-1), columns: columnsByName("billing_period")}
	p, err := c.page(ctx, newest, pageRequest{number: 1, size: 1, order: "-billing_period"})
	switch {
	case err != nil:
		return Month{}, err
	case len(p.rows) > 0:
		return *p.rows[0].BillingPeriod, nil
	case p.count > 0:
		return Month{}, &Error{Request: p.request, Cause: NotRows, Text: fmt.Sprintf("received 0 rows; the server counts %d", p.count)}
	}
	return this, nil
}

// noRows returns the error of a query without rows. If the query has a component type, one more
// list tells which types exist without that filter.
func (c *Client) noRows(ctx context.Context, q *Query, request Request) error {
	var filters []string
	for _, f := range q.filters() {
		filters = append(filters, fmt.Sprintf("%s = %q", f.parameter, f.value))
	}
	failed := &Error{Request: request, Cause: NoRows, Text: "Waldur has no row"}
	if len(filters) > 0 {
		failed.Text += " with " + strings.Join(filters, ", ")
	}
	if !q.hasMonths() {
		failed.Text += " in the current month"
	}
	if q.ComponentType != "" {
		others := *q
		others.ComponentType = ""
		others.columns = inOrder(append(others.keyAndFilterColumns(), columnsByName("component_name")...))
		if rows, _, err := c.selectRows(ctx, &others); err == nil {
			failed.Types = map[string]string{}
			for _, row := range rows {
				identifier, name := c.redactor.excerpt(*row.ComponentType), c.redactor.excerpt(*row.ComponentName)
				if failed.Types[identifier] == "" || strings.EqualFold(name, q.ComponentType) {
					failed.Types[identifier] = name
				}
			}
		}
	}
	return failed
}

// consumeWholeLimitPeriods replaces the consumption of the rows' month with that of the whole
// period of each row's limit up to that month. It reads the months before, if any period has one.
func (c *Client) consumeWholeLimitPeriods(ctx context.Context, q *Query, rows []*ComponentUsage, request Request) error {
	starts, unknown := limitPeriodStarts(rows)
	if unknown != nil {
		return &Error{Request: request, Cause: UnknownLimitPeriod, Text: fmt.Sprintf(
			"component %q of offering %s has the limit_period %q, which is not month, quarterly, annual or total",
			c.redactor.excerpt(*unknown.ComponentType), c.redactor.excerpt(*unknown.OfferingUUID), c.redactor.excerpt(*unknown.LimitPeriod))}
	}
	if len(starts) == 0 {
		return nil
	}
	month := *rows[0].BillingPeriod
	earlier := *q
	earlier.BillingPeriod, earlier.End = Month{}, month.Add(-1)
	earlier.Start = slices.MinFunc(slices.Collect(maps.Values(starts)), Month.Compare)
	earlier.columns = inOrder(append(q.keyAndFilterColumns(), columnsByName("total_consumed")...))
	var earlierRows []*ComponentUsage
	var err error
	if earlier.End.InRange() { // nothing comes before the first month
		earlierRows, _, err = c.selectRows(ctx, &earlier)
	}
	if err == nil {
		addEarlierMonths(month, starts, earlierRows)
	}
	return err
}

// selectRows returns all rows that the filters of a query select, each once, in any order, and the
// last request.
//
// A pass reads all pages once. A reading merges passes until it has as many rows as the server
// counts. Up to Waldur 8.1.2, one pass is not always enough: the server's order is not total, so
// rows that sort equally change places between requests, and pages repeat some rows and leave out
// others. Each pass moves the borders of the pages, near which rows are left out. If a reading
// shows that the data changed, its rows are dropped, and a new reading starts after a pause.
//
// A single reading is not always a list that the server held at one moment: the server counts rows
// and selects them in two steps, even for one page. [Query.Consistent] requires two consecutive
// readings that are equal. Such a list is one that the server held at one moment: each of its rows
// was there, with the same values, in both readings. So each row was there at the first count of
// the second reading, unless it disappeared and came back unchanged in between. That count is the
// number of rows of the list. So these were all rows at that moment.
//
// This holds for one database. A cache, or replicas that respond in turn, could give both readings
// the same mixture of moments. So the second reading requests other pages than the first, every
// request forbids stored responses, and cookies are sent back, so that a load balancer can keep the
// client at one replica.
func (c *Client) selectRows(ctx context.Context, q *Query) ([]*ComponentUsage, Request, error) {
	wait := cmp.Or(c.RetryWait, firstRetryWait)
	waits := exponential(wait/2, 16*wait, 0.2)
	var last *reading // the last one that received a page, if any
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
		c.logger.DebugContext(ctx, "Waldur read", "rows", len(r.rows), "count", r.count, "passes", r.passes, "complete", err == nil)
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
	rows    map[rowKey]*ComponentUsage
	list    []*ComponentUsage // the rows as they arrived, which is nearly in order
	count   int               // of rows, by X-Result-Count, the same on every page
	bytes   int               // of the responses with these rows
}

// dataChangedError describes how a reading shows that the data changed.
type dataChangedError string

func (e dataChangedError) Error() string { return string(e) }

// incomplete returns the error of a reading that failed. It states the number of rows if rows are
// missing, or if time ran out after the first page.
func (r *reading) incomplete(err error, changes int) error {
	failed, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		failed = &Error{Request: r.request, Cause: RowsMissing, Text: err.Error()}
	case r.passes == 0, failed.Cause != ReadTimedOut && failed.Cause != NotSent && failed.Cause != HeldBack:
		return err
	}
	if changes > 0 && failed.Previous == nil && (failed.Cause == RowsMissing || failed.Cause == ReadTimedOut) {
		failed.Cause = DataChanges
	}
	failed.Text = fmt.Sprintf("received %d rows; the server counts %d (passes: %d, changes of the data: %d): %s",
		len(r.rows), r.count, r.passes, changes, failed.Text)
	return failed
}

// read makes passes until it has all rows, at most eight unless one of the last four found more.
func (r *reading) read(ctx context.Context) error {
	r.rows, r.list, r.bytes = nil, nil, 0
	for passes, idle := 0, 0; passes < minPasses || idle < maxIdle; passes++ {
		known := len(r.rows)
		if err := r.pass(ctx); err != nil {
			return err
		}
		if len(r.rows) == r.count {
			if !r.query.hasMonths() && slices.ContainsFunc(r.list, func(u *ComponentUsage) bool { return *u.BillingPeriod != *r.list[0].BillingPeriod }) {
				return dataChangedError("a new month began")
			}
			return nil
		}
		if idle++; len(r.rows) > known {
			idle = 0
		}
	}
	return errors.New("the pages repeat some rows and leave out others, even when they are read again")
}

// serverOrders are requested in turn. Rows that sort equally in one rarely do in another.
var serverOrders = []string{
	"",
	"usage_percent,total_consumed,total_allocated,billing_period",
	"-usage_percent,-total_consumed,-total_allocated,-billing_period",
	"total_consumed,total_allocated,billing_period",
}

// pageSize returns the page size of a pass, counted from 0. Each pass doubles the size and adds
// one, up to the largest size, because larger pages have fewer borders. Then each takes a sixteenth
// off, but never uses the first size again. So no border stays, and no pass soon repeats another.
func pageSize(first, pass int) int {
	size := first
	for ; pass > 0 && size < MaxPageSize; pass-- {
		size = min(2*size+1, MaxPageSize)
	}
	if size -= pass % 11 * (size / 16); size == first && pass > 0 {
		size--
	}
	return size
}

// pass reads all pages once. Their number follows from the distinct rows on the first page.
func (r *reading) pass(ctx context.Context) error {
	request := pageRequest{
		number: 1, size: pageSize(cmp.Or(r.query.PageSize, MaxPageSize), r.passes), order: serverOrders[r.passes%len(serverOrders)],
	}
	first, err := r.client.page(ctx, r.query, request)
	if err == nil && first.pages() > maxPages { // if only this response was short, the data changed
		first, err = r.client.page(ctx, r.query, request)
	}
	if err != nil {
		return err
	}
	pages := first.pages()
	if pages > maxPages {
		limit := fmt.Sprintf("%d pages as small as the first (rows: %d)", maxPages, first.distinct())
		return tooMany(first.request, TooManyPages, strconv.Itoa(first.count), limit)
	}
	if r.rows == nil {
		r.rows, r.count = map[rowKey]*ComponentUsage{}, first.count
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
			next, err := r.client.page(ctx, r.query, pageRequest{number: number, size: request.size, order: request.order})
			if CauseOf(err) == NotFound { // past the last page
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

// add adds the rows of a page. The error is a dataChangedError, or an [*Error] of the size.
func (r *reading) add(p *listPage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request = p.request
	if p.count != r.count {
		return dataChangedError(fmt.Sprintf("the number of rows changed from %d to %d", r.count, p.count))
	}
	before := len(r.rows)
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
	if len(r.rows) > before {
		r.bytes += p.bytes
	}
	if r.bytes > maxListBytes {
		return tooMany(p.request, TooManyRows, strconv.Itoa(p.count), fmt.Sprintf("%d MiB of responses", maxListBytes>>20))
	}
	if len(r.rows) > r.count {
		return dataChangedError("there are more rows than the server counts")
	}
	return nil
}
