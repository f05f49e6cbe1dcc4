#!/bin/sh
# The configurations in doc/howto are read by the program as they are shown,
# but for the names of interfaces.  With a second argument, a folder, what pf
# is to read is kept there for freebsd.sh.
# usage: howto.sh PINHOLED [FOLDER]
set -u
pinholed=$1 folder=${2-}
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
bad=0

# With a network of its own.  A chroot allows root that, but no -r.
apart() {
	if [ "$(id -u)" = 0 ]; then
		unshare -n "$@"
	else
		unshare -rn "$@"
	fi
}

check() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		    --inh-caps=-all --bounding-set=-all "$pinholed" -n "$@"
	else
		"$pinholed" -n "$@"
	fi
}

# Each block between fences, in a file that is called by its word.
for page in doc/howto/*.md; do
	awk -v to="$dir/$(basename "$page" .md)" '
		/^```[a-z]/ { file = to "." ++n "." substr($0, 4); next }
		/^```$/ { file = ""; next }
		file != "" { print >file }
	' "$page"
done
# Of root's, as a key has to be: it is not looked at without privilege.
echo 'long enough to be a key' >"$dir/key"
chmod 0 "$dir/key"
count=0
for f in "$dir"/*.pinholed.conf; do
	count=$((count + 1))
	sed -e 's/\<\(em\|eth\|lan\)[0-9]/lo/g' \
	    -e "s,/etc/pinholed\.\(redis\|group\),$dir/key," "$f" >"$dir/conf"
	# The program of Linux has no pf, but the same words.
	backend=
	grep -q '^firewall pf ' "$f" && backend='-b pf-text'
	chmod 644 "$dir/conf"
	# shellcheck disable=SC2086
	check $backend -f "$dir/conf" >"$dir/log" 2>&1 || {
		echo "$(basename "$f"):"
		cat "$dir/conf" "$dir/log"
		bad=1
	}
done
[ "$count" -ge 3 ] || {
	echo "only $count configurations"
	bad=1
}
if command -v nft >/dev/null; then
	for f in "$dir"/*.nft; do
		apart nft -c -f "$f" || bad=1
	done
else
	echo "note: no nft; its files were not read"
fi
# No page shows an option that the program has not.
grep -oh '^pinholed -[a-z].*' "$dir"/*.sh | sort -u | while read -r _ rest; do
	for o in $rest; do
		case $o in
		-*) "$pinholed" -h 2>&1 | grep -q -e "$o" ||
		    "$pinholed" -h 2>&1 | grep -q "\[-[a-zA-Z]*${o#-}" ||
		    echo "no option $o" ;;
		esac
	done
done >"$dir/options"
if [ -s "$dir/options" ]; then
	cat "$dir/options"
	bad=1
fi
if [ -n "$folder" ]; then
	mkdir -p "$folder"
	cp "$dir"/*.pf.conf "$folder"
fi
exit $bad
