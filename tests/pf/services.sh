#!/bin/sh
# Everything at once with -b pf: each process does what it is for, in its
# sandbox, and comes back when it dies.  Needs what live.sh needs, and a
# pinholed with `status` and `tables`.
#
#	services.sh PATH-OF-pinholed
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/calls.sh"
# shellcheck disable=SC2046

key="a secret of ours"
byte() {
	# shellcheck disable=SC2059
	printf "\\$(printf %03o "$1")"
}
be16() { byte $(($1 >> 8)) && byte $(($1 & 255)); }
ipv4() { (IFS=. && for i in $1; do byte "$i"; done); }
# chunk TYPE LENGTH: of HEP, its content from the standard input.
chunk() { be16 0 && be16 "$1" && be16 $((6 + $2)) && cat; }
# mirrors UDP|TCP FROM TO: the desk mirrors the message $tmp/m.
mirrors() {
	{
		byte 2 | chunk 1 1
		byte 6 | chunk 2 1
		ipv4 "$2" | chunk 3 4
		ipv4 "$3" | chunk 4 4
		be16 5061 | chunk 7 2
		be16 5061 | chunk 8 2
		byte 1 | chunk 11 1
		printf %s "$key" | chunk 14 ${#key}
		chunk 15 "$(wc -c < "$tmp/m")" < "$tmp/m"
	} > "$tmp/chunks"
	{
		printf HEP3
		be16 $((6 + $(wc -c < "$tmp/chunks")))
		cat "$tmp/chunks"
	} > "$tmp/packet"
	[ "$1" = udp ] && how=-u || how=-N
	$(at phi) nc -n "$how" -w 1 -s "$desk" 192.0.2.1 9060 < "$tmp/packet"
}
# mirrored_call udp|tcp NAME PORT
mirrored_call() {
	message "INVITE sip:desk@$desk_at SIP/2.0" "$2" "1 INVITE" "" \
	    "phone@$phone_at" "$phone" "$3" > "$tmp/m"
	mirrors "$1" "$phone" "$desk"
	message "SIP/2.0 200 OK" "$2" "1 INVITE" ";tag=d$2" \
	    "desk@$desk_at" "$desk" "$3" > "$tmp/m"
	mirrors "$1" "$desk" "$phone"
	sleep 1
}
# page PATH
page() {
	printf 'GET %s HTTP/1.1\r\nHost: 192.0.2.1:9508\r\n%s\r\n' "$1" \
	    'Connection: close
' | $(at phi) timeout 3 nc -n 192.0.2.1 9508 > "$tmp/page" 2> /dev/null
	grep -q '^HTTP/1.1 200' "$tmp/page"
}
all_do() {
	what="$1: a call"
	call "$2" "$3"
	ok media "$3"
	hang_up "$2"
	what="$1: the control socket"
	ok counts packets '[1-9]'
	what="$1: metrics, and the page"
	ok page /metrics
	ok grep -q '^pinholed_calls_total' "$tmp/page"
	ok page /
	for by in udp tcp; do
		what="$1: a call that is mirrored by $by"
		mirrored_call $by "$2$by" $(($3 + 2))
		ok media $(($3 + 2))
		message "BYE sip:desk@$desk_at SIP/2.0" "$2$by" "2 BYE" \
		    ";tag=d$2$by" > "$tmp/m"
		mirrors $by "$phone" "$desk"
		message "SIP/2.0 200 OK" "$2$by" "2 BYE" ";tag=d$2$by" \
		    > "$tmp/m"
		mirrors $by "$desk" "$phone"
		ok until_ok no_media $(($3 + 2))
	done
}
replaced() {
	p=$(child "$1")
	test -n "$p" && test "$p" != "$2"
}

printf '%s\n' "$key" > "$tmp/hep"
printf '%s\n' "$key, and some more" > "$tmp/key"
chmod 600 "$tmp/hep" "$tmp/key"
cat > "$tmp/conf" <<X
protect 192.0.2.0/24
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
sip { }
ftp { proxy on 127.0.0.1 port 8021 }
tftp { proxy on 127.0.0.1 port 6969 }
tables {
	listen on 192.0.2.1
	key "$tmp/key"
	allow pinholed_test
}
hep {
	listen on 192.0.2.1 port 9060
	from { 192.0.2.20 }
	key "$tmp/hep"
}
status { listen on 192.0.2.1 port 9508 }
firewall pf
X
cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick on $inside proto { tcp udp } to 192.0.2.1
pass quick proto udp to port 5060
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"
family 4
what="it starts"
ok start
if [ "$os" = openbsd ]; then
	for p in engine proxy status; do
		what="$p has pledged"
		ok sealed "$(child $p)"
	done
fi
all_do "at first" 1 10000
what="a reload"
kill -HUP "$monitor"
ok until_ok said reloaded
all_do "after a reload" 2 10010
for p in engine firewall proxy status; do
	what="the $p process dies and comes back"
	old=$(child $p)
	kill -9 "$old"
	ok until_ok replaced $p "$old"
	sleep 2
done
all_do "after the death of each" 3 10020
what="nobody was killed for what a sandbox forbids"
ok sh -c "! grep -q 'killed by signal [^9]' '$tmp/log'"
what="TERM ends it well"
kill -TERM "$monitor"
wait "$monitor"
ok is $? -eq 0
monitor=
result
