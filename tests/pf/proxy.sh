#!/bin/sh
# The proxies of FTP and TFTP, their passive helpers and the tables, with
# -b pf between two places.  Needs what live.sh needs.
#
#	proxy.sh PATH-OF-pinholed PATH-OF-pf_ends PATH-OF-pinholed-table
# What at() says is several words.
# shellcheck disable=SC2046
ends=$2
table=$3
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"

# serve PLACE ftpd|tftpd ADDRESS
serve() {
	$(at "$1") "$ends" "$2" "$3" > /dev/null 2>&1 &
	servers="$servers $!"
}
serve pho ftpd 198.51.100.7
serve pho ftpd 2001:db8:1::7
serve pho tftpd 198.51.100.7
serve pho tftpd 2001:db8:1::7
serve phi ftpd 192.0.2.20
serve phi ftpd 2001:db8:2::20

# ftp PLACE ADDRESS PORT LINE...: what the client says is in $tmp/ftp.
ftp() {
	jail=$1 host=$2 port=$3
	shift 3
	printf '%s\n' "USER ftp" "$@" QUIT |
	    timeout 20 $(at "$jail") "$ends" ftp "$host" "$port" \
	    > "$tmp/ftp" 2>&1
}
# fetches MODE PLACE ADDRESS [PORT [FILE WORD]]: by a data connection.
fetches() {
	ftp "$2" "$3" "${4-21}" "$1" "retr ${5-file}"
	grep -q "^${6-hello}" "$tmp/ftp" || { sed 's/^/# /' "$tmp/ftp"; false; }
}
tftp() {
	timeout 20 $(at "$1") "$ends" tftp "$2" "${3-file}" > "$tmp/tftp" 2>&1
	grep -q '^1541 bytes' "$tmp/tftp" || { sed 's/^/# /' "$tmp/tftp"; false; }
}
# After divert-to the proxy has no socket that a refusal could come from.
no_tftp() {
	! tftp "$@" > /dev/null &&
	    { [ "$os" = openbsd ] || grep -q error "$tmp/tftp"; }
}
replaced() {
	p=$(child "$1")
	test -n "$p" && test "$p" != "$2"
}
is_entry_gone() { ! pfctl -t pinholed_test -T show | grep -q "$1"; }
pf_conf() {
	cat > "$tmp/pf.conf"
	pfctl -q -f "$tmp/pf.conf"
}

cat > "$tmp/conf" <<X
protect { 192.0.2.0/24 2001:db8:2::/64 }
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
ftp {
	proxy on 127.0.0.1 port 8021
	proxy on 2001:db8:2::1 port 8021
	proxy on 198.51.100.1 port 21 reverse to 192.0.2.20 source 192.0.2.1
	proxy on 2001:db8:1::1 port 21 reverse to 2001:db8:2::20
}
tftp {
	file "f*"
	proxy on 127.0.0.1 port 6969 timeout 5
	proxy on 2001:db8:2::1 port 6969
}
tables {
	listen on 192.0.2.1
	key "$tmp/key"
	allow pinholed_test
}
firewall pf
X
dd if=/dev/urandom of="$tmp/key" bs=32 count=1 2>/dev/null
chmod 600 "$tmp/key"
pf_conf <<X
$hooks
$(redirect inet tcp 21 127.0.0.1 8021)
$(redirect inet6 tcp 21 2001:db8:2::1 8021)
$(redirect inet udp 69 127.0.0.1 6969)
$(redirect inet6 udp 69 2001:db8:2::1 6969)
block all
pass quick proto icmp6
anchor "pinholed"
pass in on $outside proto tcp to { 198.51.100.1 2001:db8:1::1 } port 21
pass in on $inside inet proto udp to 192.0.2.1 port 56789
pass out proto tcp from (self) to any port 21
pass out proto udp from (self) to any port 69
X
pfctl -q -e

what="-n finds nothing wrong when all three lines are there"
ok is "$("$pinholed" -n -f "$tmp/conf" 2>&1 |
    grep -v -e following -e answering -e listening)" = \
    "configuration OK"
what="it starts"
ok start
what="the proxy process has given up root"
ok is "$(ps -o user= -p "$(child proxy)")" != root

for m in port eprt pasv epsv; do
	what="FTP by proxy, $m"
	ok fetches $m phi 198.51.100.7
done
for m in eprt epsv; do
	what="FTP by proxy over IPv6, $m"
	ok fetches $m phi 2001:db8:1::7
done
for m in port eprt pasv epsv; do
	what="FTP in reverse, $m"
	ok fetches $m pho 198.51.100.1
done
for m in eprt epsv; do
	what="FTP in reverse over IPv6, $m"
	ok fetches $m pho 2001:db8:1::1
