#!/bin/sh
# The spec of the RPM, as far as rpmbuild of another system goes: it is parsed,
# and its version is that of the program.  With a folder, the packages are
# built there, from the tarball, without asking for the packages it needs.
# usage: rpm.sh PINHOLED [FOLDER]
set -eu
pinholed=$1 folder=${2-}
source=$(cd "$(dirname "$0")/../.." && pwd)
spec=$source/contrib/rpm/pinholed.spec

fail() {
	echo "rpm.sh: $*" >&2
	exit 1
}

command -v rpmspec >/dev/null || {
	echo "skipped: no rpmspec"
	exit 77
}
rpmspec -P "$spec" >/dev/null || fail "the spec"
version=$("$pinholed" -V | sed -n 's/^pinholed //p')
tarball=$(rpmspec -P "$spec" | sed -n 's/^Source0: *//p')
[ "${tarball##*/}" = "pinholed-$version.tar.xz" ] ||
    fail "$tarball is not of version $version"
[ -n "$folder" ] || exit 0

mkdir -p "$folder/SOURCES"
top=$(cd "$folder" && pwd)
cmake -S "$source" -B "$top/config" -DBUILD_TESTING=OFF >"$top/cmake.log"
(cd "$top/SOURCES" && cpack --config ../config/CPackSourceConfig.cmake) \
    >"$top/cpack.log"
rpmbuild -bb --nodeps --define "_topdir $top" "$spec" >"$top/log" 2>&1 ||
    fail "see $top/log"
rpm=$(find "$top/RPMS" -name 'pinholed-[0-9]*.rpm')
rpm -qp --qf '%{name} %{version} %{release} %{license}\n' "$rpm"
for f in /etc/pinholed.conf /usr/sbin/pinholed /usr/sbin/pinholectl \
    /usr/lib/systemd/system/pinholed.service \
    /usr/lib/sysusers.d/pinholed.conf; do
	rpm -qlp "$rpm" | grep -qx "$f" || fail "no $f in it"
done
rpm -qcp "$rpm" | grep -qx /etc/pinholed.conf || fail "no file of settings"
echo "rpm.sh: OK"
