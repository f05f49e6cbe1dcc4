#!/bin/sh
# For live.sh and running.sh, which read it: an outside (the place pho) and an
# inside (phi) with us in the middle, and what to ask of them.  Exits 77 and
# says why where that cannot be.  What a place is, stage_OS.sh knows.
set -u
tmp=$(mktemp -d) || exit 1
fails=0
skipped=0
n=0
what=

# skip REASON: this machine cannot run the test.
skip() {
	echo "skipped: $1"
	rm -rf "$tmp"
	exit 77
}

os=$(uname -s | tr '[:upper:]' '[:lower:]')
here=$(dirname "$0")
[ -f "$here/stage_$os.sh" ] || skip "not FreeBSD or OpenBSD"
[ "$(id -u)" = 0 ] || skip "not root"
[ -c /dev/pf ] || skip "no /dev/pf: kldload pf"
if pfctl -si 2>/dev/null | grep -q 'Status: Enabled'; then
	skip "pf is in use here"
fi
ifs=
# shellcheck source-path=SCRIPTDIR source=stage_openbsd.sh
. "$here/stage_$os.sh"

at_end() { :; }
cleanup() {
	at_end
	unpair
	pfctl -q -d -F all 2>/dev/null
	pfctl -q -t pinholed_test -T kill 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# ok COMMAND...: does $what hold?
ok() {
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		fails=$((fails + 1))
	fi
}

# The plan, and the result in one line.
result() {
	echo "1..$n"
	echo "$(basename "$0"): $((n - skipped)) checks ran," \
	    "$fails failed, $skipped skipped"
	[ "$fails" -eq 0 ]
}

# arrives LISTENER-FLAGS SENDER-FLAGS, then as reaches.
arrives() {
	# shellcheck disable=SC2086
	$(at "$6") nc -ln $1 -w 3 "$7" "$8" > "$tmp/got" 2>/dev/null &
	receiver=$!
	listening "$6" "$8"
	# shellcheck disable=SC2086
	echo hello | $(at "$3") nc -n $2 -w 1 -s "$4" -p "$5" "$7" "$8" \
	    > /dev/null 2>&1
	sleep 0.3
	kill $receiver 2>/dev/null
	wait $receiver 2>/dev/null
	grep -q hello "$tmp/got"
}
# Does one datagram from place $1 (source $2:$3) reach place $4 at $5:$6?
reaches() { arrives -u -u "$@"; }
# The same, by a connection.
reaches_tcp() { arrives "" -N "$@"; }
blocked() { ! reaches "$@"; }
is() { test "$1" "$2" "$3"; }
states() { pfctl -ss 2>/dev/null | grep -c "$1"; }

sysctl -q net.inet.ip.forwarding=1 net.inet6.ip6.forwarding=1 > /dev/null
pair pho 198.51.100.1 198.51.100.7 2001:db8:1::1 2001:db8:1::7
outside=$a
pair phi 192.0.2.1 192.0.2.20 2001:db8:2::1 2001:db8:2::20
inside=$a
export outside inside