done
what="TFTP by proxy"
ok tftp phi 198.51.100.7
what="TFTP by proxy over IPv6"
ok tftp phi 2001:db8:1::7
what="a transfer that takes longer than the timeout"
ok tftp phi 198.51.100.7 fslow
what="a file that nobody may have"
ok no_tftp phi 198.51.100.7 secret

# A transfer that has begun goes on whatever becomes of its pinhole.
fetches epsv phi 198.51.100.7 21 slow world > "$tmp/slow" &
slow=$!
# A session that has begun can still do all that it could.
{
	printf '%s\n' "USER ftp" epsv "retr file"
	sleep 5
	printf '%s\n' port "retr file" QUIT
} | timeout 20 $(at phi) "$ends" ftp 198.51.100.7 > "$tmp/session" 2>&1 &
session=$!
sleep 1
what="a reload"
kill -HUP "$monitor"
ok until_ok said 'reloaded'
what="leaves a transfer alone"
ok wait $slow
what="and a session, which opens data connections as before"
ok wait $session
ok is "$(grep -c '^hello' "$tmp/session")" -eq 2
what="a new session begins after it"
ok fetches pasv phi 198.51.100.7

old=$(child proxy)
kill -9 "$old"
what="a proxy process that dies comes back"
ok until_ok replaced proxy "$old"
ok until_ok fetches port phi 198.51.100.7
ok tftp phi 198.51.100.7
old=$(child firewall)
kill -9 "$old"
what="so does the firewall process"
ok until_ok replaced firewall "$old"
ok until_ok fetches epsv phi 198.51.100.7
ok tftp phi 198.51.100.7

tell() { $(at phi) "$table" -q -w 1 -k "$tmp/key" "$@"; }
entries() { pfctl -t pinholed_test -T show 2>/dev/null | wc -l; }
# refused STATUS COMMAND...
refused() {
	wanted=$1
	shift
	"$@"
	is $? -eq "$wanted"
}
what="a table is told of"
ok tell 192.0.2.1 pinholed_test add 203.0.113.5 2001:db8:9::1 198.18.0.0/15
what="and has what was said"
ok is "$(entries)" -eq 3
what="protected hosts and other tables are refused"
ok refused 1 tell 192.0.2.1 pinholed_test add 192.0.2.20
ok refused 1 tell 192.0.2.1 another add 203.0.113.5
ok is "$(entries)" -eq 3
what="entries go"
ok tell 192.0.2.1 pinholed_test delete 203.0.113.5
ok is "$(entries)" -eq 2
what="and go by themselves"
ok tell -t 1 192.0.2.1 pinholed_test add 203.0.113.6
ok until_ok is_entry_gone 203.0.113.6
what="somebody kills the table, and it is made again"
pfctl -q -t pinholed_test -T kill
ok tell 192.0.2.1 pinholed_test add 203.0.113.7
ok is "$(entries)" -ge 1
what="another key is no key"
dd if=/dev/urandom of="$tmp/key" bs=32 count=1 2>/dev/null
ok refused 3 tell 192.0.2.1 pinholed_test flush
what="and without one there is no answer"
ok refused 3 $(at phi) "$table" -q -w 1 192.0.2.1 pinholed_test flush
ok is "$(entries)" -ge 1

what="TERM ends it well"
kill -TERM "$monitor"
wait "$monitor"
ok is $? -eq 0
monitor=
what="and leaves no rule of any kind"
for r in rules nat; do
	ok is "$(pfctl -a pinholed -s $r 2>/dev/null | wc -l)" -eq 0
done
cat > "$tmp/conf" <<X
protect { 192.0.2.0/24 2001:db8:2::/64 }
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
ftp { }
tftp { }
firewall pf
X
pf_conf <<X
$hooks
block all
pass quick proto icmp6
anchor "pinholed"
pass proto tcp to port 21
pass proto udp to port 69
X
what="it starts without proxies"
ok start
# The helpers look on: the first data connection may be faster than they are.
for m in port eprt pasv epsv; do
	what="FTP by the helper, $m"
	ok until_ok fetches $m phi 198.51.100.7
	what="FTP by the helper, outside client, $m"
	ok until_ok fetches $m pho 192.0.2.20
done
for m in eprt epsv; do
	what="FTP by the helper over IPv6, $m"
	ok until_ok fetches $m phi 2001:db8:1::7
	ok until_ok fetches $m pho 2001:db8:2::20
done
what="a transfer outlives its pinhole"
ok until_ok fetches epsv phi 198.51.100.7 21 slow world
ok until_ok fetches eprt phi 2001:db8:1::7 21 slow world
what="TFTP by the helper"
ok tftp phi 198.51.100.7
ok tftp phi 2001:db8:1::7

kill -TERM "$monitor"
wait "$monitor"
monitor=
result
