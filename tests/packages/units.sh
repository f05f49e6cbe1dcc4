#!/bin/sh
# What systemd-analyze says of the units as they are installed, and as the files
# make them that an administrator adds.  unit.py has the same of a system that
# runs.
#
# usage: units.sh BUILD-FOLDER
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
units=$1/contrib/systemd
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

systemd-analyze security --help 2>/dev/null | grep -q -- --offline || {
	echo "skipped: no systemd-analyze that works offline"
	exit 77
}

# most POINTS UNIT [FILE]...: in tenths
most() {
	points=$1 unit=$2
	shift 2
	cat "$units/$unit" "$@" >"$dir/$unit"
	systemd-analyze security --no-pager --offline=true \
	    --threshold="$points" "$dir/$unit" >"$dir/said" 2>&1 || {
		cat "$dir/said"
		echo "$unit $*: more than $points tenths"
		exit 1
	}
	! grep -i 'unknown\|fail\|ignor' "$dir/said" || exit 1
	sed -n "s,.*level for \([^:]*\): \([0-9.]*\).*,\1${1:+ with $(basename "${1-}")}: \2,p" \
	    "$dir/said"
}

most 20 pinholed.service
most 25 pinholed.service "$units/with-ip.conf"
most 22 pinholed.service "$source/contrib/systemd/with-chroot.conf"
most 25 pinholed-tftp.service
