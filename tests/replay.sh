#!/bin/sh
# Replay one folder of test-pcaps and compare the events, byte for byte; where
# there is a file `explained`, also what a person is told who asks twice; where
# there are files `story.CALL-ID`, also the stories of those calls.
#
# usage: replay.sh PINHOLED FOLDER	(UPDATE=1 rewrites FOLDER/expected)
set -u
pinholed=$1 folder=$2
want=0
[ -f "$folder/status" ] && want=$(cat "$folder/status")
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$pinholed" -r "$folder/input.pcap" -f "$folder/pinholed.conf" -o json >"$out"
status=$?
if [ "${UPDATE-}" ]; then
	cp "$out" "$folder/expected"
fi
diff -u "$folder/expected" "$out" || exit 1
if [ "$status" != "$want" ]; then
	echo "exit status $status, expected $want"
	exit 1
fi
if [ -f "$folder/explained" ]; then
	"$pinholed" -r "$folder/input.pcap" -f "$folder/pinholed.conf" \
	    -b dry-run -o text -vv >"$out" 2>/dev/null
	[ -z "${UPDATE-}" ] || cp "$out" "$folder/explained"
	diff -u "$folder/explained" "$out" || exit 1
fi
for story in "$folder"/story.*; do
	[ -f "$story" ] || continue
	"$pinholed" -r "$folder/input.pcap" -f "$folder/pinholed.conf" \
	    --explain "${story##*/story.}" >"$out" || exit 1
	[ -z "${UPDATE-}" ] || cp "$out" "$story"
	diff -u "$story" "$out" || exit 1
done
