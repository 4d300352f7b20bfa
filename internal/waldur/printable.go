// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import "regexp"

// unprintable matches what is not safe to print. Control characters and other invisible
// ones can change what a terminal shows. A pipeline runs lines with :: or ##[ as commands,
// and three backticks or tildes end a code block in a comment. A colon at either end could
// become :: beside another one.
var unprintable = regexp.MustCompile("[\\pC\\p{Zl}\\p{Zp}]|::|##|```|~~~|^:|:$")

// Printable returns a text of strangers as one line that is safe to print in a terminal,
// in the log of a pipeline and in a comment: a space replaces each character, or sequence
// of characters, that is not.
func Printable(text string) string { return unprintable.ReplaceAllLiteralString(text, " ") }
