#!/bin/sh
# The pf backend against the real /dev/pf, between two places: an outside and
# an inside with us in the middle.  Needs root, FreeBSD with pf and VIMAGE or
# OpenBSD with pf switched off, nothing in pf that you would miss, and nc(1);
# says why and exits 77 otherwise.
#
#	live.sh PATH-OF-pf_drive [options for each of its runs]
set -u
drive=$*
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/stage.sh"

# The driver follows a file; each line of it is answered.
start() {
	: > "$tmp/in"
	: > "$tmp/out"
	# shellcheck disable=SC2086
	$drive -f "$tmp/in" "$@" >> "$tmp/out" 2>&1 &
	driver=$!
}
say() { for l in "$@"; do echo "$l" >> "$tmp/in"; done; }
# Wait for an answer, and forget it.
answered() {
	i=0
	while [ $i -lt 80 ]; do
		if grep -q "^$1" "$tmp/out"; then
			: > "$tmp/out"
			return 0
		fi
		i=$((i + 1))
		sleep 0.1
	done
	cat "$tmp/out"
	return 1
}
quit() {
	say end
	wait $driver
}
rules() { pfctl -a "pinholed/$1" -sr 2>/dev/null | wc -l; }
# natlook PROTO CLIENT LOCAL ORIGINAL.  OpenBSD's DIOCNATLOOK (7.6) compares
# a hash that it never computes, and so finds nothing.
natlook() {
	if [ "$os" = openbsd ]; then
		n=$((n + 1))
		skipped=$((skipped + 1))
		echo "ok $n - $what # SKIP not on OpenBSD"
		return
	fi
	say "natlook $1 $2 $3"
	ok answered "original .*$4"
}

what="check names the line to add when nothing calls the anchor"
ok sh -c "$drive -n | grep -q '^anchor \"pinholed\"'"
what="check says that pf is off"
ok sh -c "$drive -n | grep -q 'pfctl -e'"
what="it works before anything calls the anchor"
start
say "open 1 in udp any 192.0.2.20 10000 10001" commit
ok answered "commit ok"
quit
cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick proto icmp6
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"
what="check is content with the hooks in place"
ok sh -c "[ \"\$($drive -n -x)\" = 'check ok' ]"

what="nothing passes before anything is open"
ok blocked pho 198.51.100.7 4000 phi 192.0.2.20 10000
start
say "open 1 in udp 198.51.100.7 192.0.2.20 10000 10001" commit
what="a pinhole opens"
ok answered "commit ok"
what="the remote may speak first, from any port"
ok reaches pho 198.51.100.7 4444 phi 192.0.2.20 10000
what="RTCP comes by the same rule"
ok reaches pho 198.51.100.7 4445 phi 192.0.2.20 10001
what="the next port is closed"
ok blocked pho 198.51.100.7 4444 phi 192.0.2.20 10002
what="the inside may speak first, from the port it named"
ok reaches phi 192.0.2.20 10000 pho 198.51.100.7 7777
what="and from no other"
ok blocked phi 192.0.2.20 10002 pho 198.51.100.7 7777
say "open 2 out udp 192.0.2.20 198.51.100.7 4000 4001" commit
what="a second pinhole opens"
ok answered "commit ok"
what="outward from any port to the port the remote named"
ok reaches phi 192.0.2.20 9999 pho 198.51.100.7 4000
what="nobody rides in on it"
ok blocked pho 198.51.100.7 4001 phi 192.0.2.20 9998
say "open 3 in udp any 2001:db8:2::20 6000 6001" commit
what="IPv6 opens"
ok answered "commit ok"
what="anybody, over IPv6"
ok reaches pho 2001:db8:1::7 4000 phi 2001:db8:2::20 6001

what="packets were seen"
say activity
ok answered "seen 1"
sleep 0.5
: > "$tmp/out"
say activity activity
sleep 0.5
what="silence is not activity"
ok sh -c "! grep -q seen '$tmp/out' && grep -q 'activity ok' '$tmp/out'"
: > "$tmp/out"
# Rewrite the leaf, then send by the state that the old rule made.
say "open 4 in udp 198.51.100.7 192.0.2.20 10004 10005" commit
answered "commit ok"
reaches pho 198.51.100.7 4444 phi 192.0.2.20 10000
say activity
what="media on a rule that was rewritten since counts"
ok answered "seen 1"

before=$(states 'udp.*192.0.2.20:10000')
what="there are states to kill"
ok is "$before" -gt 0
say "close 1" commit
answered "commit ok"
say "sleep 600" tick
what="the sweep runs"
ok answered "tick ok"
what="states end with their pinhole"
ok is "$(states '192.0.2.20:10000')" -eq 0
what="states of another pinhole stay"
ok is "$(states '198.51.100.7:4000')" -gt 0
what="what was closed is closed"
ok blocked pho 198.51.100.7 4444 phi 192.0.2.20 10000

