// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// rows reads the JSON array of an answer, the wanted columns alone.
func (a *answer) rows(wanted []*Column) ([]*ComponentUsage, error) {
	if isHTML(a.header, a.body) {
		return nil, &HTMLError{Asked: a.Asked, Title: a.client.redactor.pageTitle(a.body), At: a.at}
	}
	if err := a.checkJSON(); err != nil {
		return nil, err
	}
	decoder := rowDecoder{text: jsonText{a.body}, wanted: wanted, shared: map[string]string{}, redactor: a.client.redactor}
	rows, problem := decoder.rows()
	if problem != nil {
		return nil, &RowError{Asked: a.Asked, Row: len(rows) + 1, Field: problem.field, Problem: problem.Error()}
	}
	return rows, nil
}

// checkJSON makes sure that the body is one JSON array and nothing else.
func (a *answer) checkJSON() error {
	var problem string
	switch {
	case !utf8.Valid(a.body):
		problem = "the answer is not UTF-8, as JSON must be"
	case !json.Valid(a.body):
		problem = "the answer is not JSON: " + syntaxError(a.body).Error()
	case (&jsonText{a.body}).peek() != '[':
		problem = "the answer is not a JSON array of rows"
	default:
		return nil
	}
	if begin := a.client.redactor.excerpt(a.body); begin != "" {
		problem += "; it begins with " + begin
	}
	return &BodyError{Asked: a.Asked, Problem: problem}
}

// syntaxError returns what is wrong with a text that is not JSON.
func syntaxError(text []byte) error {
	var value json.RawMessage
	err := json.Unmarshal(text, &value)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w, after %d bytes", err, syntax.Offset)
	}
	return err
}

// rowDecoder reads rows out of an array in valid JSON. The rows are most of what
// is read of a Waldur, so they are read without copying, apart from their texts.
type rowDecoder struct {
	text     jsonText
	wanted   []*Column
	shared   map[string]string // equal texts, of which there are many, share their memory
	redactor redactor
}

// rowError is what is wrong with a row, in words that read on from the field.
type rowError struct {
	field string
	error
}

func (d *rowDecoder) rows() (rows []*ComponentUsage, problem *rowError) {
	d.text.skip('[')
	for d.text.peek() != ']' {
		row := &ComponentUsage{}
		if problem := d.row(row); problem != nil {
			return rows, problem
		}
		rows = append(rows, row)
		d.text.skip(',')
	}
	return rows, nil
}

func (d *rowDecoder) row(row *ComponentUsage) *rowError {
	if d.text.peek() != '{' {
		return &rowError{error: d.problem(d.text.value(), "want an object")}
	}
	var given uint64 // a bit for each wanted column
	expected := 0    // the server sends the fields in the order of the columns
	d.text.skip('{')
	for d.text.peek() != '}' {
		name := d.text.value()
		d.text.skip(':')
		raw := d.text.value()
		d.text.skip(',')
		i := d.find(name, expected)
		if i < 0 {
			continue
		}
		expected = i + 1
		if given&(1<<i) != 0 {
			return &rowError{d.wanted[i].Name, errors.New("comes twice")}
		}
		given |= 1 << i
		if column := d.wanted[i]; string(raw) != "null" {
			if err := column.decode(row, raw, d); err != nil {
				return &rowError{column.Name, err}
			}
		} else if !column.nullable {
			return &rowError{column.Name, errors.New("is null, which the API does not allow")}
		}
	}
	d.text.skip('}')
	for i, column := range d.wanted {
		if given&(1<<i) == 0 && !column.omittable {
			return &rowError{column.Name, errors.New("is missing")}
		}
	}
	return nil
}

// problem says what a field is, and what instead it should be.
func (d *rowDecoder) problem(raw json.RawMessage, want string) error {
	return fmt.Errorf("is %s, %s", d.redactor.excerpt(raw), want)
}

// find returns the place of a field among the wanted columns, or -1.
func (d *rowDecoder) find(name json.RawMessage, expected int) int {
	text := name[1 : len(name)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		unescaped, _ := d.string(name)
		text = json.RawMessage(unescaped)
	}
	if expected < len(d.wanted) && string(text) == d.wanted[expected].Name {
		return expected
	}
	for i, column := range d.wanted {
		if string(text) == column.Name {
			return i
		}
	}
	return -1
}

// string reads a JSON string.
func (d *rowDecoder) string(raw json.RawMessage) (string, error) {
	if raw[0] != '"' {
		return "", d.problem(raw, "want a string")
	}
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		var unescaped string
		err := json.Unmarshal(raw, &unescaped)
		return unescaped, err
	}
	shared, ok := d.shared[string(text)]
	if !ok {
		shared = string(text)
		d.shared[shared] = shared
	}
	return shared, nil
}

// number reads a decimal, which Waldur writes as a JSON string. A JSON number,
// which the same server writes when it is set up to, is as exact: it is read from
// its digits and never passes through binary floating point.
func (d *rowDecoder) number(raw json.RawMessage, number *decimal.Decimal) (err error) {
	if *number, err = parseDecimal(string(bytes.Trim(raw, `"`))); err != nil {
		return d.problem(raw, err.Error())
	}
	return nil
}

// jsonText is what is left to read of a text in valid JSON.
type jsonText struct{ rest []byte }

// peek returns the first byte of what comes next, 0 at the end.
func (t *jsonText) peek() byte {
	for len(t.rest) > 0 {
		if t.rest[0] > ' ' {
			return t.rest[0]
		}
		t.rest = t.rest[1:]
	}
	return 0
}

// skip reads over a punctuation mark if it comes next.
func (t *jsonText) skip(mark byte) {
	if t.peek() == mark {
		t.rest = t.rest[1:]
	}
}

// value reads a value of any type, and returns its text.
func (t *jsonText) value() json.RawMessage {
	var n int
	switch t.peek() {
	case '"':
		n = stringLength(t.rest)
	case '[', '{':
		n = nestedLength(t.rest)
	default:
		if n = bytes.IndexAny(t.rest, ",]} \t\r\n"); n < 0 {
			n = len(t.rest)
		}
	}
	value := t.rest[:n:n]
	t.rest = t.rest[n:]
	return value
}

// stringLength returns the length of a string, with its quotes, at the beginning
// of a text.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// nestedLength returns the length of an array or object at the beginning of a
// text.
func nestedLength(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			i += stringLength(text[i:]) - 1
		}
	}
	return len(text)
}
