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
lo=lo0
[ "$(uname)" = Linux ] && lo=lo
# A start needs an interface or a route, which a test machine may lack.
printf 'protect { 192.0.2.0/24 }\ninterface %s\n' $lo >"$good"
printf 'protect { 192.0.2.0/24 }\nnonsense\nsip { prot 1 }\n' >"$wrong"
# shellcheck disable=SC2016
printf 'protect { $inside }\ninterface %s\n' $lo >"$dir/macro.conf"
printf 'protect { 192.0.2.0/24 }\nuser nope0\ninterface { %s\n nope1 }\n' \
    $lo >"$dir/host.conf"
printf 'protect 192.0.2.0/24\ninterface %s\nftp { }\n' $lo >"$dir/ftp.conf"
# Others may run this at the same time.
port=$((20000 + $$ % 40000))
cat >"$dir/proxy.conf" <<END
protect 192.0.2.0/24
tftp {
	proxy on 127.0.0.1 port 69
	proxy on 203.0.113.9 port 16969
	proxy on 127.0.0.1 port $port
}
END
cat >"$dir/key.conf" <<END
tables {
	listen on 127.0.0.1 port $((port + 1)) allow a
	key "$dir/key"
	key "second" "$dir/none"
}
END
echo 'long enough to be a key' >"$dir/key"
chmod 644 "$dir"/*

want 0 '^pinholed [0-9]+\.[0-9]+\.[0-9]+(-rc[0-9]+)?$' -V
want 0 '^firewalls: .*dry-run' -V
want 0 '^libraries: .*osip' --version
want 0 '^usage: pinholed' --help
want 1 '^usage: pinholed' -x
want 1 '^usage: pinholed' --nonsense
# --help ends it, whatever the option.
names=$(sed -n 's/^\.It \(Fl . , \)*Fl Fl \([a-z]*\).*/\2/p' \
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
# All that a start would try, each with its place.
want 1 '^pinholed: no such interface: nope0$' -n -f "$good" -i nope0
want 1 "^$dir/host.conf:4:2: no such interface: nope1\$" -n -f "$dir/host.conf"
want 1 "^$dir/host.conf:2:1: no such user: nope0\$" -n -f "$dir/host.conf"
want 1 "^$dir/key.conf:3:6: $dir/key: must be a file that" -n -f "$dir/key.conf"
chmod 600 "$dir/key"
[ "$(id -u)" != 0 ] || chown 65533 "$dir/key"
want 1 "^$dir/key.conf:4:15: $dir/none: No such file" -n -f "$dir/key.conf"
if [ "$(id -u)" = 0 ]; then
	want 1 "not looked at: .*$dir/key" -n -f "$dir/key.conf"
	"$pinholed" -n -b dry-run -f "$dir/key.conf" 2>&1 |
	    grep -q "^$dir/key.conf:3:6: $dir/key: must belong to root" || {
		echo "a key of somebody else's is taken"
		bad=1
	}
else
	echo "note: not root; the owner of a key was not checked"
fi
# The key of mirrored signalling, in a check and in a replay.
cat >"$dir/hep.conf" <<END
protect 192.0.2.0/24
interface $lo
hep {
	listen on 127.0.0.1 port 29061
	from 192.0.2.10
	key "$dir/hepkey"
}
END
mirrored=$dir/mirrored.pcap
cp "$(dirname "$0")/../test-pcaps/hep/call-under-tls/input.pcap" "$mirrored"
sed 's/29061/9060/' "$dir/hep.conf" >"$dir/hep9060.conf"
want 1 "^$dir/hep.conf:6:2: $dir/hepkey: No such file" -n -f "$dir/hep.conf"
want 0 "$dir/hepkey: No such file or directory; mirrored packets with any key" \
    -f "$dir/hep9060.conf" -r "$mirrored"
want 0 '"reason":"bye"' -f "$dir/hep9060.conf" -r "$mirrored" -o json
echo 'not the key' >"$dir/hepkey"
[ "$(id -u)" != 0 ] || chown 65534 "$dir/hepkey"
chmod 644 "$dir/hepkey"
want 1 "^$dir/hep.conf:6:2: $dir/hepkey: must be a file that" -n \
    -f "$dir/hep.conf"