# kill -9, then another that takes over.
kill -9 $driver
wait $driver 2>/dev/null
what="after kill -9 the rules are still there"
ok is "$(rules in4u)" -gt 0
start -a
say "open 12 out udp 192.0.2.20 198.51.100.7 4000 4001" commit
answered "commit ok"
what="a successor keeps what it does not know yet"
ok reaches pho 198.51.100.7 4444 phi 192.0.2.20 10004
say settle "sleep 600" tick
what="and then settles"
ok answered "tick ok"
what="what was not opened again is gone"
ok is "$(rules in4u)" -eq 0
what="what was opened again is there"
ok reaches phi 192.0.2.20 9997 pho 198.51.100.7 4000
kill -9 $driver
wait $driver 2>/dev/null
start
say commit
answered "commit ok"
what="a fresh start clears what an earlier run left"
ok is "$(rules out4u)" -eq 0
what="and its states"
ok is "$(states '198.51.100.7:4000')" -eq 0

# Translation: out -> our 198.51.100.1:40001 is sent on to the inside.
say "open 20 in udp 198.51.100.7 192.0.2.20 5001 5001 rdr 198.51.100.1:40001 nat 192.0.2.1:7070" commit
answered "commit ok"
f="$tmp/got"
$(at phi) nc -lnu -w 3 192.0.2.20 5001 > "$f" 2>/dev/null &
receiver=$!
listening phi 5001
echo hello | $(at pho) nc -nu -w 1 -p 2000 198.51.100.1 40001
sleep 0.3
what="rdr sends it on"
ok grep -q hello "$f"
what="nat gives it the source that was asked for"
ok is "$(pfctl -ss | grep -c '192.0.2.1:7070')" -gt 0
kill $receiver 2>/dev/null
wait $receiver 2>/dev/null
what="natlook finds where a redirected client wanted to go"
natlook udp 198.51.100.7:2000 192.0.2.20:5001 198.51.100.1:40001
say "natlook tcp 198.51.100.7:2000 192.0.2.20:5001"
what="and nothing where there is no state"
ok answered "original "

# As the proxies of FTP and TFTP ask for it: one connection, both addresses
# changed.  translated ID udp|tcp FROM FROM-PORT RDR TO TO-PORT NAT
translated() {
	[ "$2" = udp ] && u=-u || u=
	say "open $1 in $2 $3 $6 $7 $7 rdr $5 nat $8 once" commit
	answered "commit ok" || return 1
	f="$tmp/got"
	# shellcheck disable=SC2086
	$(at phi) nc -l -n $u -w 3 "$6" "$7" > "$f" 2>/dev/null &
	receiver=$!
	listening phi "$7"
	# shellcheck disable=SC2086
	echo hello | $(at pho) nc -n $u -w 1 -s "$3" -p "$4" "${5%:*}" \
	    "${5##*:}" > /dev/null 2>&1
	sleep 0.3
	kill $receiver 2>/dev/null
	wait $receiver 2>/dev/null
	grep -q hello "$f"
}
id=200
for p in udp tcp; do
	what="rdr and nat of one connection, $p"
	ok translated $id $p 198.51.100.7 $((id + 3000)) \
	    198.51.100.1:$((id + 41000)) 192.0.2.20 $((id + 5000)) \
	    192.0.2.1:$((id + 7000))
	what="its source is the one that was asked for"
	ok is "$(states "192.0.2.1:$((id + 7000))")" -gt 0
	what="natlook knows it"
	natlook $p 198.51.100.7:$((id + 3000)) 192.0.2.20:$((id + 5000)) \
	    198.51.100.1:$((id + 41000))
	id=$((id + 1))
	what="rdr and nat of one connection, $p over IPv6"
	ok translated $id $p 2001:db8:1::7 $((id + 3000)) \
	    2001:db8:1::1:$((id + 41000)) 2001:db8:2::20 $((id + 5000)) \
	    2001:db8:2::1:$((id + 7000))
	what="natlook knows that, too"
	natlook $p 2001:db8:1::7:$((id + 3000)) \
	    2001:db8:2::20:$((id + 5000)) "2001:db8:1::1.*$((id + 41000))"
	id=$((id + 1))
done

say "table add 203.0.113.0/24" "table add 2001:db8:9::1"
answered "table ok"
what="a table is made when it is missing"
ok is "$(pfctl -t pinholed_test -T show | wc -l)" -eq 2
say "table delete 203.0.113.0/24" "table add 198.51.100.9 1"
sleep 0.3
: > "$tmp/out"
what="entries come and go"
ok is "$(pfctl -t pinholed_test -T show | wc -l)" -eq 2
sleep 1.5
say tick
answered "tick ok"
what="an entry with an end ends"
ok is "$(pfctl -t pinholed_test -T show | wc -l)" -eq 1
say "table flush"
answered "table ok"
what="and all go at once"
ok is "$(pfctl -t pinholed_test -T show | wc -l)" -eq 0

