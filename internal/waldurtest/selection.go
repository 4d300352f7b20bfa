package waldurtest

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// selection is the result of a query, for all pages.
type selection struct {
	runs  [][][]byte // runs of rows that sort equally; each row as JSON
	count int        // the number of rows
}

// count returns the number of rows that match the query.
func (s *Server) count(q query) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.selection(q).count
}

// selectRows returns those rows from start to end that exist.
func (s *Server) selectRows(q query, start, end int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows [][]byte
	before := start
	for _, run := range s.selection(q).runs {
		if first, last := max(start, 0), min(end, len(run)); first < last {
			if s.placeTies != nil {
				run = s.placeTies(run, before)
			}
			rows = append(rows, run[first:last]...)
		}
		start, end = start-len(run), end-len(run) // relative to the next run
	}
	return rows
}

// selection keeps its results until the rows change: a test reads the same rows page by page.
func (s *Server) selection(q query) selection {
	q.page, q.pageSize = "", 0
	key := fmt.Sprintf("%#v", q)
	found, known := s.selections[key]
	if !known {
		found = newSelection(s.rows, q)
		s.selections[key] = found
	}
	return found
}

// newSelection leaves rows that sort equally in the order in which they were set.
func newSelection(rows []Row, q query) selection {
	type entry struct {
		row  *Row
		keys []string
	}
	var entries []entry
	for i := range rows {
		if q.matches(&rows[i]) {
			entries = append(entries, entry{&rows[i], sortKeys(&rows[i], q.order)})
		}
	}
	compare := func(a, b entry) int {
		for i, term := range q.order {
			if c := strings.Compare(a.keys[i], b.keys[i]); c != 0 && term[0] == '-' {
				return -c
			} else if c != 0 {
				return c
			}
		}
		return 0
	}
	slices.SortStableFunc(entries, compare)

	found := selection{count: len(entries)}
	encode := rowEncoder(q.fields)
	for i, e := range entries {
		if i == 0 || compare(entries[i-1], e) != 0 {
			found.runs = append(found.runs, nil)
		}
		run := &found.runs[len(found.runs)-1]
		*run = append(*run, encode(e.row))
	}
	return found
}

// sortKeys returns a text for each column of the order. In byte order these texts sort
// as PostgreSQL sorts the values: texts by code point (the C collation), decimals by
// value, null as the greatest.
func sortKeys(row *Row, order []string) []string {
	keys := make([]string, len(order))
	for i, term := range order {
		switch column := strings.TrimPrefix(term, "-"); column {
		case "billing_period":
			keys[i] = row.BillingPeriod
		case "offering_name":
			keys[i] = row.OfferingName
		case "component_name":
			keys[i] = row.ComponentName
		case "total_consumed":
			keys[i] = decimalKey(&row.TotalConsumed)
		case "total_allocated":
			keys[i] = decimalKey(&row.TotalAllocated)
		case "usage_percent":
			keys[i] = decimalKey(row.UsagePercent)
		}
	}
	return keys
}

// decimalOffset makes all decimals positive and equally long, so that their texts sort
// as their values do.
var decimalOffset, _ = new(big.Int).SetString("2"+strings.Repeat("0", 30), 10)

// decimalKey treats text that is not a decimal as null.
func decimalKey(text *string) string {
	const null = "null" // sorts after all digits
	if text == nil {
		return null
	}
	whole, fraction, _ := strings.Cut(*text, ".")
	hundredths, ok := new(big.Int).SetString(whole+(fraction + "00")[:2], 10)
	if !ok {
		return null
	}
	return hundredths.Add(hundredths, decimalOffset).String()
}
