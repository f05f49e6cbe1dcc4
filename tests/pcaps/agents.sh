#!/bin/sh
# Make the captures of test-pcaps/agents: real clients and servers talking in
# two network namespaces, recorded by tcpdump.  Needs root, sipp, baresip and,
# for calls through a firewall, a proxy and its forks, kamailio and linphone.
#
# usage: agents.sh [PINHOLED]
#	then UPDATE=1 tests/replay.sh PINHOLED FOLDER, and read
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../../test-pcaps/agents
live=$here/../live
phone=198.51.100.7 pbx=192.0.2.10
pinholed=
[ $# -eq 0 ] || pinholed=$(realpath "$1")
out=pc$$o inn=pc$$i

cleanup() {
	ip netns del "$out" 2>/dev/null || true
	ip netns del "$inn" 2>/dev/null || true
	[ -z "${tmp-}" ] || rm -rf "$tmp"
}
trap cleanup EXIT
tmp=$(mktemp -d)

ip netns add "$out"
ip netns add "$inn"
ip link add eth0 netns "$out" type veth peer name eth0 netns "$inn"
for ns in "$out" "$inn"; do
	ip -n "$ns" link set lo up
	ip -n "$ns" link set eth0 up
done
ip -n "$out" addr add "$phone/24" dev eth0
ip -n "$inn" addr add "$pbx/24" dev eth0
ip -n "$out" route add 192.0.2.0/24 dev eth0
ip -n "$inn" route add 198.51.100.0/24 dev eth0

# record NAME ABOUT CLIENT... : a server must be running in `inn` already.
record() {
	dir=$top/$1 about=$2
	shift 2
	mkdir -p "$dir"
	ip netns exec "$inn" tcpdump -qU -i eth0 -w "$tmp/in.pcap" port 5060 \
	    2>/dev/null &
	dump=$!
	sleep 1
	"$@" >"$tmp/client.log" 2>&1 || { cat "$tmp/client.log"; exit 1; }
	sleep 1
	kill "$dump"
	wait "$dump" || true
	cp "$tmp/in.pcap" "$dir/input.pcap"
	echo "protect { 192.0.2.0/24 }" >"$dir/pinholed.conf"
	printf '%s\n\nRecorded by tests/pcaps/agents.sh.\n' "$about" \
	    >"$dir/README"
}

# sipp TRANSPORT NAME ABOUT UAC-ARGUMENTS... : against sipp's own server.
sipp_call() {
	transport=$1 name=$2 about=$3
	shift 3
	(cd "$tmp" && exec ip netns exec "$inn" timeout 60 sipp -i "$pbx" \
	    -p 5060 -t "$transport" "$server" "$scenario" \
	    </dev/null >/dev/null 2>&1) &
	uas=$!
	sleep 1
	record "$name" "$about" ip netns exec "$out" timeout 50 sipp \
	    -i "$phone" -p 5060 -t "$transport" -timeout 40 "$@" "$pbx:5060"
	kill "$uas" 2>/dev/null || true
	wait "$uas" 2>/dev/null || true
}

cd "$tmp"
server=-sn scenario=uas
sipp_call u1 sipp-builtin "sipp's own scenarios over UDP." -sn uac -m 1 -d 500
sipp_call t1 sipp-tcp "sipp over one TCP connection, three calls on it." \
    -sn uac -m 3 -d 500
sipp_call u1 sipp-trunk "Ten calls at once from one sipp, one 5-tuple." \
    -sn uac -m 10 -r 10 -d 1500
server=-sf scenario=$live/uas.xml
sipp_call u1 sipp-scenario "sipp with scenarios of our own." \
    -sf "$live/uac.xml" -m 1

# baresip answers and calls: two real soft phones.
baresip_home() {
	mkdir -p "$1"
	cat >"$1/config" <<-EOF
	module_path /usr/lib/baresip/modules
	sip_listen $2:5060
	net_interface eth0
	rtp_ports $4-$5
	audio_source aubridge,none
	audio_player aubridge,none
	module aubridge.so
	module g711.so
	module_app account.so
	module_app menu.so
	module stdio.so
	EOF
	echo "<sip:$3@$2>;regint=0;answermode=auto" >"$1/accounts"
	: >"$1/contacts"
}
if command -v baresip >/dev/null; then
	baresip_home "$tmp/a" "$phone" phone 4000 4100
	baresip_home "$tmp/b" "$pbx" pbx 10000 10100
	ip netns exec "$inn" timeout 25 baresip -f "$tmp/b" </dev/null \
	    >"$tmp/b.log" 2>&1 &
	bob=$!
	sleep 2
	record baresip "Two baresip soft phones; the caller hangs up." \
	    ip netns exec "$out" timeout 20 baresip -f "$tmp/a" -t 8 \
	    -e "d sip:pbx@$pbx"
	kill "$bob" 2>/dev/null || true
	wait "$bob" 2>/dev/null || true
else
	echo "agents: no baresip, its capture was not made" >&2
fi

# through SCENARIO NAME ABOUT: one of tests/live/agents.py.
through() {
	mkdir -p "$top/$2"
	RECORD="$tmp/through.pcap" python3 "$live/run.py" "$pinholed" "$1"
	cp "$tmp/through.pcap" "$top/$2/input.pcap"
	printf 'protect { 192.0.2.0/24 }\nsip { server 192.0.2.10 }\n' \
	    >"$top/$2/pinholed.conf"
	printf '%s\n\nRecorded by tests/pcaps/agents.sh.\n' "$3" \
	    >"$top/$2/README"
}
if [ -n "$pinholed" ]; then
	through baresip_holds_and_resumes_through_a_forking_proxy \
	    baresip-kamailio-hold "A call by way of kamailio, which forks to
two baresips; hold and resume from both sides."
	through linphone_calls_through_a_forking_proxy linphone-kamailio \
	    "linphonec calls by way of kamailio, which forks; pause, resume."
	through baresip_calls_from_inside_without_the_proxy baresip-outward \
	    "A baresip inside calls one outside."
fi