chmod 600 "$dir/hepkey"
want 0 '^configuration OK$' -n -f "$dir/hep.conf"
want 0 '^hep_refused_key 6$' -f "$dir/hep9060.conf" -r "$mirrored" -vv
echo short >"$dir/hepkey"
want 1 "^$dir/hep.conf:6:2: $dir/hepkey: a key of hep has 8 to 255 bytes" -n \
    -f "$dir/hep.conf"
want 0 'not looked at: the packet filter, the captures' -n -f "$good"
want 0 'not looked at: .*ports below 1024' -n -f "$dir/proxy.conf"
want 0 "^$dir/proxy.conf:4:11: no interface of this host has .*203.0.113.9" \
    -n -f "$dir/proxy.conf"
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
print("bound", flush=True)
time.sleep(30)' $port >"$dir/bound" &
holder=$!
i=0
while [ ! -s "$dir/bound" ] && [ $((i += 1)) -lt 100 ]; do
	sleep 0.05
done
want 1 "^$dir/proxy.conf:5:11: tftp proxy: cannot listen on 127.0.0.1:$port" \
    -n -f "$dir/proxy.conf"
kill $holder
want 0 '^pinholed: following: sip \(port 5060\)$' -n -f "$good"
want 0 "^pinholed: listening on $lo\$" -n -f "$good"
want 0 '^pinholed: following: ftp \(port 21\)$' -n -f "$dir/ftp.conf"
want 0 '^pinholed: following: tftp \(proxy\)$' -n -f "$dir/proxy.conf"
want 1 'nothing in the configuration uses the macro "porbe"' -n -f "$good" \
    -D porbe=1
want 1 "$wrong:2:" -n -f "$wrong"
want 1 "$wrong:3:" -n -f "$wrong"
want 1 "$dir/missing.conf" -n -f "$dir/missing.conf"
want 1 '"inside" is not defined' -n -f "$dir/macro.conf"
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

# Options that explain a capture need one.
want 1 '^pinholed: --explain: want a capture, named by -r file$' -f "$good" \
    --explain c1
want 1 '^pinholed: --report: want a capture' -f "$good" --report "$dir/x.html"
want 1 'want a Call-ID' -f "$good" -r "$dir/missing.pcap" --explain ''
want 0 '^configuration OK$' -n -f "$good" -r x --explain c1

# Replay needs no privilege and, with -D protect, no configuration.
want 2 "$dir/missing.pcap" -f "$good" -r "$dir/missing.pcap"
if [ ! -e /etc/pinholed.conf ] && [ ! -e /usr/local/etc/pinholed.conf ]; then
	want 1 '-D protect=' -r "$dir/missing.pcap"
fi
want 2 "$dir/missing.pcap" -D protect=192.0.2.0/24 -r "$dir/missing.pcap"

# A replay that follows no call says which setting is wrong.
call=$dir/call.pcap
cp "$(dirname "$0")/../test-pcaps/sip/basic-call/input.pcap" "$call"
printf 'protect 192.0.2.0/24\nsip { port 5070 }\n' >"$dir/port.conf"
chmod 644 "$call" "$dir/port.conf"
none='[0-9]+ SIP messages, none to or from a protected host: '
want 0 "^pinholed: $none(198.51.100.7 192.0.2.10|192.0.2.10 198.51.100.7)\$" \
    -D protect=203.0.113.0/24 -r "$call"
ports='[0-9]+ SIP messages on ports that'
want 0 "^pinholed: $ports are not in .port.: 5060\$" -f "$dir/port.conf" \
    -r "$call"
want 0 "^pinholed: $ports nobody follows, for there is no .sip. block: 5060\$" \
    -f "$dir/ftp.conf" -r "$call"
if unprivileged "$pinholed" -D protect=192.0.2.0/24 -r "$call" 2>&1 |
    grep -q "SIP messages"; then
	echo "a hint that nobody needs"
	bad=1
fi

# The story of a call, and which calls there are.
want 0 '^call c1@example$' -D protect=192.0.2.0/24 -r "$call" --explain c1
want 0 '^call c1@example$' -D protect=192.0.2.0/24 -r "$call" --explain 2
want 1 '^No Call-ID begins with "c9\\x1b".$' -D protect=192.0.2.0/24 \
    -r "$call" --explain "$(printf 'c9\033')"