# pfctl -f of others and us.
(
	i=0
	while [ $i -lt 30 ]; do
		pfctl -q -f "$tmp/pf.conf" 2>&1 || echo lost
		i=$((i + 1))
	done
) > "$tmp/pfctl.out" 2>&1 &
others=$!
i=0
while [ $i -lt 60 ]; do
	say "open $((100 + i)) in udp 198.51.100.7 192.0.2.20 $((20000 + 2 * i)) $((20001 + 2 * i))" commit
	i=$((i + 1))
done
wait $others
sleep 1
what="a concurrent pfctl -f does not fail us"
ok is "$(grep -c 'commit ok' "$tmp/out")" -eq 60
what="nor we it"
ok is "$(grep -c lost "$tmp/pfctl.out")" -eq 0
: > "$tmp/out"

# Somebody flushes our anchor.
pfctl -q -a pinholed -F rules
say "sleep 5100" tick
what="an anchor that was flushed away comes back"
ok answered "tick ok"
ok is "$(pfctl -a pinholed -sr | wc -l)" -gt 0
ok reaches pho 198.51.100.7 4444 phi 192.0.2.20 20000
before=$(pfctl -a pinholed/in4u -sr | wc -l)
pfctl -q -a pinholed/in4u -F rules
say "sleep 5100" tick
what="and so does one below it"
ok answered "tick ok"
ok is "$(pfctl -a pinholed/in4u -sr | wc -l)" -eq "$before"
quit
what="the end leaves no rule"
ok is "$(pfctl -a pinholed -sr 2>/dev/null | wc -l)" -eq 0
what="and no state"
ok is "$(states '192.0.2.20:20000')" -eq 0

# The top of the tree asks for the remotes by a table.
remotes() { pfctl -a pinholed -t remotes -T show 2>/dev/null | tr -d ' '; }
start
say "open 1 in udp 198.51.100.7 192.0.2.20 22000 22001" commit
what="the remote of a pinhole is in the table"
ok answered "commit ok"
ok is "$(remotes)" = 198.51.100.7
ok reaches pho 198.51.100.7 4444 phi 192.0.2.20 22000
pfctl -q -k 0.0.0.0/0
what="a table that was flushed is filled again"
pfctl -q -a pinholed -t remotes -T flush
say "sleep 5100" tick
ok answered "tick ok"
ok is "$(remotes)" = 198.51.100.7
ok reaches pho 198.51.100.7 4445 phi 192.0.2.20 22001
what="everybody is in no table"
say "open 2 in udp any 192.0.2.20 22010 22011" commit
ok answered "commit ok"
ok is "$(remotes)" = 198.51.100.7
ok reaches pho 198.51.100.7 4444 phi 192.0.2.20 22010
what="a remote goes with its last pinhole"
say "close 1" "close 2" commit
ok answered "commit ok"
ok is "$(remotes)" = ""
quit
what="the end leaves no table"
ok is "$(pfctl -a pinholed -s Tables 2>/dev/null)" = ""

# States mode.
start -m states
sleep 0.5
if kill -0 $driver 2>/dev/null; then
	say "open 30 in udp 198.51.100.7:4000 192.0.2.20 10000 10000" commit
	what="states mode opens without a rule"
	ok answered "commit ok"
	ok is "$(rules in4u)" -eq 0
	what="and lets both sides speak"
	ok reaches pho 198.51.100.7 4000 phi 192.0.2.20 10000
	ok reaches phi 192.0.2.20 10000 pho 198.51.100.7 4000
	what="but no other port"
	ok blocked pho 198.51.100.7 4001 phi 192.0.2.20 10000
	say "open 31 in udp 198.51.100.7 192.0.2.20 10002 10003" commit
	answered "commit ok"
	what="what no state can say becomes a rule"
	ok reaches pho 198.51.100.7 4001 phi 192.0.2.20 10002
	say "close 30" commit "sleep 600" tick
	answered "tick ok"
	what="and closes"
	ok blocked pho 198.51.100.7 4000 phi 192.0.2.20 10000
	quit
else
	what="states mode without pfsync says what is missing"
	ok grep -q pfsync "$tmp/out"
fi

# Two uplinks: what comes in by the second is answered there.
pair pho2 203.0.113.1 203.0.113.9 2001:db8:3::1 2001:db8:3::9
outside2=$a
address pho2 100.64.0.1
route -q add default 198.51.100.7
start -u "$outside2=203.0.113.9:0" -u "$outside=198.51.100.7:0"
say "open 40 in udp any 192.0.2.20 10000 10001" commit
answered "commit ok"
what="what comes by the second uplink comes in"
ok reaches pho2 100.64.0.1 4000 phi 192.0.2.20 10000
what="and its answer leaves there, whatever the default route says"
ok reaches phi 192.0.2.20 10000 pho2 100.64.0.1 4000
quit
route -q delete default 2>/dev/null

result
