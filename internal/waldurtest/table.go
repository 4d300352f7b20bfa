// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// table holds the rows of one moment and what was derived from them. Rows never change within a table;
// changing them means a new table, so nothing derived can be stale. All is derived once, when first asked
// for, because a test walks the same rows page by page.
type table struct {
	rows []Row

	mu       sync.Mutex
	ranks    map[string][]int32
	results  map[resultKey]*result
	encoding map[columnSet]*encodedRows
}

type resultKey struct {
	filters filters
	order   string
}

// result is the rows that pass the filters, in order.
type result struct {
	rows []int32 // indices into table.rows
	// ties has the position of the first row of each group of rows that are equal under the order, and
	// at its end the number of rows.
	ties []int
}

// encodedRows is the JSON of every row of a table, end to end.
type encodedRows struct {
	json []byte
	ends []int // where row i's JSON ends in json
}

func newTable(rows []Row) *table {
	return &table{
		rows:     cloneRows(rows),
		ranks:    map[string][]int32{},
		results:  map[resultKey]*result{},
		encoding: map[columnSet]*encodedRows{},
	}
}

// find returns the rows that pass the filters; equal rows are in the order in which they were given.
func (t *table) find(f filters, o order) *result {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := resultKey{f, o.String()}
	if known, ok := t.results[key]; ok {
		return known
	}
	found := t.sort(t.filter(f), o)
	t.results[key] = found
	return found
}

func (t *table) filter(f filters) []int32 {
	found := make([]int32, 0, len(t.rows))
	for i := range t.rows {
		if f.match(&t.rows[i]) {
			found = append(found, int32(i))
		}
	}
	return found
}

func (t *table) sort(rows []int32, o order) *result {
	compare := t.comparison(o)
	slices.SortFunc(rows, func(a, b int32) int {
		return cmp.Or(compare(a, b), cmp.Compare(a, b))
	})
	ties := []int{0}
	for i := 1; i < len(rows); i++ {
		if compare(rows[i-1], rows[i]) != 0 {
			ties = append(ties, i)
		}
	}
	return &result{rows: rows, ties: append(ties, len(rows))}
}

// comparison compares two rows under the order. They are equal where the database may place them either way.
func (t *table) comparison(o order) func(a, b int32) int {
	ranks := make([][]int32, len(o))
	for i, term := range o {
		ranks[i] = t.columnRanks(term.column)
	}
	return func(a, b int32) int {
		for i, term := range o {
			c := cmp.Compare(ranks[i][a], ranks[i][b])
			if term.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	}
}

// nullRank makes null the greatest value, as PostgreSQL has it: last when ascending, first when descending.
const nullRank = math.MaxInt32

// columnRanks returns each row's place among the distinct values of the column. Sorting by several columns
// then compares small numbers, not texts and decimals.
func (t *table) columnRanks(column string) []int32 {
	if known, ok := t.ranks[column]; ok {
		return known
	}
	var ranks []int32
	switch column {
	case "billing_period":
		ranks = textRanks(t.rows, func(r *Row) string { return r.BillingPeriod })
	case "offering_name":
		ranks = textRanks(t.rows, func(r *Row) string { return r.OfferingName })
	case "component_name":
		ranks = textRanks(t.rows, func(r *Row) string { return r.ComponentName })
	case "total_consumed":
		ranks = decimalRanks(t.rows, func(r *Row) *string { return &r.TotalConsumed })
	case "total_allocated":
		ranks = decimalRanks(t.rows, func(r *Row) *string { return &r.TotalAllocated })
	case "usage_percent":
		ranks = decimalRanks(t.rows, func(r *Row) *string { return r.UsagePercent })
	default:
		panic(fmt.Sprintf("no order by %q", column))
	}
	t.ranks[column] = ranks
	return ranks
}

// textRanks compares by code point, as PostgreSQL does under the C collation; in UTF-8, byte order is that.
func textRanks(rows []Row, value func(*Row) string) []int32 {
	places := map[string]int32{}
	for i := range rows {
		places[value(&rows[i])] = 0
	}
	distinct := make([]string, 0, len(places))
	for text := range places {
		distinct = append(distinct, text)
	}
	slices.Sort(distinct)
	for place, text := range distinct {
		places[text] = int32(place)
	}
	ranks := make([]int32, len(rows))
	for i := range rows {
		ranks[i] = places[value(&rows[i])]
	}
	return ranks
}

// decimalRanks compares by value, whatever the number of digits.
func decimalRanks(rows []Row, value func(*Row) *string) []int32 {
	hundredths := make([]*big.Int, len(rows))
	sorted := make([]int32, len(rows))
	for i := range rows {
		hundredths[i] = parseHundredths(value(&rows[i]))
		sorted[i] = int32(i)
	}
	slices.SortFunc(sorted, func(a, b int32) int { return compareNullable(hundredths[a], hundredths[b]) })
	ranks := make([]int32, len(rows))
	rank := int32(0)
	for i, row := range sorted {
		if i > 0 && compareNullable(hundredths[sorted[i-1]], hundredths[row]) != 0 {
			rank++
		}
		ranks[row] = rank
		if hundredths[row] == nil {
			ranks[row] = nullRank
		}
	}
	return ranks
}

// parseHundredths returns nil for null and for what is no decimal. Two decimals are all that the columns hold.
func parseHundredths(text *string) *big.Int {
	if text == nil {
		return nil
	}
	whole, fraction, _ := strings.Cut(*text, ".")
	fraction = (fraction + "00")[:2]
	value, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return nil
	}
	return value
}

func compareNullable(a, b *big.Int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Cmp(b)
}

// encode returns the JSON of all rows, restricted to the columns.
func (t *table) encode(set columnSet) *encodedRows {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.encoding[set]; ok {
		return known
	}
	encoded := &encodedRows{ends: make([]int, len(t.rows))}
	for i := range t.rows {
		encoded.json = set.appendRow(encoded.json, &t.rows[i])
		encoded.ends[i] = len(encoded.json)
	}
	t.encoding[set] = encoded
	return encoded
}

func (e *encodedRows) row(i int32) []byte {
	start := 0
	if i > 0 {
		start = e.ends[i-1]
	}
	return e.json[start:e.ends[i]]
}

// appendArray appends the rows as a JSON array.
func (e *encodedRows) appendArray(json []byte, rows []int32) []byte {
	json = append(json, '[')
	for i, row := range rows {
		if i > 0 {
			json = append(json, ',')
		}
		json = append(json, e.row(row)...)
	}
	return append(json, ']')
}

// page returns the rows at the positions from start up to end. With a source of chance, equal rows are
// placed anew: what a page shows of a group that its border cuts is then independent of what the pages
// beside it showed.
func (r *result) page(start, end int, chance *rand.Rand) []int32 {
	if chance == nil {
		return r.rows[start:end]
	}
	group, found := slices.BinarySearch(r.ties, start)
	if !found {
		group--
	}
	rows := make([]int32, 0, end-start)
	for ; len(rows) < end-start; group++ {
		first, next := r.ties[group], r.ties[group+1]
		equals := r.rows[first:next]
		if len(equals) > 1 {
			equals = slices.Clone(equals)
			chance.Shuffle(len(equals), func(i, j int) { equals[i], equals[j] = equals[j], equals[i] })
		}
		rows = append(rows, equals[max(start, first)-first:min(end, next)-first]...)
	}
	return rows
}
