#!/bin/sh
# The service of the port: its rc.d script, with calls between two places.
# Needs what live.sh needs, rc.subr(8), and /var/db/pinholed, which the port makes.
#
#	service.sh PATH-OF-pinholed PATH-OF-THE-SCRIPT
#
# The script is pinholed.in of the port of FreeBSD, pinholed.rc of OpenBSD's.
pinholed=$1 rcd=$2
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/stage.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/calls.sh"

# OpenBSD's script knows the monitor by its title, FreeBSD's by its number.
find_monitor() {
	case $os in
	openbsd) pgrep -xf 'pinholed: monitor.*' ;;
	*) cat /var/run/pinholed.pid 2>/dev/null ;;
	esac
}
# The monitor and its children, by their numbers: no other pinholed is meant.
killed() {
	monitor=$(find_monitor) || return 0
	for p in $monitor $(pgrep -P "$monitor"); do
		kill -9 "$p" 2>/dev/null
	done
	sleep 1
}
at_end() { killed; }
until_ok() {
	tries=0
	while [ $tries -lt 60 ]; do
		"$@" > /dev/null 2>&1 && return 0
		tries=$((tries + 1))
		sleep 0.2
	done
	return 1
}
# service start|stop|reload, also where it is not enabled.
service() {
	case $os in
	openbsd) "$tmp/pinholed" -f "$1" ;;
	*) "$tmp/pinholed" "one$1" ;;
	esac > "$tmp/said" 2>&1
}
# As pkg-message of FreeBSD and README of OpenBSD have it.
upgrade() {
	[ "$os" = openbsd ] || { service upgrade; return; }
	pkill -USR2 -xf 'pinholed: monitor.*'
	while pgrep -qxf 'pinholed: monitor.*'; do sleep 1; done
	service start
}
engines() { pgrep -P "$(find_monitor)" > /dev/null; }
rules() { pfctl -a "pinholed/$1" -sr 2>/dev/null | grep -c label; }
starts() {
	service start || return 1
	until_ok engines
	sleep 2
}

mkdir -p "$tmp/sbin" "$tmp/etc"
cp "$pinholed" "$tmp/sbin/pinholed"
sed "s,%%PREFIX%%,$tmp,; s,\${TRUEPREFIX},$tmp,; s,\${SYSCONFDIR},$tmp/etc," \
    "$rcd" > "$tmp/pinholed"
chmod 755 "$tmp/pinholed" "$tmp/sbin/pinholed"
touch /etc/rc.conf
cat > "$tmp/etc/pinholed.conf" <<X
protect 192.0.2.0/24
interface { $inside }
X
cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick proto udp to port 5060
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"

what="the service starts"
ok starts
family 4
call 1 10000
what="a call lets its media in"
ok media 10000
what="a reload keeps it"
ok service reload
sleep 2
ok media 10000
what="a crash: the old processes are killed, the service starts"
killed
pfctl -q -F states
ok starts
what="the call has its media"
ok media 10000
what="and its rules"
ok is "$(rules in4u)" -gt 0
what="an upgrade, with nothing killed"
monitor=$(find_monitor)
ok upgrade
until_ok engines
sleep 2
ok is "$([ "$(find_monitor)" = "$monitor" ] && echo same)" = ""
what="the call has its media after that, too"
ok media 10000
what="and by its rules, not by states of before"
pfctl -q -F states
ok media 10000
hang_up 1
sleep 1
what="until it ends"
ok no_media 10000
call 2 10010
what="another call"
ok media 10010
what="the service stops"
ok service stop
what="and the media"
ok no_media 10010
what="nothing is left"
ok is "$(pfctl -a pinholed -sr 2>/dev/null | wc -l)" -eq 0
what="a call before a kill"
starts
call 3 10020
ok media 10020
killed
what="the rules stay"
ok is "$(rules in4u)" -gt 0
what="until the service is stopped"
service stop
pfctl -q -F states
ok no_media 10020
result
