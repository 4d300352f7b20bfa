// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxPageSize is the largest page_size that the server accepts.
const MaxPageSize = 300

// page is one page of a query's rows.
type page struct {
	request Request
	bytes   int // of the response
	count   int // rows on all pages
	rows    []*ComponentUsage
}

// page requests a page and checks that all its rows belong to the query.
func (c *Client) page(ctx context.Context, q *Query, r pageRequest) (*page, error) {
	fullDates := c.fullDates.Load()
	resp, err := c.Get(ctx, componentUsageMonthlyPath, q.values(r, fullDates))
	if !fullDates && refusesMonths(err, q) {
		resp, err = c.getWithFullDates(ctx, q, r, err)
	}
	if err != nil {
		return nil, err
	}
	p := &page{request: resp.Request, bytes: len(resp.Body)}
	if p.rows, err = decodeRows(resp, q.columns); err == nil {
		p.count, err = resp.Count()
	}
	for i := 0; i < len(p.rows) && err == nil; i++ {
		if parameter, value := q.violatedFilter(p.rows[i]); parameter != "" {
			err = &FilterIgnoredError{Row: i + 1, Parameter: parameter, Value: c.redactor.excerpt(value)}
		}
	}
	if err != nil {
		return nil, &RequestError{Request: resp.Request, Err: err}
	}
	return p, nil
}

// getWithFullDates requests a page with months written YYYY-MM-01, after the server
// has refused YYYY-MM. If the server accepts them, the client continues to write
// months in that way: the published schema of the API declares them as dates. If the
// server refuses them too, the error is the first refusal.
func (c *Client) getWithFullDates(ctx context.Context, q *Query, r pageRequest, refusal error) (*Response, error) {
	resp, err := c.Get(ctx, componentUsageMonthlyPath, q.values(r, true))
	if refusesMonths(err, q) {
		return nil, refusal
	}
	if err == nil {
		c.fullDates.Store(true)
	}
	return resp, err
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

// isPastEnd reports whether an error is that of a page past the last one.
func isPastEnd(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && status.StatusCode == http.StatusNotFound && !status.HTML
}

// distinct returns the number of distinct rows on the page.
func (p *page) distinct() int {
	keys := make(map[Key]bool, len(p.rows))
	for _, row := range p.rows {
		keys[row.key()] = true
	}
	return len(keys)
}

// pages returns the number of pages of the list if all have as many distinct rows as
// this one, and 1 if this one is empty.
func (p *page) pages() int {
	if distinct := p.distinct(); distinct > 0 {
		return (p.count + distinct - 1) / distinct
	}
	return 1
}

// decodeRows decodes the JSON array of rows in a response. Each row must have the
// columns, except those that are nullable. The JSON is read strictly: duplicate keys and
// bytes that are not UTF-8 are errors, and keys are case-sensitive.
func decodeRows(resp *Response, columns []*Column) ([]*ComponentUsage, error) {
	if isHTML(resp.Header, resp.Body) {
		return nil, &HTMLError{Title: resp.redactor.excerpt(pageTitle(resp.Body))}
	}
	body := bytes.TrimPrefix(resp.Body, []byte("\ufeff"))
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body))
	if begin := decoder.PeekKind(); begin != '[' && begin != 0 {
		return nil, bodyError(body, "is not a JSON array of rows", resp.redactor)
	}
	_, err := decoder.ReadToken()
	var rows []*ComponentUsage
	for err == nil && decoder.PeekKind() != ']' {
		row := &ComponentUsage{}
		if err = json.UnmarshalDecode(decoder, row); err != nil {
			break
		}
		for _, column := range columns {
			if !column.Nullable && column.IsNull(row) {
				return nil, &RowError{Row: len(rows) + 1, Field: column.Name, Problem: "is missing or null"}
			}
		}
		rows = append(rows, row)
	}
	if err == nil {
		_, err = decoder.ReadToken() // the end of the array
	}
	if err == nil {
		if _, err = decoder.ReadToken(); errors.Is(err, io.EOF) {
			return rows, nil
		}
		err = cmp.Or(err, errors.New("there is more data after the array"))
	}
	return nil, decodeError(err, body, len(rows)+1, resp.redactor)
}

// decodeError explains an error of decoding a body. number is that of the row in
// which it occurred.
func decodeError(err error, body []byte, number int, redactor *redactor) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return &RowError{Row: number, Field: redactor.excerpt(syntactic.JSONPointer.LastToken()), Problem: "comes twice"}
		}
		err = syntactic.Err
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return bodyError(body, fmt.Sprintf("is not valid JSON (%s)", redactor.excerpt(err.Error())), redactor)
	}
	want, field := "a JSON object", ""
	if semantic.JSONPointer.Parent() != "" { // the parent of a row is the array
		field = semantic.JSONPointer.LastToken()
		want = ColumnByName(field).want()
	}
	got := redactor.excerpt(string(rowValue(body, number, field)))
	return &RowError{Row: number, Field: field, Problem: fmt.Sprintf("must be %s; got %s", want, got)}
}

// rowValue returns the JSON text of a field in a body that was valid up to there, or
// of the whole row if field is empty.
func rowValue(body []byte, number int, field string) jsontext.Value {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body))
	_, _ = decoder.ReadToken() // the start of the array
	for range number - 1 {
		_ = decoder.SkipValue()
	}
	row, _ := decoder.ReadValue()
	if field == "" {
		return row
	}
	var fields map[string]jsontext.Value
	_ = json.Unmarshal(row, &fields)
	return fields[field]
}

// bodyError returns the error of a body that is not a list of rows, with its
// beginning.
func bodyError(body []byte, problem string, redactor *redactor) error {
	if begin := redactor.excerpt(string(body)); begin != "" {
		problem += "; it begins with " + strconv.Quote(begin)
	}
	return &BodyError{Problem: problem}
}
