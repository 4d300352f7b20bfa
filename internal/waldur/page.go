package waldur

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// MaxPageSize is the largest page_size that the server accepts.
const MaxPageSize = 300

// listPage is one page of a query's rows.
type listPage struct {
	request Request
	bytes   int // of the response
	count   int // rows on all pages
	rows    []*ComponentUsage
}

// page requests a page and checks that all its rows belong to the query.
func (c *Client) page(ctx context.Context, q *Query, r pageRequest) (*listPage, error) {
	fullDates := c.fullDates.Load()
	resp, err := c.Get(ctx, componentUsageMonthlyPath, q.values(r, fullDates))
	if !fullDates && refusesMonths(err) {
		// The published schema of the API declares months as dates. Stay with what the server accepts.
		if again, againErr := c.Get(ctx, componentUsageMonthlyPath, q.values(r, true)); !refusesMonths(againErr) {
			resp, err = again, againErr
			c.fullDates.CompareAndSwap(false, err == nil)
		}
	}
	if err != nil {
		return nil, err
	}
	p := &listPage{request: resp.Request, bytes: len(resp.Body)}
	var failed *Error
	if p.rows, failed = decodeRows(resp, q.columns); failed == nil {
		p.count, failed = resp.Count()
	}
	for _, f := range q.filters() {
		if i := slices.IndexFunc(p.rows, f.excludes); i >= 0 && failed == nil {
			failed = &Error{Cause: FilterIgnored, Text: fmt.Sprintf("row %d does not match the filter %s: it has %s",
				i+1, f.parameter, c.redactor.excerpt(f.column.text(p.rows[i])))}
		}
	}
	if failed != nil {
		failed.Request = resp.Request
		return nil, failed
	}
	return p, nil
}

// refusesMonths reports whether an error refuses the months of a query.
func refusesMonths(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && failed.Refused["billing_period"]+failed.Refused["start"]+failed.Refused["end"] != ""
}

// distinct returns the number of distinct rows on the page.
func (p *listPage) distinct() int {
	keys := make(map[rowKey]bool, len(p.rows))
	for _, row := range p.rows {
		keys[row.key()] = true
	}
	return len(keys)
}

// pages returns the number of pages if all have as many distinct rows as this; 1 if it is empty.
func (p *listPage) pages() int {
	if distinct := p.distinct(); distinct > 0 {
		return (p.count + distinct - 1) / distinct
	}
	return 1
}
