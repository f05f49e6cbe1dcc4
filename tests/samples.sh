#!/bin/sh
# The sample configuration and the examples are read as they are shipped: each
# statement of the sample by itself, all of them together, and each word of the
# grammar is in it.  The rulesets load, as far as the kernel lets us ask it.
# usage: samples.sh PINHOLED
set -u
pinholed=$1
cd "$(dirname "$0")/.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
bad=0
lo=lo0
[ "$(uname)" = Linux ] && lo=lo

wrong() {
	echo "$1"
	bad=1
}

# With a network of its own.  A chroot allows root that, but no -r.
apart() {
	if [ "$(id -u)" = 0 ]; then
		unshare -n "$@"
	else
		unshare -rn "$@"
	fi
}

# As somebody without privilege, who is not asked for keys and captures.
check() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		    --inh-caps=-all --bounding-set=-all \
		    "$pinholed" -n -i $lo -f "$@"
	else
		"$pinholed" -n -i $lo -f "$@"
	fi
}

# ok WHAT [argument...]: what is in $dir/conf is a configuration.
ok() {
	what=$1
	shift
	check "$dir/conf" "$@" >"$dir/log" 2>&1 &&
	    grep -q '^configuration OK$' "$dir/log" && return
	wrong "$what:"
	cat "$dir/conf" "$dir/log"
}

# Ports, addresses and files that a test may have.
fit() {
	sed -e "s,/etc/pinholed\.local,$dir/local," \
	    -e "s,/etc/pinholed\.key,$dir/key," \
	    -e "s,/etc/pinholed\.redis,$dir/key," \
	    -e "s,/etc/pinholed\.group,$dir/key," \
	    -e "s,/etc/pinholed\.\(ca\|crt\)\(\.key\)*,$dir/key,g" \
	    -e "s,/etc/pinholed\.hep,$dir/key," -e 's/port 9060/port 29060/' \
	    -e 's/source 192\.0\.2\.1/source 127.0.0.1/' \
	    -e 's/port 802\([0-9]\)/port 2802\1/' \
	    -e 's/port 6969/port 26969/' -e 's/port 56789/port 26789/' \
	    -e 's/^user _pinholed/user nobody/' -e '/^interface/d'
}

echo '# nothing' >"$dir/local"
echo 'long enough to be a key' >"$dir/key"
chmod 644 "$dir/local"
chmod 0 "$dir/key"
sample=contrib/pinholed.conf.sample

# As shipped it says nothing, and that protect is missing.
fit <$sample >"$dir/conf"
chmod 644 "$dir/conf"
check "$dir/conf" 2>&1 | grep -q protect || wrong "$sample: protect not missed"
ok "$sample, with -D protect" -D protect=192.0.2.0/24

# All of it, with one packet filter and with the other.
for other in nftables pf-text; do
	sed -n 's/^#\([^ ]\)/\1/p' $sample | grep -v "^firewall $other" |
	    fit >"$dir/conf"
	ok "$sample, without # and $other"
done

# Each block and each line outside of blocks; then each line in its block.
awk -v dir="$dir" '
	/^#[^ ]/ { sub(/^#/, "") }
	/^[a-z]+ \{$/ { block = $0; text = ""; n++ }
	block != "" {
		text = text $0 "\n"
		if ($0 == "}") {
			printf "%s", text >(dir "/statement." n)
			block = ""
		} else if ($0 !~ /#/ && $0 != block) {
			print block "\n" $0 "\n}" >(dir "/statement." n "." ++m)
		}
		next
	}
	/^[a-z]/ { print >(dir "/statement." ++n) }
' $sample
count=0
for f in "$dir"/statement.*; do
	count=$((count + 1))
	{
		grep -q '^protect' "$f" || echo 'protect 192.0.2.0/24'
		sed '/^}$/d' "$f"
		# Statements that a block of tables, or of hep, must have.
		if grep -q '^tables' "$f"; then
			grep -q 'listen on' "$f" ||
			    echo 'listen on 127.0.0.1 port 56789'
			grep -q 'allow\|force' "$f" || echo 'allow a'
		fi
		if grep -q '^hep' "$f"; then
			grep -q 'listen on' "$f" ||
			    echo 'listen on 127.0.0.1 port 9060'
			grep -q 'from' "$f" || echo 'from 192.0.2.10'
		fi
		! grep -q '{$' "$f" || echo '}'
		! grep -q '^inline' "$f" || echo 'sip { inline yes }'
	} | fit >"$dir/conf"
	chmod 644 "$dir/conf"
	ok "$sample: ${f##*/}"
done
[ "$count" -ge 40 ] || wrong "$sample: $count statements, which is too few"

# Each word of the grammar.
sed -n '/^line       =/,/^\.Ed/s/"\([a-z][a-z-]*\)"/\n\1\n/gp' \
    man/pinholed.conf.5 | grep -x '[a-z][a-z-]*[a-z]' | sort -u >"$dir/words"
[ "$(wc -l <"$dir/words")" -gt 60 ] || wrong "the manual has lost its grammar"
while read -r word; do
	grep -qw -e "$word" $sample || wrong "$sample does not have: $word"
done <"$dir/words"

for f in contrib/examples/*.pinholed.conf; do
	sed 's/^firewall pf /firewall pf-text /' "$f" | fit >"$dir/conf"
	ok "$f"
done

if command -v nft >/dev/null; then
	for f in contrib/examples/*.nft; do
		apart nft -c -f "$f" || wrong "$f"
	done
	# As fw4 reads it.
	{
		echo 'table inet fw4 { chain forward {'
		cat contrib/examples/fw4/pinholed.nft
		printf '}\n}\n'
	} >"$dir/fw4"
	apart nft -c -f "$dir/fw4" || wrong fw4
else
	echo "note: no nft; its files were not read"
fi
exit $bad
