package waldur

import (
	"strings"
	"testing"

	"terraform-provider-waldur/internal/waldurtest"
)

// TestPassesHaveOtherPages, whatever the size of the first: a server may place equal rows in the
// same way in equal requests, so that these always leave out the same rows.
func TestPassesHaveOtherPages(t *testing.T) {
	t.Parallel()
	type pages struct{ size, order int }
	for first := 1; first <= MaxPageSize; first++ {
		passes, want, shrunk := map[pages]int{}, first, first/MaxPageSize
		for pass := range 32 {
			size := pageSize(first, pass)
			if shift := want - size; shift != 0 && (shift != 1 || want != first) { // the first size is not used again
				t.Fatalf("first size %d: pass %d has %d, want %d", first, pass, size, want)
			}
			p := pages{size, pass % len(serverOrders)}
			if same, ok := passes[p]; ok {
				t.Fatalf("first size %d: passes %d and %d have %d", first, same, pass, size)
			}
			passes[p] = pass
			if want = 2*want + 1; shrunk > 0 || want >= MaxPageSize {
				want = MaxPageSize - shrunk%11*18
				shrunk++
			}
		}
	}
}

// TestResponsesOfAListAreBounded, except those without new rows. It changes the limit, so it does
// not run in parallel.
func TestResponsesOfAListAreBounded(t *testing.T) {
	limit := maxListBytes
	defer func() { maxListBytes = limit }()
	rows := waldurtest.ContractRows()
	for i := range rows {
		rows[i].OfferingName = strings.Repeat("long", 15<<10) // 60 KiB
	}
	server := waldurtest.Start(t, rows)
	u, err := ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	query := Query{Start: NewMonth(1900, 1), PageSize: 10, Consistent: true} // whose second reading drops the rows of the first
	for _, test := range []struct {
		limit int
		count string
		cause Cause
		want  string
	}{
		{3 << 20, "35", "", ""},
		{3 << 20, "36", RowsMissing, "received 35 rows; the server counts 36 (passes: 8,"},
		{1 << 20, "35", TooManyRows, "the server counts 35 rows, but the limit is 1 MiB of responses"},
	} {
		maxListBytes = test.limit
		server.SetFaults(waldurtest.SetHeader("X-Result-Count", test.count))
		_, _, err = (&Client{URL: u, Token: waldurtest.Token}).ListComponentUsageMonthly(t.Context(), query)
		if CauseOf(err) != test.cause || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d bytes: got %v", test.limit, err)
		}
	}
}
