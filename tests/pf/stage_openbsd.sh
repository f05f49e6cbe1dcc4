#!/bin/sh
# For stage.sh: the places are routing domains, where pf looks away.  We are in
# the domain that the script was started in.
# shellcheck disable=SC2034,SC2154

hooks='set skip on phplace'
dad=$(sysctl -n net.inet6.ip6.dad_count)

# redirect inet|inet6 PROTO PORT ADDRESS PORT
redirect() {
	echo "pass in quick on $inside $1 proto $2 to port $3" \
	    "divert-to $4 port $5"
}

domain() {
	case $1 in pho) echo 101 ;; phi) echo 102 ;; *) echo 103 ;; esac
}
# at PLACE: what to write before a command to run it there.
at() { echo "route -T $(domain "$1") exec"; }

# pair PLACE HOST-ADDRESS PLACE-ADDRESS HOST-6 PLACE-6: our end is then $a.
pair() {
	d=$(domain "$1")
	a=pair$((d + 100))
	b=pair$d
	ifs="$ifs $a $b lo$d"
	ifconfig "$a" create rdomain "$(id -R)"
	ifconfig "$b" create rdomain "$d" group phplace
	ifconfig "$b" patch "$a"
	ifconfig "lo$d" group phplace
	ifconfig "lo$d" inet 127.0.0.1/8 up
	sysctl -q net.inet6.ip6.dad_count=0
	ifconfig "$b" inet "$3/24" up
	ifconfig "$a" inet "$2/24" up
	ifconfig "$b" inet6 "$5/64"
	ifconfig "$a" inet6 "$4/64"
	route -q -T "$d" add default "$2"
	route -q -T "$d" add -inet6 default "$4"
	# The first packet asks who has it, and is lost.
	ping -q -c 1 -w 1 "$3" > /dev/null 2>&1
	ping6 -q -c 2 -w 1 "$5" > /dev/null 2>&1
}
# address PLACE ADDRESS: one more.
address() { ifconfig "lo$(domain "$1")" inet "$2/32" alias; }
unpair() {
	for i in $ifs; do ifconfig "$i" destroy 2>/dev/null; done
	sysctl -q net.inet6.ip6.dad_count="$dad"
}
# Wait until somebody in a place listens on a port.
listening() { sleep 0.3; }
# Is the process where it can open nothing?
sealed() { ps -o state= -p "$1" | grep -q p; }
