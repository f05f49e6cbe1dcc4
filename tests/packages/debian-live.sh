#!/bin/sh
# The Debian packages on a system with systemd as its first process: installed,
# started, used for a call and for a file, upgraded during a call, used with
# ufw, and purged without a trace.  The system is made by debootstrap and booted by
# systemd-nspawn, so everything is real but the kernel is this machine's.
#
# usage: debian-live.sh FOLDER OLD NEW
#	FOLDER and versions are those of debian.sh
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
top=$(cd "$1" && pwd)
old=$2 new=$3
mirror=${MIRROR:-http://deb.debian.org/debian}
suite=${SUITE:-bookworm}
sys=$top/sys
container=

fail() {
	echo "debian-live.sh: $*" >&2
	exit 1
}

command -v systemd-nspawn >/dev/null || fail "apt install systemd-container"
if [ ! -e "$top/sys.ready" ]; then
	echo "== debootstrap"
	rm -rf "$sys"
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,\
nftables,ufw,iptables,iproute2,procps,python3,libosip2-15,libevent-core-2.1-7,\
libevent-extra-2.1-7,libevent-openssl-2.1-7,libhiredis0.14,libjansson4,libncursesw6,libtinfo6,libbsd0,libssl3,libmnl0,libnftables1,libpcap0.8 "$suite" "$sys" "$mirror" \
	    >"$top/sys.log" 2>&1 || fail "see $top/sys.log"
	touch "$top/sys.ready"
fi

# in_sys COMMAND...: in the container
in_sys() {
	nsenter -t "$leader" -m -u -i -n -p -- env -i LC_ALL=C.UTF-8 \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
	    DEBIAN_FRONTEND=noninteractive "$@"
}

halt() {
	[ -z "$container" ] || kill "$container" 2>/dev/null || :
	[ -z "$container" ] || wait "$container" || :
}

# Everything there is, but what any system writes as it runs.
list() {
	find "$sys" -xdev \( -path "$sys/proc" -o -path "$sys/sys" -o \
	    -path "$sys/dev" -o -path "$sys/run" -o -path "$sys/tmp" -o \
	    -path "$sys/var/tmp" -o -path "$sys/var/log" -o \
	    -path "$sys/var/cache" -o -path "$sys/var/lib/dpkg" -o \
	    -path "$sys/root" -o -path "$sys/test" -o \
	    -path "$sys/var/lib/systemd" -o -path "$sys/etc/ufw" -o \
	    -path "$sys/var/lib/ufw" \) -prune -o -print |
	    grep -v '/__pycache__' | sort
}

rm -rf "$sys/test"
mkdir "$sys/test"
cp "$top/$old"/*.deb "$top/$new"/*.deb "$sys/test/"
cp -a "$source/tests" "$source/contrib" "$sys/test/"

echo "== boot"
# Its list of system calls is older than Landlock.
systemd-nspawn -q -D "$sys" --register=no --keep-unit --private-network \
    --system-call-filter='landlock_create_ruleset landlock_restrict_self' \
    --console=pipe -b </dev/null >"$top/console.log" 2>&1 &
container=$!
trap halt EXIT
i=0
leader=
until [ "$leader" ] && in_sys systemctl -q is-active multi-user.target \
    2>/dev/null; do
	sleep 0.2
	leader=$(pgrep -P "$container" -x systemd || pgrep -P "$container" || :)
	[ $((i += 1)) -lt 150 ] || fail "does not boot: see $top/console.log"
done
in_sys dpkg -P pinholed pinholed-doc >/dev/null 2>&1 || :
list >"$top/before"

echo "== install $old"
in_sys sh -c "dpkg -i /test/pinholed_${old}_*.deb /test/pinholed-doc_${old}_*.deb" \
    >"$top/install.log" 2>&1 || {
	cat "$top/install.log"
	fail install
}
in_sys id _pinholed >/dev/null || fail "no user _pinholed"
! in_sys systemctl -q is-active pinholed || fail "it runs unconfigured"
in_sys pinholed -V | sed -n 1p
in_sys pinholed -n 2>&1 | grep -q protect || fail "-n misses no protect"
in_sys systemctl start pinholed 2>/dev/null && fail "starts unconfigured"
sleep 6
! in_sys systemctl -q is-failed pinholed || fail "it gives up after seconds"
printf 'interface lo\nprotect 192.0.2.0/24\n' >"$sys/etc/pinholed.conf"
sleep 6
in_sys systemctl -q is-active pinholed || fail "it is not tried again"
in_sys systemctl stop pinholed

echo "== a call, a file, and an upgrade to $new during the call"
in_sys python3 /test/tests/packages/unit.py \
    "dpkg --force-confold -i /test/pinholed_${new}_*.deb >/dev/null" || fail unit.py
# shellcheck disable=SC2016
in_sys dpkg-query -W -f '${Version}\n' pinholed | grep -qxF "$new" ||
    fail "not upgraded"

echo "== a call through the firewall of ufw"
in_sys python3 /test/tests/packages/ufw.py || fail ufw.py

echo "== an upgrade that leaves the old version alone"
main_pid() {
	in_sys systemctl show -P MainPID pinholed
}
# upgraded: once more, to the same version
upgraded() {
	in_sys dpkg --force-confold -i "/test/pinholed_${new}_all.deb" \
	    >"$top/upgrade.log" 2>&1 || fail "see $top/upgrade.log"
}
cp "$sys/test/pinholed_${new}"_*.deb "$sys/test/pinholed_${new}_all.deb"
printf 'interface lo\nprotect 192.0.2.0/24\n' >"$sys/etc/pinholed.conf"
in_sys systemctl enable --now pinholed pinholed-tftp.socket 2>/dev/null
before=$(main_pid)
echo frobnicate >>"$sys/etc/pinholed.conf"
upgraded
grep -q 'the old version goes on' "$top/upgrade.log" ||
    fail "the mistake is not told: see $top/upgrade.log"
in_sys journalctl -n 20 -u pinholed | grep -q '"frobnicate" is not a statement' ||
    fail "the journal does not name the mistake"
[ "$(main_pid)" = "$before" ] || fail "a mistake in the file ends the service"
sed -i '$d' "$sys/etc/pinholed.conf"
printf '#!/bin/sh\nexit 101\n' >"$sys/usr/sbin/policy-rc.d"
chmod +x "$sys/usr/sbin/policy-rc.d"
upgraded
[ "$(main_pid)" = "$before" ] || fail "policy-rc.d is not asked"
rm "$sys/usr/sbin/policy-rc.d"
upgraded
[ "$(main_pid)" != "$before" ] || fail "the old version does not leave"
in_sys systemctl -q is-active pinholed || fail "the new version does not run"

echo "== remove, purge"
in_sys dpkg -r pinholed pinholed-doc >/dev/null
! in_sys systemctl -q is-active pinholed || fail "removed, and it runs"
! in_sys systemctl -q is-active pinholed-tftp.socket ||
    fail "removed, and its socket listens"
! in_sys nft list tables | grep pinholed || fail "a table is left by removal"
[ -e "$sys/etc/pinholed.conf" ] || fail "removal took the configuration away"
in_sys dpkg -P pinholed pinholed-doc >/dev/null
list >"$top/after"
# The user stays, as Debian has it: its files may still be somewhere.
diff "$top/before" "$top/after" || fail "traces are left"
[ ! -e "/proc/$leader/root/run/pinholed" ] || fail "/run/pinholed is left"
! in_sys nft list tables | grep pinholed || fail "a table is left"
echo "debian-live.sh: OK"
