#!/bin/sh
# Compile what is only for FreeBSD or OpenBSD, as far as a compiler elsewhere
# can: against declarations that stand in for their headers (both/, freebsd/,
# openbsd/; names as in the manuals, written for this).  Nothing is run and
# nothing is linked; a rename that forgot these files is found all the same.
#
#	compile.sh COMPILER
set -u
cc=${1:-cc}
cd "$(dirname "$0")/../.." || exit 1
bsd=$(pkg-config --cflags libbsd-overlay) || {
	echo "skipped: no libbsd"
	exit 77
}
bad=0
n=0

# compile OS FILE...
compile() {
	os=$1
	shift
	for f; do
		n=$((n + 1))
		# shellcheck disable=SC2086
		"$cc" -fsyntax-only -std=c11 -D_GNU_SOURCE -Wall -Wextra \
		    -Wpedantic -Wshadow -Wstrict-prototypes \
		    -Wmissing-prototypes -Wpointer-arith -Wcast-qual \
		    -Wwrite-strings -Wformat=2 -Wvla -Werror -I. \
		    -isystem "tests/bsd/$os" -isystem tests/bsd/both $bsd \
		    "$f" || { echo "not for $os: $f"; bad=1; }
	done
}
both="src/*/*_bsd.c pf/bsd*.c pf/native.c tests/pf/pf_drive.c
    tests/pf/pf_ends.c tests/pf/pf_race.c"
# shellcheck disable=SC2086
compile freebsd $both src/*/*_freebsd.c pf/freebsd*.c \
    tests/pf/nl_numbers.c tests/pf/newer_freebsd.c tests/pf/pf_ioctl.c bench/pf_scale.c
# shellcheck disable=SC2086
compile openbsd $both src/*/*_openbsd.c pf/openbsd*.c tests/pf/newer_openbsd.c
echo "$n compilations"
exit $bad
