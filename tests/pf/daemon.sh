#!/bin/sh
# The whole daemon with -b pf: calls between two places, privileges,
# reload, death and restart.  Needs what live.sh needs.
#
#	daemon.sh PATH-OF-pinholed
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"

cat > "$tmp/conf" <<X
protect { 192.0.2.0/24 }
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
firewall pf anchor "pinholed"
X

# sdp ADDRESS PORT
sdp() {
	printf 'v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n' \
	    "$1" "$1"
	printf 'm=audio %s RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n' "$2"
}
# message FIRST-LINE CALL CSEQ TO-TAG [CONTACT ADDRESS PORT]
message() {
	: > "$tmp/body"
	[ $# -lt 6 ] || sdp "$6" "$7" > "$tmp/body"
	printf '%s\r\n' "$1" \
	    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK$2${3% *}" \
	    "From: <sip:phone@198.51.100.7>;tag=p$2" \
	    "To: <sip:desk@192.0.2.20>$4" "Call-ID: $2@198.51.100.7" \
	    "CSeq: $3" "Max-Forwards: 70" ${5+"Contact: <sip:$5>"}
	[ ! -s "$tmp/body" ] || printf 'Content-Type: application/sdp\r\n'
	printf 'Content-Length: %d\r\n\r\n' "$(wc -c < "$tmp/body")"
	cat "$tmp/body"
}
from_phone() {
	message "$@" > "$tmp/m"
	$(at pho) nc -nu -w 1 -s 198.51.100.7 -p 5060 192.0.2.20 5060 \
	    < "$tmp/m" > /dev/null 2>&1
}
from_desk() {
	message "$@" > "$tmp/m"
	$(at phi) nc -nu -w 1 -s 192.0.2.20 -p 5060 198.51.100.7 5060 \
	    < "$tmp/m" > /dev/null 2>&1
}
# call NUMBER PORT: the phone calls, and the desk at PORT answers.
call() {
	from_phone "INVITE sip:desk@192.0.2.20 SIP/2.0" "$1" "1 INVITE" "" \
	    phone@198.51.100.7 198.51.100.7 "$2"
	from_desk "SIP/2.0 200 OK" "$1" "1 INVITE" ";tag=d$1" \
	    desk@192.0.2.20 192.0.2.20 "$2"
	from_phone "ACK sip:desk@192.0.2.20 SIP/2.0" "$1" "1 ACK" ";tag=d$1"
}
hang_up() {
	from_phone "BYE sip:desk@192.0.2.20 SIP/2.0" "$1" "2 BYE" ";tag=d$1"
	from_desk "SIP/2.0 200 OK" "$1" "2 BYE" ";tag=d$1"
}
media() { reaches pho 198.51.100.7 "$1" phi 192.0.2.20 "$1"; }
no_media() { ! media "$1"; }

what="-V knows pf"
ok sh -c "'$pinholed' -V | grep -q 'firewalls:.*pf'"
what="-n says that pf is off and which line to add"
"$pinholed" -n -f "$tmp/conf" > "$tmp/n" 2>&1
ok is $? -eq 0
ok grep -q 'pfctl -e' "$tmp/n"
ok grep -q 'anchor "pinholed"' "$tmp/n"
what="it starts all the same, and says so, too"
ok start
ok said 'anchor "pinholed"'
kill -TERM "$monitor"
wait "$monitor"
ok is $? -eq 0
cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick proto icmp6
pass quick inet proto udp to port 5060
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"
what="-n has nothing to say when all is well"
ok is "$("$pinholed" -n -f "$tmp/conf" 2>&1)" = "configuration OK"

what="it starts"
ok start
what="nobody keeps root but the monitor"
for p in $(pgrep -P "$monitor"); do
	ok is "$(ps -o user= -p "$p")" != root
done
what="the engine is in capability mode, or has pledged"
ok sealed "$(child engine)"
what="no media before the call"
ok no_media 10000
call 1 10000
what="a call lets its media in"
ok media 10000
what="and its RTCP"
ok media 10001
what="and out"
ok reaches phi 192.0.2.20 10000 pho 198.51.100.7 10000
what="and nothing beside it"
ok no_media 10002
what="the control socket counts"
ok sh -c "timeout 5 nc -U '$tmp/sock' < /dev/null | grep -q '^packets [1-9]'"

kill -HUP "$monitor"
what="SIGHUP reloads"
ok until_ok said 'reloaded'
what="and media goes on"
ok media 10000
what="an engine that dies comes back"
old=$(child engine)
kill -9 "$old"
ok until_ok sh -c "pgrep -P $monitor | grep -vq '^$old\$' && ! kill -0 $old"
sleep 1
what="and knows the call"
ok media 10000
what="a firewall process that dies comes back"
old=$(child firewall)
kill -9 "$old"
sleep 2
ok media 10000
hang_up 1
sleep 1
what="media stops after the BYE"
ok no_media 10000
what="no rule is left of it"
ok is "$(rules in4u)" -eq 0
what="nor a state"
ok is "$(states 192.0.2.20:1000)" -eq 0

call 2 10010
what="a second call"
ok media 10010
what="the state file knows it within half a minute"
ok sh -c "for i in 1 2 3 4 5 6 7 8; do
	grep -aq 2@198.51.100.7 '$tmp/state' && exit 0; sleep 5; done; exit 1"
what="all are killed"
all="$monitor $(pgrep -P "$monitor")"
for p in $all; do kill -9 "$p" 2>/dev/null; done
wait "$monitor" 2>/dev/null
for p in $all; do ok until_ok gone "$p"; done
what="the rules stay"
ok is "$(rules in4u)" -gt 0
what="the next start takes over"
ok start
sleep 1
ok media 10010
hang_up 2
sleep 1
ok no_media 10010

call 3 10020
what="a third call"
ok media 10020
kill -TERM "$monitor"
what="TERM ends it well"
wait "$monitor"
ok is $? -eq 0
what="and leaves nothing"
ok is "$(pfctl -a pinholed -sr 2>/dev/null | wc -l)" -eq 0
ok no_media 10020
monitor=
echo "1..$n"
[ "$fails" -eq 0 ]
