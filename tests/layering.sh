#!/bin/sh
# Who may include whom (HACKING.md, "Rooms"), which library lives where, and
# which functions are banned.  Prints each line that breaks a rule.
#
# usage: layering.sh [BUILD-DIRECTORY]
set -u
cd "$(dirname "$0")/.." || exit 1
if ! git ls-files --error-unmatch HACKING.md >/dev/null 2>&1; then
	echo "skipped: not a git checkout, or no git"
	exit 77
fi
bad=0

# only DIR PATTERN: what DIR includes from this tree must match PATTERN.
only() {
	found=$(grep -nE '^#include "' "$1"/*.[chy] 2>/dev/null |
	    grep -vE "\"($2)" || true)
	if [ -n "$found" ]; then
		echo "layering: $1 may include only $2"
		echo "$found"
		bad=1
	fi
}

# lives HEADER PATTERN: files that include <HEADER> must match PATTERN.
lives() {
	found=$(git ls-files '*.[chy]' | grep -vE "$2" |
	    xargs grep -nE "^#[[:space:]]*include <$1" /dev/null || true)
	if [ -n "$found" ]; then
		echo "layering: <$1> belongs to $2"
		echo "$found"
		bad=1
	fi
}

# doc/architecture.md has the table of rooms: | `room` | may include | ... |
# shellcheck disable=SC2016
rooms=$(sed -n '/^## The rooms/,/^## /s/^| `\([a-z/]*\)` *| *\([^|]*[^| ]\) *|.*$/\1 \2/p' \
    doc/architecture.md)
while read -r room may; do
	pattern="$room/"
	for other in $may; do
		case $other in
		nothing) ;;
		*.h) pattern="$pattern|$other\"" ;;
		*) pattern="$pattern|$other/" ;;
		esac
	done
	only "$room" "$pattern"
done <<END
$rooms
END
# Code in a folder that the table does not have would escape it.
for dir in $(git ls-files 'src/*/*.[chy]' 'sip/*.[ch]' 'ftp/*.[ch]' \
    'tftp/*.[ch]' 'tables/*.[ch]' 'pf/*.[ch]' 'nft/*.[ch]' \
    'pinholectl/*.[ch]' | sed 's,/[^/]*$,,' | sort -u); do
	if ! echo "$rooms" | grep -q "^$dir "; then
		echo "layering: doc/architecture.md has no room $dir"
		bad=1
	fi
done

# circle WHAT: false if the pairs on standard input make a circle.  A pipeline
# runs it in a subshell, which cannot set `bad`.
circle() {
	found=$(awk '$1 != $2' | tsort 2>&1 >/dev/null || true)
	[ -n "$found" ] || return 0
	echo "layering: files of $1 in a circle"
	echo "$found"
	return 1
}
# A file is its .c and its .h.
for room in $(echo "$rooms" | cut -d ' ' -f 1); do
	git ls-files "$room/*.[ch]" |
	    xargs grep -oE "^#include \"$room/[a-z0-9_]*\.h\"" /dev/null |
	    sed -E 's/\.[ch]:#include "/ /; s/\.h"$//' |
	    circle "$room include each other" || bad=1
done

# symbols ROOM: "FILE T NAME" for each symbol of a library, or of the objects
# in a directory, for pinholectl is a room that is no library.
symbols() {
	case $1 in
	*/) nm -A "$1"*.o ;;
	*) nm -A "$1" ;;
	esac 2>/dev/null |
	    sed -nE 's,^.*[:/]([^:/]*)\.o:.* ([A-Z]) ([a-z0-9_]+)$,\1 \2 \3,p'
}
# With the directory of a build: nor do their functions call each other.
for lib in ${1:+"$1"/lib*.a "$1"/*/lib*.a "$1"/src/*/lib*.a \
    "$1"/pinholectl/CMakeFiles/pinholectl.dir/}; do
	[ -e "$lib" ] || continue
	symbols "$lib" | awk '$2 == "U" { user[$1 " " $3] = 1; next }
		{ home[$3] = $1 }
		END {
			for (u in user) {
				split(u, f, " ")
				if (f[2] in home)
					print f[1], home[f[2]]
			}
		}' | circle "${lib#"$1"/} call each other" || bad=1
