#!/bin/sh
# For live.sh and running.sh, which read it: an outside (jail pho) and an
# inside (phi) with us in the middle, and what to ask of them.  Exits 77 and
# says why where that cannot be.
set -u
tmp=$(mktemp -d) || exit 1
fails=0
n=0
what=

[ "$(uname -s)" = FreeBSD ] || { echo "not FreeBSD"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "not root"; exit 77; }
[ -c /dev/pf ] || { echo "no /dev/pf: kldload pf"; exit 77; }
[ "$(sysctl -n kern.features.vimage 2>/dev/null)" = 1 ] ||
    { echo "no VIMAGE"; exit 77; }
if pfctl -si 2>/dev/null | grep -q 'Status: Enabled'; then
	echo "pf is in use here"
	exit 77
fi

at_end() { :; }
cleanup() {
	at_end
	jail -r pho phi pho2 2>/dev/null
	for i in $ifs; do ifconfig "$i" destroy 2>/dev/null; done
	pfctl -q -d -F all 2>/dev/null
	pfctl -q -t pinholed_test -T kill 2>/dev/null
	rm -rf "$tmp"
}
ifs=
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

# pair JAIL HOST-ADDRESS JAIL-ADDRESS HOST-6 JAIL-6: our end is then $a.
pair() {
	a=$(ifconfig epair create)
	b=${a%a}b
	ifs="$ifs $a"
	jail -c name="$1" vnet persist vnet.interface="$b"
	ifconfig "$a" "$2/24" up
	jexec "$1" ifconfig lo0 127.0.0.1/8 up
	jexec "$1" ifconfig "$b" "$3/24" up
	jexec "$1" route -q add default "$2"
	ifconfig "$a" inet6 "$4/64" no_dad
	jexec "$1" ifconfig "$b" inet6 "$5/64" no_dad
	jexec "$1" route -q add -6 default "$4"
}

# Does one datagram from jail $1 (source $2:$3) reach jail $4 at $5:$6?
reaches() {
	f="$tmp/got"
	: > "$f"
	jexec "$4" nc -lnu -w 3 "$5" "$6" > "$f" 2>/dev/null &
	receiver=$!
	sleep 0.3
	echo hello | jexec "$1" nc -nu -w 1 -s "$2" -p "$3" "$5" "$6" \
	    > /dev/null 2>&1
	sleep 0.3
	kill $receiver 2>/dev/null
	wait $receiver 2>/dev/null
	grep -q hello "$f"
}
blocked() { ! reaches "$@"; }
is() { test "$1" "$2" "$3"; }
states() { pfctl -ss 2>/dev/null | grep -c "$1"; }

sysctl -q net.inet.ip.forwarding=1 net.inet6.ip6.forwarding=1 > /dev/null
pair pho 198.51.100.1 198.51.100.7 2001:db8:1::1 2001:db8:1::7
outside=$a
pair phi 192.0.2.1 192.0.2.20 2001:db8:2::1 2001:db8:2::20
inside=$a
export outside inside
