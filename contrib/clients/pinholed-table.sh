#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Change a table of a packet filter elsewhere, with nothing but openssl, od and
# nc: pinholed-tables(7), version 2, so IPv4 only and without an answer.
#
# usage: pinholed-table.sh host table add|delete|flush keyfile [address[/length]]
#
# The key is never an argument of a program, where ps(1) would show it.
set -eu

die() {
	echo "pinholed-table.sh: $*" >&2
	exit 2
}

[ $# -ge 4 ] || die "usage: host table add|delete|flush keyfile [address[/length]]"
host=$1 table=$2 keyfile=$4 address=${5:-0.0.0.0}
port=${PINHOLED_PORT:-56789}
case $3 in
add)	command=1 ;;
delete)	command=2 ;;
flush)	command=3 ;;
*)	die "$3: not add, delete or flush" ;;
esac
[ "$command" = 3 ] || [ $# -eq 5 ] || die "$3 needs one address"
[ ${#table} -le 31 ] || die "$table: longer than 31 bytes"

# byte N...: these bytes.  printf(1) takes them in octal.
byte() {
	for b in "$@"; do
		# shellcheck disable=SC2059
		printf "\\$(printf %03o "$b")"
	done
}

# The numbers 0 to 255 of a dotted quad.
quad() {
	case $1 in
	*[!0-9.]* | *..* | .* | *.) die "$1: not an IPv4 address" ;;
	esac
	old=$IFS
	IFS=.
	# shellcheck disable=SC2086
	set -- $1
	IFS=$old
	[ $# -eq 4 ] || die "not an IPv4 address"
	for b in "$@"; do
		[ "$b" -le 255 ] || die "not an IPv4 address"
	done
	echo "$@"
}

length=32
case $address in
*/*)	length=${address#*/} ;;
esac
case $length in
'' | *[!0-9]*) die "$address: not a prefix" ;;
esac
[ "$length" -le 32 ] || die "$address: not a prefix"
numbers=$(quad "${address%/*}")
now=$(date +%s)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# version, command, 0, prefix length, address, table, time
{
	# shellcheck disable=SC2086
	byte 2 $command 0 "$length" $numbers
	printf %s "$table"
	n=${#table}
	while [ "$n" -lt 32 ]; do
		byte 0
		n=$((n + 1))
	done
	byte $((now >> 24 & 255)) $((now >> 16 & 255)) $((now >> 8 & 255)) \
	    $((now & 255))
} >"$work/text"

# HMAC (RFC 2104): the key is the first 20 bytes of its file, padded to 64.
key=$(od -An -v -tu1 -N20 "$keyfile") || die "$keyfile: cannot be read"
# shellcheck disable=SC2086
set -- $key
[ $# -eq 20 ] || die "$keyfile: a key has at least 20 bytes"
pad() {
	x=$1
	shift
	for b in "$@"; do
		byte $((b ^ x))
	done
	n=20
	while [ "$n" -lt 64 ]; do
		byte "$x"
		n=$((n + 1))
	done
}
{
	pad 54 "$@"
	cat "$work/text"
} | openssl dgst -sha1 -binary >"$work/inner"
{
	pad 92 "$@"
	cat "$work/inner"
} | openssl dgst -sha1 -binary >>"$work/text"

[ "$(wc -c <"$work/text")" -eq 64 ] || die "openssl did not sign"
nc -u -w 1 "$host" "$port" <"$work/text" >/dev/null