done

# HACKING.md, "Names": module_verb.  A function that other files see begins
# with a word of a file's name in its room, with the room, or with the struct
# that it works on.  The rest is listed here: ph_ (errors), p_ (pf beside
# <net/pfvar.h>), and nouns that are neither.
nouns="ph p addrs crc32 echoes elem fwconfig fwproc hole ruleset server set state
    sweep timeout"
found=$(git grep -nE '^[a-z0-9]+\(' -- 'src/*.c' 'sip/*.c' 'ftp/*.c' 'tftp/*.c' \
    'tables/*.c' 'nft/*.c' 'pf/*.c' 'pinholectl/*.c' | grep -v ':main(' || true)
if [ -n "$found" ]; then
	echo "layering: a function of one word"
	echo "$found"
	bad=1
fi
structs=$(git grep -hoE '^struct [a-z0-9_]+ \{' -- '*.[ch]' |
    sed -E 's/^struct ([a-z0-9]+).*/\1/' | sort -u)
for lib in ${1:+"$1"/*/lib*.a "$1"/src/*/lib*.a \
    "$1"/pinholectl/CMakeFiles/pinholectl.dir/}; do
	[ -e "$lib" ] || continue
	room=${lib%/lib*.a}
	room=${room%/CMakeFiles/*}
	room=${room#"$1"/}
	words=$(git ls-files "$room/*.c" | sed 's,.*/,,; s/\.c$//' | tr '_' '\n')
	found=$({
		printf '%s\n' "${room##*/}" "$nouns" "$structs" "$words"
		symbols "$lib" | sed -n 's/^[^ ]* T /= /p'
	} | awk '$1 != "=" { for (i = 1; i <= NF; i++) ok[$i] = 1; next }
		{ split($2, f, "_") } !(f[1] in ok) { print $2 }')
	if [ -n "$found" ]; then
		echo "layering: a function without the name of its module"
		echo "$found"
		bad=1
	fi
done

lives 'osipparser2/' '^sip/message\.c$|^bench/'
lives 'hiredis/' '^src/share/|^tests/'
lives 'openssl/' '^tables/mac\.c$|^src/share/tls\.c$|^tests/'
lives 'event2/bufferevent_ssl' '^src/share/tls\.c$'
lives 'pcap' '^src/capture/|^(tests|fuzz|bench)/'
lives '(libmnl|nftables|linux/netfilter)' '^nft/|^src/compat/packetq_linux|^tests/|^bench/|^fuzz/'
lives 'net/pfvar' '^pf/|^tests/pf|^bench/'
lives '(jansson|curses)' '^pinholectl/'
lives 'event2/' '^src/(process|engine|proxy|share|status)/|^tests/'

found=$(git ls-files '*.[chy]' | xargs grep -nE \
    '(^|[^a-z_>.])(strcpy|strcat|sprintf|strtok|atoi|atol|gets|inet_ntoa|alloca|rand|signal)[[:space:]]*\(' \
    /dev/null || true)
if [ -n "$found" ]; then
	echo "layering: banned functions"
	echo "$found"
	bad=1
fi

# One #ifdef is one too many inside a function: tabs before it, or after.
# shellcheck disable=SC2016
found=$(git ls-files '*.c' | grep -v '^tests/' | xargs awk '
	FNR == 1 { depth = 0 }
	/^{/ { depth = 1 }
	/^}/ { depth = 0 }
	depth && /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)/ {
		print FILENAME ":" FNR ": " $0
	}')
if [ -n "$found" ]; then
	echo "layering: preprocessor conditionals inside functions"
	echo "$found"
	bad=1
fi
exit $bad
