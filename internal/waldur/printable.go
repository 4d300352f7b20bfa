package waldur

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unprintable matches what is not safe to print. Control and other invisible characters can change
// what a terminal shows. A pipeline runs lines with :: or ##[ as commands, and three backticks or
// tildes end a code block. A colon at either end could become :: beside another one.
var unprintable = regexp.MustCompile("[\\pC\\p{Zl}\\p{Zp}]|::|##|```|~~~|^:|:$")

// Printable returns a text as one line that is safe to print in a terminal, in the log of a
// pipeline and in a comment. A space replaces each character or sequence that is not safe.
func Printable(text string) string { return unprintable.ReplaceAllLiteralString(text, " ") }

// isInvisible reports whether a character is invisible. The ASCII space counts as visible.
func isInvisible(r rune) bool { return !unicode.IsPrint(r) }

// trimInvisible trims white space and other invisible characters, such as a byte order mark or a
// zero-width space. People copy them along with a text.
func trimInvisible(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return r == ' ' || isInvisible(r) })
}

// invisibleError names the first invisible character of a text, and shows no part of a secret.
func invisibleError(text string, secret bool) error {
	i := strings.IndexFunc(text, isInvisible)
	before := fmt.Sprintf("%q", text[strings.LastIndex(strings.TrimRight(text[:i], "/"), "/")+1:i])
	if secret {
		before = fmt.Sprintf("character %d", utf8.RuneCountInString(text[:i]))
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	return fmt.Errorf("has an invisible character (%U) after %s", r, before)
}
