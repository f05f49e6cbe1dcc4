#!/bin/sh
# For stage.sh: the places are vnet jails.
# shellcheck disable=SC2034,SC2154

[ "$(sysctl -n kern.features.vimage 2>/dev/null)" = 1 ] ||
    skip "no VIMAGE"

# pf.conf on top of the rules.
hooks='nat-anchor "pinholed"
rdr-anchor "pinholed"'

# redirect inet|inet6 PROTO PORT ADDRESS PORT
redirect() { echo "rdr pass on $inside $1 proto $2 to port $3 -> $4 port $5"; }

# at PLACE: what to write before a command to run it there.
at() { echo "jexec $1"; }

# pair PLACE HOST-ADDRESS PLACE-ADDRESS HOST-6 PLACE-6: our end is then $a.
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
# address PLACE ADDRESS: one more.
address() { jexec "$1" ifconfig lo0 inet "$2/32" alias; }
unpair() {
	jail -r pho phi pho2 2>/dev/null
	for i in $ifs; do ifconfig "$i" destroy 2>/dev/null; done
}
# Wait until somebody in a place listens on a port.
listening() {
	polls=0
	while [ $polls -lt 50 ]; do
		jexec "$1" netstat -anW | grep -q "\.$2 .*\*\.\*" && return
		polls=$((polls + 1))
		sleep 0.1
	done
}
# Is the process where it can open nothing?
sealed() { ps -o state= -p "$1" | grep -q C; }
