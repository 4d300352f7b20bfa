// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// componentUsageMonthlyPath is relative to the root of the API. Waldur has it since
// 8.0.8.
const componentUsageMonthlyPath = "marketplace-component-usage-monthly/"

const (
	// MaxPageSize is the largest number of rows that the server puts on a page.
	MaxPageSize = 300

	maxRows = 1_000_000
)

// pageRequest says which page of a query's rows to request.
type pageRequest struct {
	number int    // from 1
	size   int    // rows on a page
	order  string // the server's order, its default if empty
}

// page is one page of a query's rows.
type page struct {
	request Request
	bytes   int // of the response
	count   int // rows on all pages
	rows    []*ComponentUsage
}

// page requests a page and checks that all its rows belong to the query.
func (c *Client) page(ctx context.Context, q *Query, r pageRequest) (*page, error) {
	resp, err := c.getPage(ctx, q, r)
	if err != nil {
		return nil, err
	}
	p := &page{request: resp.request, bytes: len(resp.body)}
	if p.rows, err = c.decodeRows(ctx, resp, q.columns()); err == nil {
		p.count, err = c.resultCount(resp.header)
	}
	for i := 0; i < len(p.rows) && err == nil; i++ {
		if parameter, value := q.violatedFilter(p.rows[i]); parameter != "" {
			err = &FilterIgnoredError{Row: i + 1, Parameter: parameter, Value: c.redactor.excerpt(value)}
		}
	}
	if err != nil {
		return nil, &RequestError{Request: resp.request, Err: err}
	}
	return p, nil
}

// getPage requests a page with months written YYYY-MM. If the server refuses them,
// getPage sends YYYY-MM-01, and continues to do so if the server accepts that. The
// published schema of the API declares these parameters as dates.
func (c *Client) getPage(ctx context.Context, q *Query, r pageRequest) (*response, error) {
	fullDates := c.fullDates.Load()
	resp, err := c.get(ctx, componentUsageMonthlyPath, r.values(q, fullDates))
	if fullDates || !refusesMonths(err, q) {
		return resp, err
	}
	again, againErr := c.get(ctx, componentUsageMonthlyPath, r.values(q, true))
	if refusesMonths(againErr, q) {
		return nil, err
	}
	if againErr == nil {
		c.fullDates.Store(true)
	}
	return again, againErr
}

func refusesMonths(err error, q *Query) bool {
	if refusal, ok := errors.AsType[*FilterError](err); ok {
		for parameter := range q.months() {
			if _, refused := refusal.Problems[parameter]; refused {
				return true
			}
		}
	}
	return false
}

// values returns the query parameters of the page.
func (r pageRequest) values(q *Query, fullDates bool) url.Values {
	values := q.values(fullDates)
	values.Set("page_size", strconv.Itoa(r.size))
	if r.number > 1 {
		values.Set("page", strconv.Itoa(r.number))
	}
	if r.order != "" {
		values.Set("o", r.order)
	}
	return values
}

// resultCount returns the number of rows on all pages.
func (c *Client) resultCount(header http.Header) (int, error) {
	text := header.Get("X-Result-Count")
	count, err := strconv.ParseUint(text, 10, 63)
	if count > maxRows { // also if it is out of range
		return 0, &TooManyRowsError{Count: int(min(count, math.MaxInt))}
	}
	if err != nil {
		return 0, &CountError{Value: c.redactor.excerpt(text)}
	}
	return int(count), nil
}

// decodeRows decodes the JSON array of rows in a response. Each row must have
// the columns in read, except those that are nullable.
func (c *Client) decodeRows(ctx context.Context, resp *response, read []*Column) ([]*ComponentUsage, error) {
	if isHTML(resp.header, resp.body) {
		return nil, &HTMLError{Title: c.redactor.pageTitle(resp.body)}
	}
	if !utf8.Valid(resp.body) {
		return nil, c.bodyError(resp, "is not UTF-8, which JSON requires")
	}
	decoder := json.NewDecoder(bytes.NewReader(resp.body))
	begin, err := decoder.Token()
	if err == nil && begin != json.Delim('[') {
		return nil, c.bodyError(resp, "is not a JSON array of rows")
	}
	var rows []*ComponentUsage
	for err == nil && decoder.More() {
		if ctx.Err() != nil {
			return nil, canceled(ctx.Err(), nil)
		}
		offset := decoder.InputOffset()
		row := &ComponentUsage{}
		err = decoder.Decode(row)
		if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, c.rowError(len(rows)+1, wrongType.Field, resp.body[offset:decoder.InputOffset()])
		}
		if err != nil {
			break
		}
		for _, column := range read {
			if !column.Nullable && column.IsNull(row) {
				return nil, &RowError{Row: len(rows) + 1, Field: column.Name, Problem: "is missing or null"}
			}
		}
		rows = append(rows, row)
	}
	if err == nil {
		_, err = decoder.Token() // the end of the array
	}
	if err == nil && len(bytes.TrimSpace(resp.body[decoder.InputOffset():])) > 0 {
		err = errors.New("there is more data after the array")
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, c.bodyError(resp, fmt.Sprintf("is not valid JSON (%v)", err))
	}
	return rows, nil
}

// rowError returns the error of a field that has the wrong type or is out of
// bounds in the JSON text of a row.
func (c *Client) rowError(number int, field string, text []byte) error {
	text = bytes.TrimLeft(text, ", \t\r\n")
	want := "a JSON object"
	if column := ColumnByName(field); column != nil {
		var fields map[string]json.RawMessage
		_ = json.Unmarshal(text, &fields) // it has been read as an object before
		want, text = column.want(), fields[field]
	}
	return &RowError{Row: number, Field: field, Problem: fmt.Sprintf("must be %s; got %s", want, c.redactor.excerpt(string(text)))}
}

// bodyError returns the error of a response with the beginning of its body.
func (c *Client) bodyError(resp *response, problem string) error {
	if begin := c.redactor.excerpt(string(resp.body[:min(len(resp.body), maxErrorBodyBytes)])); begin != "" {
		problem += "; it begins with " + strconv.Quote(begin)
	}
	return &BodyError{Problem: problem}
}

// isHTML reports whether a response is an HTML page. It also checks the body,
// because not every web front end sets the Content-Type.
func isHTML(header http.Header, body []byte) bool {
	return strings.HasPrefix(header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}
