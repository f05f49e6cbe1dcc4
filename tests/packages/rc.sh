#!/bin/sh
# The rc.d scripts of FreeBSD and OpenBSD: what they run, in which order, and
# when they flush the anchor.  pinholed and pfctl are scripts that write down
# how they were called, /etc/rc.subr is a stand-in.  freebsd.sh has the same
# with what is real.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/packages
dir=$(mktemp -d)
bad=0
# shellcheck disable=SC2317
at_end() {
	[ -s "$dir/pid" ] && kill -9 "$(cat "$dir/pid")" 2>/dev/null
	rm -rf "$dir"
}
trap at_end EXIT

wrong() {
	echo "$system: $*"
	echo "--- what was run:"
	cat "$dir/log"
	echo "--- what was said:"
	cat "$dir/said"
	bad=1
}

# The program: -n checks, otherwise a process that ends by TERM.
cat >"$dir/pinholed" <<'P'
#!/bin/sh
dir=$(dirname "$0")
echo "pinholed $*" >>"$dir/log"
case " $* " in
*' -n '*)
	[ ! -e "$dir/broken" ] || {
		echo "pinholed.conf:1:1: broken"
		exit 1
	}
	echo "configuration OK"
	exit 0
	;;
esac
[ ! -e "$dir/dead" ] || exit 2
sh "$dir/body" "$dir" </dev/null >/dev/null 2>&1 &
while [ ! -s "$dir/pid" ]; do sleep 0.05; done
P
cat >"$dir/body" <<'P'
dir=$1
trap 'echo HUP >>"$dir/log"' HUP
trap 'echo USR2 >>"$dir/log"; rm "$dir/pid"; exit 0' USR2
trap 'echo TERM >>"$dir/log"; sleep 0.3; rm "$dir/pid"; echo ended >>"$dir/log"; exit 0' TERM
echo $$ >"$dir/pid.new"
mv "$dir/pid.new" "$dir/pid"
n=0
while [ $n -lt 300 ]; do
	sleep 0.1
	n=$((n + 1))
done
P
cat >"$dir/pfctl" <<P
#!/bin/sh
echo "pfctl \$*" >>"$dir/log"
P
chmod 755 "$dir/pinholed" "$dir/pfctl"

# did COMMAND EXPECTED-STATUS LINE...: what was run, in this order.
did() {
	what=$1 expected=$2
	shift 2
	: >"$dir/log"
	PATH="$dir:$PATH" "$dir/script" "$what" >"$dir/said" 2>&1
	status=$?
	# A signal that is on its way.
	[ "$what" != reload ] || sleep 0.3
	[ "$status" = "$expected" ] || wrong "$what: exit status $status"
	printf '%s\n' "$@" | sed '/^$/d' >"$dir/expected"
	cmp -s "$dir/log" "$dir/expected" || {
		wrong "$what: should have run"
		cat "$dir/expected"
	}
}

said() {
	grep -q "$1" "$dir/said" || wrong "did not say: $1"
}

killed() {
	kill -9 "$(cat "$dir/pid")"
	rm "$dir/pid"
	sleep 0.1
}

freebsd() {
	system=freebsd
	subr=$here/stand-in/freebsd.subr
	sed -e "s,%%PREFIX%%/sbin,$dir,; s,%%PREFIX%%/etc,$dir,
	    s,\. /etc/rc.subr,. $subr,; s,/var/run/\${name}.pid,$dir/pid,
	    s,/sbin/pfctl,$dir/pfctl,; s/^required_modules.*//" \
	    "$top/contrib/freebsd/net/pinholed/files/pinholed.in" >"$dir/script"
	chmod 755 "$dir/script"
	: >"$dir/pinholed.conf"
	rc_conf=$dir/rc.conf
	export rc_conf
	check="pinholed -n -f $dir/pinholed.conf"
	flush="pfctl -q -a pinholed -F nat
pfctl -q -a pinholed -F rules"

	: >"$rc_conf"
	did start 0
	said "Set pinholed_enable to"
	echo 'pinholed_enable=YES pinholed_flags=-v' >"$rc_conf"
	did checkconfig 0 "$check"
	did status 1
	did start 0 "$check" "$flush" \
	    "pinholed -v -f $dir/pinholed.conf -p $dir/pid"
	did status 0
	did start 1
	did reload 0 "$check" HUP
	: >"$dir/broken"
	did reload 1 "$check"
	said 'pinholed.conf:1:1: broken'
	did restart 1 "$check"
	did status 0
	rm "$dir/broken"
	did restart 0 "$check" TERM ended "$flush" "$check" "$flush" \
	    "pinholed -v -f $dir/pinholed.conf -p $dir/pid"
	did upgrade 0 "$check" USR2 "$check" \
	    "pinholed -v -f $dir/pinholed.conf -p $dir/pid"
	did status 0
	# A daemon that does not start closes nothing either.
	: >"$dir/dead"
	did upgrade 1 "$check" USR2 "$check" \
	    "pinholed -v -f $dir/pinholed.conf -p $dir/pid" "$flush"
	did status 1
	rm "$dir/dead"
	did start 0 "$check" "$flush" \
	    "pinholed -v -f $dir/pinholed.conf -p $dir/pid"
	: >"$dir/broken"
	did upgrade 1 "$check"
	did status 0
	rm "$dir/broken"
	did stop 0 TERM ended "$flush"
	did status 1
	did upgrade 1 "$check"
	: >"$dir/broken"
	did start 1 "$check"
	rm "$dir/broken"
	# Where it was killed, a stop still takes its rules away.
	did start 0 "$check" "$flush" \
	    "pinholed -v -f $dir/pinholed.conf -p $dir/pid"
	killed
	did stop 0 "$flush"
	echo 'pinholed_anchor=voice/pinholed' >>"$rc_conf"
	did stop 0 "$(echo "$flush" | sed 's,-a pinholed,-a voice/pinholed,')"
	echo 'pinholed_anchor=NO' >>"$rc_conf"
	did stop 0
	rm "$dir/pinholed.conf"
	did start 1
	said 'pinholed.conf'
}

openbsd() {
	system=openbsd
	subr=$here/stand-in/openbsd.subr
	# pgrep of Linux has no -q.
	cat >"$dir/pgrep" <<-'P'
		#!/bin/sh
		[ "$1" = -q ] && shift
		exec /usr/bin/pgrep "$@" >/dev/null
	P
	chmod 755 "$dir/pgrep"
	sed -e "s,\${TRUEPREFIX}/sbin,$dir,; s,\${SYSCONFDIR},$dir,
	    s,\. /etc/rc.d/rc.subr,. $subr,
	    s,^pexp=.*,pexp='sh $dir/body $dir'," -e '1s/ksh/sh/' \
	    "$top/contrib/openbsd/net/pinholed/pkg/pinholed.rc" >"$dir/script"
	chmod 755 "$dir/script"
	: >"$dir/pinholed.conf"
	check="pinholed -n -f $dir/pinholed.conf"
	flush="pfctl -q -a pinholed -F rules"
	start="pinholed -f $dir/pinholed.conf"

	did configtest 0 "$check"
	did check 1
	did start 0 "$check" "$flush" "$start"
	did check 0
	did start 0
	did reload 0 "$check" HUP
	: >"$dir/broken"
	did reload 1 "$check"
	said 'pinholed.conf:1:1: broken'
	rm "$dir/broken"
	did stop 0 TERM ended "$flush"
	did start 0 "$check" "$flush" "$start"
	killed
	did stop 0 "$flush"
	did check 1
}

freebsd
openbsd
exit $bad
