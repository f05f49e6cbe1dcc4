#!/bin/sh
# For daemon.sh and media.sh, which read it: a phone outside and a desk inside
# that call each other.
# What at() says is several words.
# shellcheck disable=SC2046,SC2154

version=1 # of the SDP

# family 4|6: who calls whom from here on.
family() {
	case $1 in
	4)
		ip=IP4
		phone=198.51.100.7 desk=192.0.2.20
		phone_at=198.51.100.7 desk_at=192.0.2.20
		;;
	6)
		ip=IP6
		phone=2001:db8:1::7 desk=2001:db8:2::20
		phone_at="[2001:db8:1::7]" desk_at="[2001:db8:2::20]"
		;;
	esac
}
# sdp ADDRESS PORT...: a stream for each port, over TCP if it is "tcp/PORT".
sdp() {
	printf 'v=0\r\no=- 1 %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n' \
	    "$version" "$ip" "$1" "$ip" "$1"
	shift
	for port; do
		case $port in
		tcp/*) printf 'm=message %s TCP/MSRP *\r\n' "${port#tcp/}" ;;
		*) printf 'm=audio %s RTP/AVP 0\r\n' "$port" ;;
		esac
	done
}
# message FIRST-LINE CALL CSEQ TO-TAG [CONTACT ADDRESS PORT...]
message() {
	: > "$tmp/body"
	[ $# -lt 6 ] || (shift 5 && sdp "$@") > "$tmp/body"
	printf '%s\r\n' "$1" \
	    "Via: SIP/2.0/UDP $phone_at:5060;branch=z9hG4bK$2${3% *}" \
	    "From: <sip:phone@$phone_at>;tag=p$2" \
	    "To: <sip:desk@$desk_at>$4" "Call-ID: $2@198.51.100.7" \
	    "CSeq: $3" "Max-Forwards: 70" ${5+"Contact: <sip:$5>"}
	[ ! -s "$tmp/body" ] || printf 'Content-Type: application/sdp\r\n'
	printf 'Content-Length: %d\r\n\r\n' "$(wc -c < "$tmp/body")"
	cat "$tmp/body"
}
from_phone() {
	message "$@" > "$tmp/m"
	$(at pho) nc -nu -w 1 -s "$phone" -p 5060 "$desk" 5060 \
	    < "$tmp/m" > /dev/null 2>&1
}
from_desk() {
	message "$@" > "$tmp/m"
	$(at phi) nc -nu -w 1 -s "$desk" -p 5060 "$phone" 5060 \
	    < "$tmp/m" > /dev/null 2>&1
}
# call NAME PORT...: the phone calls, and the desk answers, at these ports.
call() {
	id=$1
	shift
	from_phone "INVITE sip:desk@$desk_at SIP/2.0" "$id" "1 INVITE" "" \
	    "phone@$phone_at" "$phone" "$@"
	from_desk "SIP/2.0 200 OK" "$id" "1 INVITE" ";tag=d$id" \
	    "desk@$desk_at" "$desk" "$@"
	from_phone "ACK sip:desk@$desk_at SIP/2.0" "$id" "1 ACK" ";tag=d$id"
}
# hang_up NAME [CSEQ]
hang_up() {
	from_phone "BYE sip:desk@$desk_at SIP/2.0" "$1" "${2-2} BYE" ";tag=d$1"
	from_desk "SIP/2.0 200 OK" "$1" "${2-2} BYE" ";tag=d$1"
}
media() { reaches pho "$phone" "$1" phi "$desk" "$1"; }
media_out() { reaches phi "$desk" "$1" pho "$phone" "$1"; }
no_media() { ! media "$1"; }
