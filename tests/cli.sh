#!/bin/sh
# The command line of pinholed, as an ordinary user would meet it.
# usage: cli.sh PINHOLED
set -u
pinholed=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
bad=0

# As somebody without privilege, also when the tests run as root.
unprivileged() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		    --inh-caps=-all --bounding-set=-all "$@"
	else
		"$@"
	fi
}

# want STATUS PATTERN [argument...]: run pinholed, compare exit status, and
# look for PATTERN in what it says.
want() {
	status=$1 pattern=$2
	shift 2
	out=$(unprivileged "$pinholed" "$@" 2>&1 </dev/null)
	got=$?
	if [ "$got" != "$status" ] || ! echo "$out" | grep -qE -e "$pattern"
	then
		echo "pinholed $*: exit status $got, want $status and $pattern:"
		echo "$out"
		bad=1
	fi
}

good=$dir/good.conf wrong=$dir/wrong.conf
echo 'protect { 192.0.2.0/24 }' >"$good"
printf 'protect { 192.0.2.0/24 }\nnonsense\nsip { prot 1 }\n' >"$wrong"
# shellcheck disable=SC2016
echo 'protect { $inside }' >"$dir/macro.conf"
printf 'protect { 192.0.2.0/24 }\nuser nope0\n' >"$dir/user.conf"
chmod 644 "$dir"/*

want 0 '^pinholed [0-9]+\.[0-9]+\.[0-9]+$' -V
want 0 '^firewalls: .*dry-run' -V
want 0 '^libraries: .*osip' --version
want 0 '^usage: pinholed' --help
want 1 '^usage: pinholed' -x
want 1 '^usage: pinholed' --nonsense
# --help ends it, whatever the option.
names=$(sed -n 's/^\.It Fl . , Fl Fl \([a-z]*\).*/\1/p' \
    "$(dirname "$0")/../man/pinholed.8")
for name in ${names:-none}; do
	if unprivileged "$pinholed" "--$name" text --help 2>&1 |
	    grep -q 'un[a-z]* option'; then
		echo "in the manual, but not in the program: --$name"
		bad=1
	fi
done
want 1 'unexpected argument: stray' -n -f "$good" stray

want 0 '^configuration OK$' -n -f "$good"
want 0 '^configuration OK$' --check --config "$good"
want 0 '^configuration OK$' -n -f "$dir/macro.conf" -D inside=192.0.2.0/24
want 0 'no such interface: nope0' -n -f "$good" -i nope0
want 0 '^configuration OK$' -n -f "$good" -i nope0
want 0 'no such user: nope0' -n -f "$dir/user.conf"
want 1 "$wrong:2:" -n -f "$wrong"
want 1 "$wrong:3:" -n -f "$wrong"
want 1 "$dir/missing.conf" -n -f "$dir/missing.conf"
want 1 'inside' -n -f "$dir/macro.conf"
want 1 'foo' -n -f "$good" -D foo
want 1 '=1' -n -f "$good" -D =1
want 1 'xml' -n -f "$good" -o xml
want 1 'unknown firewall "iptables".*dry-run' -n -f "$good" -b iptables

# Live, without the right to: which privileges, by name.
if [ "$(uname)" = Linux ]; then
	want 2 'CAP_NET_RAW.*CAP_NET_ADMIN.*CAP_SETUID' -d -f "$good" \
	    -b nftables
	want 2 'missing: CAP_NET_RAW, CAP_SETUID' -d -f "$good" -b dry-run
fi
want 1 "$wrong:2:" -d -f "$wrong"
want 1 "$dir/missing.conf" -d -f "$dir/missing.conf"

# Replay needs no privilege and, with -D protect, no configuration.
want 2 "$dir/missing.pcap" -f "$good" -r "$dir/missing.pcap"
if [ ! -e /etc/pinholed.conf ] && [ ! -e /usr/local/etc/pinholed.conf ]; then
	want 1 '-D protect=' -r "$dir/missing.pcap"
fi
want 2 "$dir/missing.pcap" -D protect=192.0.2.0/24 -r "$dir/missing.pcap"

# What is no event is said nevertheless.
tls=$dir/tls.pcap
cp "$(dirname "$0")/../test-pcaps/ftp/auth-tls/input.pcap" "$tls"
printf 'protect { 192.0.2.0/24 }\nftp { }\n' >"$dir/ftp.conf"
chmod 644 "$tls" "$dir/ftp.conf"
want 0 ' -> .*:21: encrypted; ' -f "$dir/ftp.conf" -r "$tls"

# What is wrong is said to stderr, what is right to stdout.
if [ -n "$(unprivileged "$pinholed" -n -f "$wrong" 2>/dev/null)" ]; then
	echo "errors on stdout"
	bad=1
fi
if [ "$("$pinholed" -n -b dry-run -f "$good" 2>/dev/null)" != \
    "configuration OK" ]; then
	echo "more or less than 'configuration OK' on stdout"
	bad=1
fi
exit $bad
