#!/bin/sh
# What CMAKE_INSTALL_SYSCONFDIR and its like change: the program, the manuals
# and the units alike.  And how the program is linked.
# usage: install.sh SOURCE PINHOLED GENERATOR
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# has FILE TEXT
has() {
	grep -qF -e "$2" "$1" || {
		echo "$1 has no $2"
		bad=1
	}
}

cmake -G "$3" -S "$1" -B "$dir" -DBUILD_TESTING=OFF \
    -DCMAKE_INSTALL_SYSCONFDIR=/opt/etc \
    -DCMAKE_INSTALL_LOCALSTATEDIR=/opt/var >"$dir/log" 2>&1 || {
	cat "$dir/log"
	exit 1
}
has "$dir/src/version.h" '"/opt/etc/pinholed.conf"'
has "$dir/src/version.h" '"/opt/var/run/pinholed.pid"'
has "$dir/man/pinholed.8" '.It Pa /opt/etc/pinholed.conf'
has "$dir/man/pinholed.8" '.It Pa /opt/var/run/pinholed.sock'
has "$dir/man/pinholed.conf.5" '.Pa /opt/var/'
has "$dir/man/pinholed.conf.5" '.Pa /opt/var/run/pinholed.sock'
# A directory for what runs, and the socket, apart from that of variable data.
cmake -S "$1" -B "$dir" -DCMAKE_INSTALL_RUNSTATEDIR=/run -URUNDIR \
    -UCONTROLSOCK -DCMAKE_INSTALL_PREFIX=/usr >"$dir/log" 2>&1
has "$dir/src/version.h" '"/run/pinholed.pid"'
has "$dir/man/pinholed.8" '.It Pa /run/pinholed.sock'
if [ "$(uname)" = Linux ]; then
	unit=$dir/contrib/systemd/pinholed.service
	has "$unit" 'ExecStart=/usr/sbin/pinholed -d -f /opt/etc/pinholed.conf'
fi
if ! command -v readelf >/dev/null; then
	echo "note: no readelf; -z now was not checked"
elif ! readelf -d "$2" | grep -q BIND_NOW; then
	echo "$2 is not linked with -z now"
	bad=1
fi
exit $bad
