#!/bin/sh
# contrib/ftp-proxy: what each flag becomes, and that pinholed understands it.
# usage: ftp-proxy.sh PINHOLED
set -u
pinholed=$1
wrapper=$(dirname "$0")/../contrib/ftp-proxy
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# In place of pinholed: says how it was called, and the configuration.
cat >"$dir/fake" <<'EOF'
#!/bin/sh
echo "run: $*"
for file; do :; done
cat "$file"
EOF
chmod +x "$dir/fake"

# run PROGRAM FIREWALL [flag...]
run() {
	program=$1 firewall=$2
	shift 2
	PINHOLED=$program PINHOLED_RUNDIR=$dir PINHOLED_FIREWALL=$firewall \
	    "$wrapper" "$@" 2>&1
}

# want LINE [flag...]: one of the lines that the flags make.
want() {
	line=$1
	shift
	out=$(run "$dir/fake" 'pf anchor "x"' "$@")
	if ! echo "$out" | grep -qxF -e "$line"; then
		echo "ftp-proxy $*: no line \"$line\" in:"
		echo "$out"
		bad=1
	fi
	# And the real one reads it.
	if ! out=$(run "$dir/check" 'pf-text anchor "x"' "$@"); then
		echo "ftp-proxy $*: pinholed says:"
		echo "$out"
		bad=1
	fi
}

# As pinholed -n, whatever else it is given.
cat >"$dir/check" <<EOF
#!/bin/sh
for file; do :; done
exec "$pinholed" -n -b dry-run -f "\$file"
EOF
chmod +x "$dir/check"

# refuse PATTERN [flag...]
refuse() {
	pattern=$1
	shift
	if out=$(run "$dir/fake" dry-run "$@") ||
	    ! echo "$out" | grep -q -e "$pattern"; then
		echo "ftp-proxy $*: should say $pattern, says:"
		echo "$out"
		bad=1
	fi
}

tab=$(printf '\t')
p="${tab}proxy on 127.0.0.1 port 8021"
want "$p"
want "run: -p $dir/ftp-proxy-8021.pid -f $dir/ftp-proxy-8021.conf"
want "protect { 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 }"
want "control \"$dir/ftp-proxy-8021.sock\""
want "firewall pf anchor \"x\""
want "${tab}proxy on ::1 port 8021" -6
want "protect { 2000::/3 fc00::/7 }" -6
want "$p anonymous only" -A
want "$p source 192.0.2.1" -a 192.0.2.1
want "${tab}proxy on 192.0.2.1 port 8021" -b 192.0.2.1
want "${tab}proxy on 2001:db8::1 port 8021" -6 -b 2001:db8::1
want "run: -v -p $dir/ftp-proxy-8021.pid -f $dir/ftp-proxy-8021.conf" -D 7
want "run: -p $dir/ftp-proxy-8021.pid -f $dir/ftp-proxy-8021.conf" -D 5
want "run: -d -p $dir/ftp-proxy-8021.pid -f $dir/ftp-proxy-8021.conf" -d
want "$p max sessions 500" -m 500
want "${tab}proxy on 127.0.0.1 port 8022" -p 8022
want "$p queue \"q\"" -q q
want "$p tag \"t\"" -T t
want "firewall pf anchor \"x\" log" -v
want "firewall pf anchor \"x\" log" -vv
want "$p reverse to 10.0.0.2" -R 10.0.0.2
want "protect { 10.0.0.2 }" -R 10.0.0.2
want "$p reverse to 10.0.0.2 port 2121" -P 2121 -R 10.0.0.2
want "$p source-port 20" -r
want "$p timeout 600" -t 600
want "$p timeout 86400" -t 0
want "$p reverse to 10.0.0.2 port 21 anonymous only max sessions 9" \
    -A -m 9 -P 21 -R 10.0.0.2 -d
refuse usage: -x
refuse usage: here
refuse "-P is for -R" -P 21
refuse "not a number" -m '1 }'
refuse "not a number" -p ''
refuse "not an address" -R 'localhost'
refuse "not an address" -b '127.0.0.1 port 1'
refuse "not a name" -T 'x" log "'
if ! run "$dir/fake" 'nftables table "x"' -v | grep -q 'is for pf'; then
	echo "ftp-proxy -v: not a word about nftables"
	bad=1
fi
exit $bad
