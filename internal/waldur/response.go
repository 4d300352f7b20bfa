package waldur

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/unicode/norm"
)

const (
	// maxBodyBytes is the largest response. A page of 300 rows has about 200 KB.
	maxBodyBytes = 8 << 20
	// maxRows is the largest number of rows in a list.
	maxRows = 1_000_000
)

// Response is a 200 response to a request, as [Client.Get] returns it.
type Response struct {
	Request Request
	Header  http.Header
	Body    []byte

	redactor *redactor
}

// Count returns the number of rows on all pages of a list, by its X-Result-Count header.
func (r *Response) Count() (int, *Error) {
	value := strings.Join(slices.Compact(slices.Clone(r.Header.Values("X-Result-Count"))), ", ")
	count, err := strconv.ParseUint(value, 10, 63)
	switch shown := r.redactor.excerpt(value); {
	case value == "":
		return 0, &Error{Cause: NoCount, Text: "the response has no X-Result-Count header"}
	case count > maxRows: // also if it is out of range
		return 0, tooMany(r.Request, TooManyRows, shown, fmt.Sprintf("%d rows", maxRows))
	case err != nil:
		return 0, &Error{Cause: NoCount, Text: fmt.Sprintf("the response has the X-Result-Count header %q, which is not a number of rows", shown)}
	}
	return int(count), nil
}

// tooMany returns the error of a list that exceeds a limit, such as "1000000 rows".
func tooMany(request Request, cause Cause, count, limit string) *Error {
	return &Error{Request: request, Cause: cause, Text: fmt.Sprintf("the server counts %s rows, but at most %s are read", count, limit)}
}

// readBody reads the body of a 200 response. The error is the connection's or an [*Error].
func readBody(resp *http.Response, redactor *redactor) ([]byte, error) {
	encoding := resp.Header.Get("Content-Encoding") // net/http removes a gzip that it decodes
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		text := fmt.Sprintf("the response has the Content-Encoding %q, which was not requested", redactor.excerpt(encoding))
		return nil, &Error{Cause: BadEncoding, Text: text}
	}
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), maxBodyBytes)) + bytes.MinRead)
	_, err := body.ReadFrom(io.LimitReader(resp.Body, maxBodyBytes+1))
	switch {
	case isCorrupt(err) && body.Len() == 0:
		return nil, &Error{Cause: BadEncoding, Text: `the response has the Content-Encoding "gzip", but is not compressed in that way`}
	case body.Len() > maxBodyBytes:
		return nil, &Error{Cause: ResponseTooLarge, Text: fmt.Sprintf("the response is larger than %d MiB", maxBodyBytes>>20)}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Error{Cause: ResponseCut, Text: fmt.Sprintf("the response ended after %d bytes", body.Len()), Temporary: true, Err: err}
	case isCorrupt(err):
		return nil, &Error{Cause: ResponseCut, Text: "the response was damaged: " + err.Error(), Temporary: true, Err: err}
	case err != nil:
		text := fmt.Sprintf("the response was cut after %d bytes: %s", body.Len(), redactor.excerpt(err.Error()))
		return nil, &Error{Cause: ResponseCut, Text: text, Temporary: true, Err: err}
	}
	return body.Bytes(), nil
}

// isCorrupt reports whether a body with the Content-Encoding gzip is damaged, or is not gzip.
func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}

// decodeRows decodes the JSON array of rows in a response. Each row must have the columns, except
// those that are nullable. The JSON is read strictly: duplicate keys and bytes that are not UTF-8
// are errors, and keys are case-sensitive. Texts are put into Unicode's form NFC, as Terraform
// does, so that texts that are equal there are equal here.
func decodeRows(resp *Response, columns []*Column) ([]*ComponentUsage, *Error) {
	if isHTML(resp.Header, resp.Body) {
		title := ""
		if text := resp.redactor.excerpt(pageTitle(resp.Body)); text != "" {
			title = fmt.Sprintf(", %q,", text)
		}
		return nil, &Error{Cause: HTMLPage, Text: "the server responded with an HTML page" + title + " instead of JSON"}
	}
	body := bytes.TrimPrefix(resp.Body, []byte("\ufeff"))
	var rows []*ComponentUsage
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, decodeError(err, body, resp.redactor)
	}
	if rows == nil { // JSON's null
		return nil, notRows(body, "is not a JSON array of rows", resp.redactor)
	}
	for i, row := range rows {
		for _, column := range columns {
			if row == nil || !column.Nullable && column.IsNull(row) {
				return nil, badRow(i+1, column.Name, "is missing or null")
			}
			text, _ := column.Value(row).(*string)
			if text != nil && strings.ContainsFunc(*text, func(r rune) bool { return r > unicode.MaxASCII }) {
				*text = norm.NFC.String(*text)
			}
		}
	}
	return rows, nil
}

// decodeError explains an error of decoding a body.
func decodeError(err error, body []byte, redactor *redactor) *Error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if row, field := position(syntactic.JSONPointer); errors.Is(err, jsontext.ErrDuplicateName) {
			return badRow(row, redactor.excerpt(field), "comes twice")
		}
		return notRows(body, fmt.Sprintf("is not valid JSON (%s)", redactor.excerpt(syntactic.Err.Error())), redactor)
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok || semantic.JSONPointer == "" {
		return notRows(body, "is not a JSON array of rows", redactor)
	}
	want := "a JSON object"
	row, field := position(semantic.JSONPointer)
	if field != "" {
		want = ColumnByName(field).want
	}
	got, _ := jsontext.NewDecoder(bytes.NewReader(body[semantic.ByteOffset:])).ReadValue()
	return badRow(row, field, fmt.Sprintf("must be %s; got %s", want, redactor.excerpt(string(got))))
}

// position returns the number of a row, from 1, and the field that a pointer is about.
func position(pointer jsontext.Pointer) (row int, field string) {
	index, field, _ := strings.Cut(strings.TrimPrefix(string(pointer), "/"), "/")
	row, _ = strconv.Atoi(index)
	return row + 1, strings.NewReplacer("~1", "/", "~0", "~").Replace(field) // RFC 6901
}

// badRow returns the error of a row in another format than Waldur's API has. number counts from 1.
func badRow(number int, column, problem string) *Error {
	return &Error{Cause: BadRow, Text: fmt.Sprintf("row %d: %s", number, strings.TrimSpace(column+" "+problem)), Column: column}
}

// notRows returns the error of a body that is not a list of rows, with its beginning.
func notRows(body []byte, problem string, redactor *redactor) *Error {
	failed := &Error{Cause: NotRows, Text: "the response " + problem}
	if begin := redactor.excerpt(string(body)); begin != "" {
		failed.Text += "; it begins with " + strconv.Quote(begin)
	}
	return failed
}

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// pageTitle returns the title of an HTML page, or "".
func pageTitle(body []byte) string {
	if match := titleTag.FindSubmatch(body); match != nil {
		return html.UnescapeString(string(match[1]))
	}
	return ""
}

// isHTML reports whether a response is an HTML page. The body decides, because web front ends and
// gateways set wrong types. Content-Type decides only for a body that is neither HTML nor JSON.
func isHTML(header http.Header, body []byte) bool {
	start := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	return bytes.HasPrefix(start, []byte("<")) || strings.HasPrefix(header.Get("Content-Type"), "text/html") && !isJSON(body)
}

// isJSON reports whether a body begins like one of Waldur's API.
func isJSON(body []byte) bool {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	return bytes.HasPrefix(body, []byte("[")) || bytes.HasPrefix(body, []byte("{"))
}
