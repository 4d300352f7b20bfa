package waldur

import (
	"cmp"
	"fmt"
	"time"
)

// Month is a billing period: Waldur bills by calendar months, in UTC. The zero Month means no
// month, so that a [Query] can leave its months out.
type Month struct {
	// count is the number of months since January of the year 0. The first month that can be
	// written is January of the year 1, so 0 is free for "none".
	count int64
}

const monthLayout, firstDayLayout = "2006-01", "2006-01-02"

// NewMonth returns the month of a year from 1 to 9999. Month 13 is in the next year, as in
// [time.Date].
func NewMonth(year int, month time.Month) Month {
	return Month{count: int64(year)*12 + int64(month) - 1}
}

// MonthOf returns the month of a time in UTC, as in Waldur.
func MonthOf(t time.Time) Month {
	t = t.UTC()
	return NewMonth(t.Year(), t.Month())
}

// ParseMonth parses a month written YYYY-MM, or as its first day, YYYY-MM-01, from the year 1 to
// 9999. The error continues a sentence that begins with the name of the setting.
func ParseMonth(text string) (Month, error) {
	layout := monthLayout
	if len(text) == len(firstDayLayout) {
		layout = firstDayLayout
	}
	t, err := time.Parse(layout, text)
	if err != nil || t.Day() != 1 || t.Year() < 1 {
		return Month{}, fmt.Errorf("must be a month such as \"2026-10\"; got %q", text)
	}
	return MonthOf(t), nil
}

// UnmarshalText reads the form of a row's billing period, YYYY-MM-01.
func (m *Month) UnmarshalText(text []byte) error {
	month, err := ParseMonth(string(text))
	if err == nil && len(text) != len(firstDayLayout) {
		err = fmt.Errorf("must be the first day of a month")
	}
	*m = month
	return err
}

// IsZero reports whether m is the zero Month.
func (m Month) IsZero() bool { return m == Month{} }

// InRange reports whether m can be written with a year from 0001 to 9999.
func (m Month) InRange() bool { return m.count >= 12 && m.count < 10000*12 }

// Add returns the month that lies n months later, or earlier if n is negative.
func (m Month) Add(n int64) Month { return Month{count: m.count + n} }

// Compare returns -1, 0 or 1 as m is before, the same as or after other. The zero Month is first.
func (m Month) Compare(other Month) int { return cmp.Compare(m.count, other.count) }

// firstOf returns the first month of m's period of n months. Such periods begin in January.
func (m Month) firstOf(n int64) Month { return Month{count: m.count - m.count%n} }

// String returns the month as YYYY-MM, the form of Waldur's filters, or "" for the zero Month.
func (m Month) String() string {
	if m.IsZero() {
		return ""
	}
	return m.firstDay().Format(monthLayout)
}

// FirstDay returns the month as YYYY-MM-01, the form of a row's billing period.
func (m Month) FirstDay() string { return m.firstDay().Format(firstDayLayout) }

func (m Month) firstDay() time.Time {
	return time.Date(int(m.count/12), time.Month(m.count%12+1), 1, 0, 0, 0, 0, time.UTC)
}
