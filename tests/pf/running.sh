#!/bin/sh
# For daemon.sh, media.sh and proxy.sh, which read it: stage.sh, and the daemon
# ($1) in the middle, with the configuration $tmp/conf.
pinholed=$1
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/stage.sh"

servers=
monitor=
at_end() {
	for p in $servers; do kill -9 "$p" 2>/dev/null; done
	[ -z "$monitor" ] && return
	pkill -9 -P "$monitor"
	kill -9 "$monitor" 2>/dev/null
}

# Wait until a command succeeds.
until_ok() {
	tries=0
	while [ $tries -lt 60 ]; do
		"$@" > /dev/null 2>&1 && return 0
		tries=$((tries + 1))
		sleep 0.2
	done
	return 1
}
start() {
	: > "$tmp/log"
	"$pinholed" -d -v -f "$tmp/conf" "$@" > "$tmp/log" 2>&1 &
	monitor=$!
	until_ok grep -q 'running: pf' "$tmp/log" || {
		cat "$tmp/log"
		return 1
	}
}
# child NAME: its process id.
child() {
	for p in $(pgrep -P "$monitor"); do
		case $(ps -o command= -p "$p") in *": $1"*) echo "$p" ;; esac
	done
}
said() { grep -q "$1" "$tmp/log"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
# ask VERB OBJECT: what the control socket answers.
ask() { echo "$@" | timeout 5 nc -NU "$tmp/sock"; }
# counts NAME VALUE: is a counter so, as a regular expression has it?
counts() { ask show counters | grep -q "\"name\":\"$1\",\"value\":$2"; }
# number KEY PORT: of the pinhole that leads to this port inside.
number() {
	ask show pinholes | grep '"dir":"in"' | grep "\"dport\":$2," |
	    sed -n "s/.*\"$1\":\([0-9][0-9]*\).*/\1/p"
}
# above NUMBER KEY PORT: is it more by now?
above() { [ "$(number "$2" "$3")" -gt "$1" ]; }
calls_counted() { ask show calls | grep -q '"packets":[1-9]'; }
rules() { pfctl -a "pinholed/$1" -sr 2>/dev/null | grep -c label; }
