# Fails on lines of workflows that run code of others which can change, or that give the workflow's token more than it needs.
# `make lint` runs it, after actionlint has checked that each workflow is valid.

function fail(problem) {
	print FILENAME ":" FNR ": " problem ": " $0
	failed = 1
}

BEGIN {
	hash = sprintf("%40s", "")
	gsub(/ /, "[0-9a-f]", hash)
	pinned = "^ *(- )?uses: [A-Za-z0-9-]+(/[A-Za-z0-9._-]+)+@" hash " # v[0-9]+[.][0-9]+[.][0-9]+$"
}

# YAML can also write the key in quotes, with escapes, or with an escaped line break in it.
/(^|[^A-Za-z0-9])uses/ || /\\[xuU]/ || /us?e?\\$/ {
	if ($0 !~ pinned) fail("write nothing but uses: owner/name@<commit hash> # v1.2.3")
}

/write-all/ { fail("give single permissions, and only to jobs") }

FNR == 1 { inside = 0 }
inside && /^[^ #]/ { inside = 0 }
inside && !/^ *(#.*)?$/ {
	if (/^ +[a-z-]+: (read|none)( +#.*)?$/) set[FILENAME] = 1
	else fail("give permissions to write only to jobs")
}
/^permissions:( \{\}| read-all)?( +#.*)?$/ {
	inside = 1
	if (/\{\}|read-all/) set[FILENAME] = 1
	next
}
/^["']?permissions/ { fail("write permissions at the top level as lines of name: read") }

END {
	for (i = 1; i < ARGC; i++)
		if (!(ARGV[i] in set)) {
			print ARGV[i] ": set permissions at the top level, such as contents: read"
			failed = 1
		}
	exit failed
}
