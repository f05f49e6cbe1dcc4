#!/bin/sh
# Everything that OpenWrt's package has, compiled against musl by musl-gcc of
# Debian, and how large the stripped programs are.  The libraries are stand-ins
# with nothing but the names of Debian's, so the programs cannot be run.
# usage: musl.sh FOLDER
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
top=$(cd "$1" && pwd)
inc=$top/include lib=$top/lib
triplet=$(gcc -print-multiarch)

fail() {
	echo "musl.sh: $*" >&2
	exit 1
}

command -v musl-gcc >/dev/null || fail "needs musl-tools"
rm -rf "$inc" "$lib" "$top/build"
mkdir -p "$inc" "$lib/pkgconfig"

# The headers of these libraries and of the kernel, and none of glibc's.
for h in event2 evdns.h event.h evhttp.h evutil.h osipparser2 osip2 pcap \
    pcap.h pcap-bpf.h libmnl nftables bsd linux asm-generic mtd \
    jansson.h jansson_config.h libmd sha2.h md5.h; do
	for d in /usr/include /usr/include/$triplet; do
		[ -e "$d/$h" ] && ln -sf "$d/$h" "$inc/$h"
	done
done
ln -s "/usr/include/$triplet/asm" "$inc/asm"
# stand_in LIBRARY PC-NAME VERSION [FLAGS]: its names, and nothing behind them.
stand_in() {
	so=$(find "/usr/lib/$triplet" -maxdepth 1 \( -name "lib$1.so.[0-9]*" \
	    -o -name "lib$1-[0-9.]*.so.[0-9]*" \) | head -n 1)
	[ -n "$so" ] || fail "no lib$1"
	nm -D --defined-only "$so" | awk '
		$2 ~ /[TWi]/ { t = "@function" }
		$2 ~ /[BDRV]/ { t = "@object" }
		t != "" && !seen[$3 = substr($3, 1, index($3 "@", "@") - 1)]++ {
			printf ".globl %s\n.type %s, %s\n%s:\n", $3, $3, t, $3
			t = ""
		}' >"$top/$1.s"
	musl-gcc -shared -Wl,-z,noexecstack -o "$lib/lib$1.so" -Wl,-soname,"lib$1.so" "$top/$1.s"
	cat >"$lib/pkgconfig/$2.pc" <<P
Name: $2
Description: a stand-in
Version: $3
Libs: -L$lib -l$1
Cflags: ${4-}
P
}
stand_in event_core libevent_core 2.1.12
stand_in event_extra libevent_extra 2.1.12
stand_in osipparser2 libosip2 5.3.0
stand_in pcap libpcap 1.10.3
stand_in mnl libmnl 1.0.4
stand_in nftables libnftables 1.0.6
stand_in jansson jansson 2.14
stand_in bsd libbsd-overlay 0.11.7 "-isystem $inc/bsd -DLIBBSD_OVERLAY"

PKG_CONFIG_LIBDIR=$lib/pkgconfig cmake -S "$source" -B "$top/build" \
    -G Ninja -DCMAKE_C_COMPILER=musl-gcc -DCMAKE_BUILD_TYPE=MinSizeRel \
    -DCMAKE_C_FLAGS="-isystem $inc" -DCMAKE_PREFIX_PATH="$top" \
    -DCMAKE_LIBRARY_PATH="$lib" -DBUILD_TESTING=OFF -DWERROR=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_Curses=ON \
    -DWITH_NFTABLES=ON -DWITH_TABLES=OFF >"$top/cmake.log" 2>&1 ||
    fail "see $top/cmake.log"
nice ninja -C "$top/build" >"$top/build.log" 2>&1 ||
    fail "see $top/build.log"
for p in pinholed pinholectl; do
	f=$(find "$top/build" -name "$p" -type f)
	# pinholectl needs curses, for which there is no stand-in.
	[ -n "$f" ] || continue
	strip -o "$top/$p" "$f"
	readelf -d "$top/$p" | grep -q 'NEEDED.*libc.so' || fail "$p: not musl"
	echo "$p: $(wc -c <"$top/$p") bytes"
done
