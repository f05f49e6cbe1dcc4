#!/bin/sh
# The rc.d script of the FreeBSD port, with the system's rc.subr(8), pf and
# the program itself.  As root, on a machine whose pf may be enabled:
#
#	freebsd.sh PINHOLED PINHOLED.IN [FOLDER]
#
# With a folder that pfsense.py and opnsense.py have written, also what these
# make: configurations, text for the ruleset, and the rc script of pfSense.
# shellcheck disable=SC2317
set -u
pinholed=$1 rcd=$2 folder=${3-}
dir=$(mktemp -d)
bad=0

# is WHAT COMMAND...: it succeeds.
is() {
	what=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $what"
	else
		echo "FAILED $what"
		cat "$dir/said"
		bad=1
	fi
}

not() {
	! "$@"
}

service() {
	"$dir/rc.d" "$@" || return
}

rules() {
	pfctl -a pinholed -sr 2>/dev/null | grep -q .
}

# A rule as a killed process would leave it.
leave_rules() {
	echo 'pass quick proto udp to port 10000' | pfctl -q -a pinholed -f -
}

running() {
	service status | grep -q 'is running as pid'
}

mkdir -p "$dir/sbin" "$dir/etc"
cp "$pinholed" "$dir/sbin/pinholed"
sed "s,%%PREFIX%%,$dir," "$rcd" >"$dir/rc.d"
chmod 755 "$dir/rc.d" "$dir/sbin/pinholed"
touch /etc/rc.conf
cat >"$dir/etc/pinholed.conf" <<P
interface lo0
protect 192.0.2.0/24
P
cat >"$dir/pf.conf" <<'P'
set skip on lo0
nat-anchor "pinholed"
rdr-anchor "pinholed"
anchor "pinholed"
pass
P
pfctl -q -e -f "$dir/pf.conf"

is "without pinholed_enable it says so" \
    sh -c "$dir/rc.d start | grep -q pinholed_enable"
is "and does not run" not running
echo 'pinholed_enable="YES"' >>/etc/rc.conf
is "checkconfig" sh -c "$dir/rc.d checkconfig 2>&1 | grep 'configuration OK'"
leave_rules
is "there are rules of a process that was killed" rules
is "start" service start
is "it runs" running
is "start took the rules away" not rules
pid=$(cat /var/run/pinholed.pid)
is "a second start is refused" not service start
is "reload" service reload
is "the same process runs" test "$(cat /var/run/pinholed.pid)" = "$pid"
echo 'protect 192.0.2.0/33' >>"$dir/etc/pinholed.conf"
is "reload says where the file is wrong" \
    sh -c "! $dir/rc.d reload >$dir/out 2>&1; grep conf:3: $dir/out"
is "restart is refused" not service restart
is "the service still runs" running
sed -i '' '3d' "$dir/etc/pinholed.conf"
is "restart" service restart
is "another process runs" test "$(cat /var/run/pinholed.pid)" != "$pid"
leave_rules
is "stop" service stop
is "it is gone" not running
is "so are its processes" not pgrep -f '^pinholed:'
is "so are its rules" not rules
is "start again" service start
kill -9 "$(cat /var/run/pinholed.pid)"
sleep 2
leave_rules
service stop >/dev/null 2>&1
is "stop after the monitor was killed takes the rules away" not rules

[ -z "$folder" ] && {
	rm -rf "$dir"
	exit $bad
}
panel=/tmp/pinholed-panel
mkdir -p $panel/sbin $panel/etc
cp "$pinholed" $panel/sbin/pinholed
printf 'twenty bytes at least, as the manual says' >$panel/etc/pinholed.key
printf 'eight to 255 bytes' >$panel/etc/pinholed.hep
chmod 600 $panel/etc/pinholed.key $panel/etc/pinholed.hep
cp "$folder/pf.conf" "$dir/pf.conf"
is "pf takes the text for the ruleset" pfctl -q -f "$dir/pf.conf"
n=0
for f in "$folder"/*.conf; do
	[ "$f" = "$folder/pf.conf" ] && continue
	n=$((n + 1))
	if ! $panel/sbin/pinholed -n -f "$f" >"$dir/said" 2>&1 ||
	    grep -q 'no rule\|anchor' "$dir/said"; then
		echo "FAILED $f"
		cat "$f" "$dir/said"
		bad=1
	fi
done
echo "$n configurations were checked"
cp "$folder/pfSense.0.conf" $panel/etc/pinholed.conf
cp "$folder/pinholed.sh" "$dir/pinholed.sh"
chmod 755 "$dir/pinholed.sh"
leave_rules
is "the script of pfSense starts" "$dir/pinholed.sh" start
is "it has flushed the anchor" not rules
is "the monitor runs" pgrep -F $panel/pinholed.pid pinholed
is "it stops" "$dir/pinholed.sh" stop
is "nothing runs" not pgrep -f '^pinholed:'
is "there was no need for KILL" not test -e $panel/pinholed.pid
"$dir/pinholed.sh" start
pkill -STOP -F $panel/pinholed.pid
leave_rules
is "it stops a monitor that hangs" "$dir/pinholed.sh" stop
sleep 1
is "nothing runs then, either" not pgrep -f '^pinholed:'
is "no rules are left" not rules
rm -rf "$dir" $panel
exit $bad
