#!/bin/sh
# What others do to pf while calls run, and what a reload makes of the rules.
# Needs what live.sh needs.
#
#	others.sh PATH-OF-pinholed
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/calls.sh"
# shellcheck disable=SC2046

# configure PROTECTED SIP-SETTINGS [PF-OPTIONS]
configure() {
	cat > "$tmp/conf" <<X
protect $1
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
sip { $2 }
firewall pf ${3-}
X
}
reloads() {
	: > "$tmp/log"
	kill -HUP "$monitor"
	until_ok said reloaded
	sleep 1
}
remotes() { pfctl -a pinholed -t remotes -T show 2>/dev/null | tr -d ' '; }
remotes_are() { is "$(remotes)" = "$1"; }
# The rules that call the anchor of a class and name the table.
gated() { pfctl -a pinholed -sr 2>/dev/null | grep "$1.*<remotes>"; }
no_rule() { ! pfctl -a "$1" -sr 2>/dev/null | grep -q "$2"; }
load() { echo "$2" | pfctl -q -a "$1" -f - 2>/dev/null; }

cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick proto udp to port 5060
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"
family 4

what="latch is not for pf"
configure 192.0.2.0/24 "latch yes"
"$pinholed" -n -f "$tmp/conf" > "$tmp/n" 2>&1
ok is $? -ne 0
ok grep -q latch "$tmp/n"

configure 192.0.2.0/24 "remote both"
what="it starts"
ok start
what="a second one with the same anchor does not"
sed "s,$tmp/state,$tmp/state2,; s,$tmp/sock,$tmp/sock2," "$tmp/conf" \
    > "$tmp/conf2"
timeout 20 "$pinholed" -d -f "$tmp/conf2" > "$tmp/second" 2>&1
ok is $? -ne 0
sed 's/^/# /' "$tmp/second"

what="a foreign rule in our anchor goes, with no call"
load pinholed "pass quick all label \"foreign\""
ok until_ok no_rule pinholed foreign
ok no_media 10000
call 1 10000
what="a call"
ok media 10000
ok media_out 10000
ok remotes_are 198.51.100.7
what="a foreign rule in our anchor goes, during a call"
load pinholed "pass quick all label \"foreign\""
ok until_ok no_rule pinholed foreign
ok no_media 10004
ok media 10000
what="and one below it"
load pinholed/in4u "pass quick all label \"foreign\""
ok until_ok no_rule pinholed/in4u foreign
ok no_media 10004
what="and one of a name that no rule calls lets nothing pass"
load pinholed/foreign "pass quick all label \"foreign\""
sleep 6
ok no_media 10004
pfctl -q -a pinholed/foreign -F rules
what="a foreign address in the table goes"
pfctl -q -a pinholed -t remotes -T add 203.0.113.0/24
ok until_ok remotes_are 198.51.100.7
what="a table that somebody deletes comes again"
pfctl -q -a pinholed -t remotes -T kill
pfctl -q -F states
ok until_ok remotes_are 198.51.100.7
ok media 10000
what="all in our anchor is flushed, states too"
pfctl -q -a pinholed -F all
pfctl -q -F states
ok until_ok media 10000
ok remotes_are 198.51.100.7
what="a call begins after a flush, before it is noticed"
pfctl -q -a pinholed -t remotes -T flush
pfctl -q -a pinholed -F rules
pfctl -q -a pinholed/in4u -F rules
call 2 10010
ok until_ok media 10010
ok until_ok media 10000
what="the main ruleset is loaded 30 times during a call"
i=0
while [ $i -lt 30 ]; do
	pfctl -q -f "$tmp/pf.conf"
	i=$((i + 1))
done
hang_up 2
call 3 10020
ok media 10020
ok media 10000
ok no_media 10010

what="a reload that changes nothing keeps the calls"
reloads
ok media 10000
ok media 10020
ok remotes_are 198.51.100.7
what="a reload with another remote closes what is of none"
configure 192.0.2.0/24 "remote 203.0.113.0/24"
reloads
ok until_ok no_media 10000
call 4 10030
ok no_media 10030
ok until_ok remotes_are 203.0.113.0/24
hang_up 4
what="and with everybody needs no table inward"
configure 192.0.2.0/24 "remote any"
reloads
call 5 10040
ok media 10040
ok until_ok gated out4u
ok is "$(gated in4u)" = ""
what="a reload that no longer protects the desk closes all"
configure 192.0.2.128/25 "remote both"
reloads
ok until_ok no_media 10040
ok is "$(rules in4u)" -eq 0
ok remotes_are ""
what="and one that protects it again opens the next call"
configure 192.0.2.0/24 "remote both"
reloads
call 6 10050
ok media 10050
ok remotes_are 198.51.100.7
hang_up 6
ok until_ok remotes_are ""
ok until_ok no_media 10050

what="log, tag and if-bound"
configure 192.0.2.0/24 "remote both" 'log tag "media" if-bound'
reloads
call 7 10060
ok media 10060
ok media_out 10060
ok sh -c "pfctl -a pinholed/in4u -sr | grep -q 'log.*if-bound.*tag media'"
hang_up 7
ok until_ok no_media 10060
what="TERM leaves neither rule, nor table, nor state"
call 8 10070
ok media 10070
kill -TERM "$monitor"
wait "$monitor"
ok is $? -eq 0
ok is "$(pfctl -a pinholed -sr 2>/dev/null | wc -l)" -eq 0
ok is "$(pfctl -a pinholed -s Tables 2>/dev/null)" = ""
ok is "$(states 192.0.2.20:1007)" -eq 0
ok no_media 10070
monitor=
result
