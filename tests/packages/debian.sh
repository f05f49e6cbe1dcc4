#!/bin/sh
# The Debian packages, as Debian would make them: in a chroot that debootstrap
# has made, by dpkg-buildpackage, judged by lintian.  Needs root, debootstrap
# and a mirror.
#
# usage: debian.sh FOLDER [VERSION]
#	FOLDER/build is the chroot, made if it is not there; FOLDER/VERSION has
#	the packages.  VERSION is 1.0.0~rc1-1 unless another is given, as for a test
#	of upgrades.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
top=$(cd "$1" && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
suite=${SUITE:-bookworm}
chroot=$top/build

fail() {
	echo "debian.sh: $*" >&2
	exit 1
}

for tool in debootstrap cmake; do
	command -v "$tool" >/dev/null || fail "apt install $tool"
done

if [ ! -e "$chroot/.ready" ]; then
	echo "== debootstrap"
	rm -rf "$chroot"
	wants=$(sed -n '/^Build-Depends:/,/^[A-Z]/{
		/^[A-Z]/{/^Build-Depends:/!d}
		s/^Build-Depends://
		s/(.*)//
		s/<.*>//
		s/|.*//
		s/:any//
		s/[ ,]//g
		/^debhelper-compat$/d
		/^dh-sequence-/d
		p
	}' "$source/contrib/debian/control" | grep . | paste -sd,)
	debootstrap --variant=minbase \
	    --include="build-essential,fakeroot,debhelper,lintian,perl-openssl-defaults,$wants" \
	    "$suite" "$chroot" "$mirror" >"$top/debootstrap.log" 2>&1 ||
	    fail "see $top/debootstrap.log"
	touch "$chroot/.ready"
fi

echo "== the source package"
work=$chroot/build
rm -rf "$work"
mkdir -p "$work"
# A config of its own: it only packs what is there.
cmake -S "$source" -B "$top/config" -DBUILD_TESTING=OFF >"$top/cmake.log"
(cd "$top" && cpack --config config/CPackSourceConfig.cmake) >"$top/cpack.log"
tarball=$(cd "$top" && echo pinholed-*.tar.xz)
upstream=${tarball#pinholed-}
upstream=${upstream%.tar.xz}
# Debian sorts 1.0.0~rc1 before 1.0.0.
debian=$(echo "$upstream" | sed 's/-rc/~rc/')
version=${2:-$debian-1}
tar -C "$work" -xf "$top/$tarball"
mv "$top/$tarball" "$work/pinholed_$debian.orig.tar.xz"
tree=$work/pinholed-$upstream
cp -a "$tree/contrib/debian" "$tree/debian"
if [ "$version" != "$debian-1" ]; then
	sed -e "1s/(.*)/($version)/" -e 's/First package/For a test/' \
	    "$tree/debian/changelog" >"$work/entry"
	cat "$work/entry" "$source/contrib/debian/changelog" \
	    >"$tree/debian/changelog"
fi

echo "== dpkg-buildpackage"
mount -t proc proc "$chroot/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$chroot/dev/pts"
trap 'umount "$chroot/dev/pts" "$chroot/proc"' EXIT
# No network: a build that wants one fails.
unshare -n sh -c 'ip link set lo up && exec "$@"' sh \
    chroot "$chroot" sh -c "cd /build/pinholed-$upstream &&
    DEB_BUILD_OPTIONS='parallel=${JOBS:-2} ${DEB_BUILD_OPTIONS-}' \
    dpkg-buildpackage -us -uc" >"$top/build.log" 2>&1 || {
	tail -n 60 "$top/build.log"
	fail "see $top/build.log"
}
# All root's, and nothing that others can write to or run as root.
for deb in "$work"/*.deb; do
	dpkg-deb -c "$deb" | awk '
		$1 !~ /^l/ && ($2 != "root/root" || $1 ~ /[sS]/ ||
		    substr($1, 6, 1) == "w" || substr($1, 9, 1) == "w") {
			print
			bad = 1
		}
		END { exit bad }' || fail "modes in $deb"
done
mkdir -p "$top/$version"
cp "$work"/*.deb "$work"/*.dsc "$work"/*.changes "$top/$version/"

# The entry in the changelog of another version is no more than a number.
if [ "$version" = "$debian-1" ]; then
	echo "== lintian"
	chroot "$chroot" sh -c "cd /build && lintian --allow-root \
	    --fail-on error,warning --display-info ./*.changes" || fail lintian
fi
echo "debian.sh: OK: $top/$version"
