#!/bin/sh
# The program for arm64: compiled by Debian's cross compiler in a chroot, once
# without and once with an emulator, and the tests that need no network
# namespace run by qemu-user.  Needs root, a mirror, and qemu-user-static.
#
# usage: arm64.sh FOLDER
#	FOLDER is that of debian.sh, whose chroot is copied
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
top=$(cd "$1" && pwd)
chroot=$top/arm64
qemu=${QEMU:-$(command -v qemu-aarch64-static || :)}
name=pinholed-arm64-$$
misc=$top/binfmt

fail() {
	echo "arm64.sh: $*" >&2
	exit 1
}

[ -x "$qemu" ] || fail "needs qemu-user-static"
[ -e "$top/build/.ready" ] || fail "needs $top/build, by debian.sh"

# shellcheck disable=SC2317
at_end() {
	[ ! -e "$misc/$name" ] || echo -1 >"$misc/$name"
	for m in "$misc" "$chroot/dev/pts" "$chroot/proc"; do
		! mountpoint -q "$m" || umount "$m"
	done
}
trap at_end EXIT

if [ ! -e "$chroot/.ready" ]; then
	echo "== a chroot with a cross compiler"
	rm -rf "$chroot"
	cp -a "$top/build" "$chroot"
	rm -rf "$chroot/.ready" "$chroot/build"
	cp /etc/resolv.conf "$chroot/etc/"
	chroot "$chroot" dpkg --add-architecture arm64
	wants=$(for p in libc6 libbsd libcmocka libevent libjansson libmnl \
	    libncurses libnftables libosip2 libpcap libssl; do
		echo "$p-dev:arm64"
	done)
	# shellcheck disable=SC2086
	chroot "$chroot" sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y --no-install-recommends "$@"' sh \
	    gcc-aarch64-linux-gnu ninja-build git $wants >"$top/arm64.apt.log" 2>&1 ||
	    fail "see $top/arm64.apt.log"
	touch "$chroot/.ready"
fi

mkdir -p "$misc" "$chroot/dev/pts"
mount -t proc proc "$chroot/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$chroot/dev/pts"
rm -rf "$chroot/src"
mkdir "$chroot/src"
git -C "$source" archive HEAD | tar -x -C "$chroot/src"
cat >"$chroot/arm64.cmake" <<'T'
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
T
in_chroot() {
	chroot "$chroot" env \
	    PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig \
	    sh -euc "cd /src && $1"
}

echo "== without an emulator, as a feed of OpenWrt compiles"
in_chroot 'cmake -S . -B plain -G Ninja -DCMAKE_TOOLCHAIN_FILE=/arm64.cmake \
    -DBUILD_TESTING=OFF -DWERROR=ON && ninja -C plain' >"$top/arm64.plain.log" 2>&1 ||
    fail "see $top/arm64.plain.log"
grep -q 'completions.*no' "$top/arm64.plain.log" || fail "no word of completions"

echo "== with an emulator"
mount -t binfmt_misc binfmt_misc "$misc"
printf '%s' ":$name:M::\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$qemu:OPF" \
    >"$misc/register"
# The kernel runs the emulator by itself; cmake only has to know.
in_chroot 'cmake -S . -B build -G Ninja -DCMAKE_TOOLCHAIN_FILE=/arm64.cmake \
    -DCMAKE_CROSSCOMPILING_EMULATOR=/usr/bin/env -DWERROR=ON &&
    ninja -j2 -C build' >"$top/arm64.build.log" 2>&1 ||
    fail "see $top/arm64.build.log"
# These listen by socket options that qemu-user does not pass on.
in_chroot 'build/src/pinholed -V && ctest --test-dir build -LE "live|style" \
    -E "^(cli|samples|ftp-proxy|daemon|unit-sockets|unit-proxy_tftp)\$" -j2 --timeout 1200' >"$top/arm64.test.log" 2>&1 || {
	grep -A40 'tests passed' "$top/arm64.test.log" || :
	fail "see $top/arm64.test.log"
}
grep 'tests passed' "$top/arm64.test.log"
echo "arm64.sh: OK"
