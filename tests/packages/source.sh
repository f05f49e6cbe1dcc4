#!/bin/sh
# The source as a tarball, and what comes out of it:
#
# - the version that the tarball is called by is the one that -V prints;
# - built in two folders, all that is installed is the same to the byte;
# - without the optional libraries it builds, says so, and passes its tests;
# - `uninstall` takes away all that `install` has put there.
#
# usage: source.sh [FOLDER]	which keeps what is built; default: none is kept
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
if [ $# -gt 0 ]; then
	mkdir -p "$1"
	top=$(cd "$1" && pwd)
else
	top=$(mktemp -d)
	trap 'rm -rf "$top"' EXIT
fi
# Two builds are to be compared, not two caches.
unset CMAKE_C_COMPILER_LAUNCHER
jobs=${JOBS:-2}

fail() {
	echo "source.sh: $*" >&2
	exit 1
}

# quiet COMMAND...: its output only if it fails
quiet() {
	"$@" >"$top/log" 2>&1 || {
		tail -n 60 "$top/log"
		fail "$*"
	}
}

echo "== the tarball"
quiet cmake -S "$source" -B "$top/config" -DBUILD_TESTING=OFF
(cd "$top" && quiet cpack --config config/CPackSourceConfig.cmake)
tarball=$(cd "$top" && echo pinholed-*.tar.xz)
version=${tarball#pinholed-}
version=${version%.tar.xz}
tar -tf "$top/$tarball" >"$top/list"
! grep -E '/\.git(/|$)|/build(-[^/]*)?(/|$)|__pycache__' "$top/list" ||
    fail "$tarball has what is not source"

for n in one another/one; do
	echo "== built in $n"
	mkdir -p "$top/$n"
	tar -C "$top/$n" -xf "$top/$tarball"
	quiet cmake -S "$top/$n/pinholed-$version" -B "$top/$n/build" \
	    -DCMAKE_INSTALL_PREFIX=/usr -DBUILD_TESTING=OFF
	quiet cmake --build "$top/$n/build" -j "$jobs"
	quiet env DESTDIR="$top/$n/root" cmake --install "$top/$n/build"
	(cd "$top/$n/root" && find . ! -type d -exec sha256sum {} + |
	    sort -k2) >"$top/$n/sums"
done
diff "$top/one/sums" "$top/another/one/sums" ||
    fail "two builds are not the same"
said=$("$top/one/root/usr/sbin/pinholed" -V | sed -n '1s/^pinholed //p')
[ "$said" = "$version" ] || fail "-V says $said, and the tarball $version"

echo "== uninstall"
quiet env DESTDIR="$top/one/root" cmake --build "$top/one/build" \
    --target uninstall
left=$(find "$top/one/root" ! -type d)
[ -z "$left" ] || fail "left behind: $left"

echo "== without the optional libraries"
bare=$top/one/bare
quiet cmake -S "$top/one/pinholed-$version" -B "$bare" -DWERROR=ON \
    -DWITH_NFTABLES=OFF -DWITH_TABLES=OFF -DWITH_PF=OFF
quiet cmake --build "$bare" -j "$jobs"
if ldd "$bare/src/pinholed" | grep -E 'nftables|mnl|crypto'; then
	fail "linked with a library that was not wanted"
fi
quiet ctest --test-dir "$bare" -LE 'live|style' -j "$jobs" --timeout 300
echo 'protect 192.0.2.0/24
tables { listen on 127.0.0.1 port 36789 allow a }' >"$top/conf"
"$bare/src/pinholed" -n -b dry-run -f "$top/conf" >"$top/log" 2>&1 &&
    fail "tables are accepted where they cannot work"
grep -q 'without libcrypto' "$top/log" || fail "no word of libcrypto"
"$bare/src/pinholed" -n -b nftables -f "$top/conf" >"$top/log" 2>&1 || :
grep -q 'nftables' "$top/log" || fail "no word of nftables"
echo "source.sh: OK: $tarball"
