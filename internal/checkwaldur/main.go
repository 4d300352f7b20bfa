// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Command checkwaldur checks that a Waldur server behaves as the provider needs.
// "make check-waldur" runs it. It only reads, and prints a table of facts.
//
// Its output can be attached to a report: it has no names, UUIDs, amounts,
// addresses or tokens. So it never prints text of the server, except for a version
// number.
//
// The exit status is 0 if every fact that the provider needs holds, 1 if one does
// not hold or the server cannot be read, and 2 if the environment is not set.
package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"terraform-provider-waldur/internal/waldur"
)

const (
	urlVariable   = "WALDUR_API_URL"
	tokenVariable = "WALDUR_ACCESS_TOKEN"
)

func main() {
	os.Exit(run(os.Getenv, os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(getenv func(string) string, stdout, stderr io.Writer) int {
	for _, name := range []string{urlVariable, tokenVariable} {
		if getenv(name) == "" {
			fmt.Fprintf(stderr, "%s is not set. Set %s and %s to the server to check.\n", name, urlVariable, tokenVariable)
			return 2
		}
	}
	root, err := waldur.ParseURL(getenv(urlVariable))
	if err != nil {
		fmt.Fprintf(stderr, "%s %s.\n", urlVariable, err)
		return 2
	}
	s := newServer(root, waldur.Token(getenv(tokenVariable)))
	s.open()
	var findings []finding
	for _, fact := range facts {
		if s.err != nil {
			break
		}
		findings = append(findings, fact.check(s))
	}
	changed := s.hasChanged()
	if s.err != nil {
		fmt.Fprintf(stderr, "The check stopped: %s.\n", s.err)
		return 1
	}
	return report(stdout, findings, changed)
}

// report prints the findings, one for each fact, and returns the exit status.
func report(w io.Writer, findings []finding, changed bool) int {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FACT\tFOUND\tNEEDED\tVERDICT")
	total := map[verdict]int{}
	for i, found := range findings {
		needed := "no"
		if facts[i].needed {
			needed = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", facts[i].name, found.text, needed, found.verdict)
		total[found.verdict]++
	}
	_ = table.Flush() // stdout may be closed early
	if total[broken] > 0 {
		fmt.Fprint(w, "\nThe provider needs each fact that is BROKEN.")
	} else {
		fmt.Fprint(w, "\nNothing that the provider needs is broken.")
	}
	fmt.Fprintf(w, " %d facts: %d ok, %d tolerated, %d BROKEN, %d not seen.", len(findings), total[ok], total[tolerated], total[broken], total[notSeen])
	if total[notSeen] > 0 {
		fmt.Fprint(w, " The token of a user who may see more offerings and months may show the rest.")
	}
	fmt.Fprintln(w)
	if changed {
		fmt.Fprintln(w, "The rows changed during the check. Run it again before you rely on the result.")
	}
	if total[broken] > 0 {
		return 1
	}
	return 0
}
