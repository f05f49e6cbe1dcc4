#!/bin/sh
# House style (HACKING.md) as far as a program can judge it.
set -u
cd "$(dirname "$0")/.." || exit 1
if ! git ls-files --error-unmatch HACKING.md >/dev/null 2>&1; then
	echo "skipped: not a git checkout, or no git"
	exit 77
fi
bad=0

complain() {
	echo "style: $1"
	bad=1
}

sources=$(git ls-files '*.c' '*.h')
# shellcheck disable=SC2086
clang-format --dry-run -Werror $sources || complain "clang-format -i it"

for f in $sources $(git ls-files '*.y'); do
	case $f in
	*.y) ;;
	*) head -n 1 "$f" | grep -q '^/\* SPDX-License-Identifier: ISC \*/$' ||
	    complain "$f: no SPDX line" ;;
	esac
done
for f in $sources $(git ls-files '*.y' '*.py' '*.sh'); do
	[ "$(wc -l <"$f")" -le 800 ] || complain "$f: more than 800 lines"
done

# A function has at most 60 lines between its braces.
# shellcheck disable=SC2046
found=$(awk 'FNR == 1 { at = 0 }
	/^{/ { at = FNR }
	/^}/ && at {
		if (FNR - at - 1 > 60)
			print FILENAME ":" at ": " FNR - at - 1 " lines"
		at = 0
	}' $(git ls-files '*.c' | grep -vE '^(tests|fuzz|bench)/'))
[ -z "$found" ] || complain "a function of more than 60 lines
$found"

man=$(git ls-files 'man/*.[0-9]')
# shellcheck disable=SC2086
[ -z "$man" ] || mandoc -Tlint -Wwarning $man || complain "mandoc"

# HACKING.md, "Words": a sentence has a noun for its subject.
docs=$(git ls-files 'man/*.[0-9]' '*.md')
# shellcheck disable=SC2086
if grep -nE '(^|[.;:] +)(Who|Whoever|Whom) [a-z]' $docs; then
	complain "name the noun: \"a host that ...\", not \"who ...\""
fi
# Of a comment its first words.
# shellcheck disable=SC2086
if grep -nE '^[^"]*/\*+ (Who|Whoever|Whom|Whatever) ' $sources; then
	complain "name the noun: what packet, process or peer is this about?"
fi

scripts=$(git ls-files | xargs awk '
	FNR == 1 { if (/^#!\/bin\/(ba)?sh/) print FILENAME; nextfile }' 2>/dev/null)
# shellcheck disable=SC2086
[ -z "$scripts" ] || shellcheck $scripts || complain "shellcheck"

git ls-files '*.[chy]' '*.md' 'man/*' |
    xargs codespell -q 3 --ignore-regex '\\n' -L 'nown,keep-alives,inout,nd' ||
    complain "codespell"
exit $bad