want 1 '  c1@example  accepted, over$' -D protect=192.0.2.0/24 -r "$call" \
    --explain c9
want 1 'No call is known' -D protect=203.0.113.0/24 -r "$call" --explain c1
# A page that cannot be written is said before the capture is read.
want 2 "^pinholed: --report $dir/none/x.html: No such file" \
    -D protect=192.0.2.0/24 -r "$call" --report "$dir/none/x.html"
want 2 "^pinholed: --report $dir/x.html: Permission denied" \
    -D protect=192.0.2.0/24 -r "$call" --report "$dir/x.html"
mkdir -m 777 "$dir/pages"
want 0 '^$' -D protect=192.0.2.0/24 -r "$call" --report "$dir/pages/x.html"
if [ "$(ls "$dir/pages")" != x.html ]; then
	echo "beside the page: $(ls "$dir/pages")"
	bad=1
fi
# A damaged capture: what was read is told, and the exit status says so.
head -c 1500 "$call" >"$dir/pages/cut.pcap"
chmod 644 "$dir/pages/cut.pcap"
want 2 '^call c1@example$' -D protect=192.0.2.0/24 -r "$dir/pages/cut.pcap" \
    --explain c1

# Each counter is explained.
printf 'protect 192.0.2.0/24\nsip { }\nftp { }\ntftp { }\n' >"$dir/all.conf"
chmod 644 "$dir/all.conf"
for counter in $(unprivileged "$pinholed" -vv -f "$dir/all.conf" -r "$call" \
    2>&1 >/dev/null | sed -n 's/^\([a-z_]*\) [0-9]*$/\1/p'); do
	grep -qx ".It Va $counter" "$(dirname "$0")/../man/pinholed.8" || {
		echo "a counter that the manual does not have: $counter"
		bad=1
	}
done

# In states mode the reasons why a pinhole is a rule are counters, too.
symmetric='sip { symmetric 198.51.100.0/24 }'
printf 'protect 192.0.2.0/24\n%s\nfirewall pf states\n' "$symmetric" \
    >"$dir/states.conf"
printf 'protect 192.0.2.0/24\nsip { }\nfirewall pf states\n' \
    >"$dir/rules.conf"
chmod 644 "$dir/states.conf" "$dir/rules.conf"
forms()
{
	unprivileged "$pinholed" -vv -b pf-text -f "$1" -r "$call" \
	    >"$dir/forms" 2>"$dir/counters"
	states=$(grep -c '^#     state udp' "$dir/forms")
	rules=$(grep -c '^#     # a rule and no state: ' "$dir/forms")
	if [ "$states $rules" != "$2" ] ||
	    ! grep -qx "opened_as_states $states" "$dir/counters" ||
	    ! grep -qx "opened_as_rules $rules" "$dir/counters" ||
	    ! grep -qx "as_rule_any_port $rules" "$dir/counters"; then
		echo "$states states and $rules rules, not $2; counters:"
		grep as_ "$dir/counters"
		bad=1
	fi
}
forms "$dir/states.conf" "2 0"
forms "$dir/rules.conf" "0 2"
for why in tcp once prefix any_port ports translated; do
	if ! grep -q "^as_rule_$why [0-9]*$" "$dir/counters" ||
	    ! grep -qx ".It Va as_rule_$why" \
		"$(dirname "$0")/../man/pinholed.8"; then
		echo "no counter, or not in the manual: as_rule_$why"
		bad=1
	fi
done

# A replay names traffic that it cannot follow, though that is no event.
tls=$dir/tls.pcap
cp "$(dirname "$0")/../test-pcaps/ftp/auth-tls/input.pcap" "$tls"
chmod 644 "$tls"
want 0 ' -> .*:21: encrypted; ' -f "$dir/ftp.conf" -r "$tls"

# Errors of a configuration go to stderr; that it is right goes to stdout.
if [ -n "$(unprivileged "$pinholed" -n -f "$wrong" 2>/dev/null)" ]; then
	echo "errors on stdout"
	bad=1
fi
if [ "$(unprivileged "$pinholed" -n -b dry-run -f "$good" 2>/dev/null)" != \
    "configuration OK" ]; then
	echo "more or less than 'configuration OK' on stdout"
	bad=1
fi
exit $bad
