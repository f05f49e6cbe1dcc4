#!/bin/sh
# OpenWrt's package: UCI becomes a configuration that the program accepts, the
# init script starts, reloads and checks, and mistakes are told.  rc.common, UCI
# and procd are stand-ins written here; the shell and the program are real.
# usage: openwrt.sh PINHOLED
set -u
pinholed=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
files=$top/contrib/openwrt/net/pinholed/files
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
bad=0
mkdir -p "$dir/lib/functions" "$dir/var"

# A file of UCI is a script of these three.
cat >"$dir/rc.common" <<'P'
config() { section=$2; }
option() { eval "uci_${section}_$1=\$2"; }
list() {
	eval "n=\${uci_${section}_$1_n:-0}"
	n=$((n + 1))
	eval "uci_${section}_$1_n=$n; uci_${section}_$1_$n=\$2"
}
config_load() { . "$dir/$1.uci"; }
config_get() { eval "$1=\${uci_$2_$3-\${4-}}"; }
config_get_bool() {
	config_get "$@"
	eval "case \$$1 in 1|on|true|yes) $1=1 ;; *) $1=0 ;; esac"
}
config_list_foreach() {
	local section=$1 name=$2 f=$3 i=1 n v
	shift 3
	eval "n=\${uci_${section}_${name}_n:-0}"
	while [ "$i" -le "$n" ]; do
		eval "v=\$uci_${section}_${name}_$i"
		"$f" "$v" "$@"
		i=$((i + 1))
	done
}
logger() { shift 5; echo "$*" >&2; }
procd_open_instance() { echo open >>"$dir/log"; }
procd_set_param() { echo "$*" >>"$dir/log"; }
procd_close_instance() { echo close >>"$dir/log"; touch "$dir/running"; }
procd_running() { [ "$1" = pinholed ] && [ -e "$dir/running" ]; }
procd_send_signal() {
	echo "signal $*" >>"$dir/log"
	case $3 in USR2) rm -f "$dir/running" ;; esac
}
start() { start_service; }
stop() { stop_service; echo stop >>"$dir/log"; rm -f "$dir/running"; }
reload() { reload_service; }
. "$dir/init"
"$@"
P
export dir IPKG_INSTROOT="$dir"
cat >"$dir/lib/functions/network.sh" <<'P'
network_get_device() {
	case $2 in
	lan) eval "$1=lo" ;;
	*) return 1 ;;
	esac
}
P
# Without privilege, it asks neither captures nor nftables.
cat >"$dir/pinholed" <<P
#!/bin/sh
if [ "\$(id -u)" = 0 ]; then
	exec setpriv --reuid 65534 --regid 65534 --clear-groups \
	    --inh-caps=-all --bounding-set=-all "$pinholed" "\$@"
fi
exec "$pinholed" "\$@"
P
chmod 755 "$dir/pinholed"
sed -e "s,/usr/sbin/,$dir/," -e "s,/var/,$dir/var/,g" \
    "$files/pinholed.init" >"$dir/init"

wrong() {
	echo "$*"
	echo "--- /etc/config/pinholed:"
	cat "$dir/pinholed.uci"
	echo "--- said:"
	cat "$dir/said"
	echo "--- run:"
	cat "$dir/log"
	bad=1
}

# run COMMAND [STATUS]
run() {
	: >"$dir/log"
	sh -u "$dir/rc.common" "$1" >"$dir/said" 2>&1
	status=$?
	[ "$status" = "${2-0}" ] || wrong "$1: exit status $status"
}
# conf LINE...: what was made, but for its first line.
conf() {
	printf '%s\n' "$@" >"$dir/expected"
	sed 1d "$dir/var/etc/pinholed.conf" |
	    diff "$dir/expected" - || wrong "another pinholed.conf"
}

did() {
	grep -qx -e "$1" "$dir/log" || wrong "did not run: $1"
}

says() {
	grep -qF -e "$1" "$dir/said" || wrong "did not say: $1"
}

uci() {
	cat >"$dir/pinholed.uci"
}

# As shipped: off, and every line of it but the first of use.
cp "$files/pinholed.config" "$dir/pinholed.uci"
run start
[ ! -s "$dir/log" ] || wrong "it starts although it is off"
sed -e "s/enabled '0'/enabled '1'/" -e 's/^\(\t*\)#\(list\|option\) /\1\2 /' \
    -e '/conffile/d' -e '/list line/d' "$files/pinholed.config" | uci
run start
conf 'protect { "192.168.1.0/24" }' 'interface { "lo" }' \
    'sip {' 'port { "5060" }' 'server { "192.168.1.10" }' \
    'media { "192.168.1.10" } port 10000:20000' 'remote "both"' \
    'symmetric { "203.0.113.0/24" }' '}' \
    'ftp {' 'port { "21" }' '}' 'tftp {' 'port { "69" }' '}'
did "command $dir/pinholed -d -f $dir/var/etc/pinholed.conf"
did "term_timeout 30"

# Little, lines as they are, and a reload.
uci <<'U'
config pinholed 'main'
	option enabled '1'
	list interface 'lan'
	list protect '192.168.1.0/24'
	list protect '2001:db8:1::/64'
	list line 'status { listen on 127.0.0.1 port 9508 }'
	list line 'buffer 4m'
config sip 'sip'
	option enabled '1'
	option early_media '0'
	option media_ports '10000:20000'
U
run reload
conf 'protect { "192.168.1.0/24" "2001:db8:1::/64" }' 'interface { "lo" }' \
    'sip {' \
    'media { "192.168.1.0/24" "2001:db8:1::/64" } port 10000:20000' \
    'early media no' '}' 'status { listen on 127.0.0.1 port 9508 }' 'buffer 4m'
did 'signal pinholed \* HUP'
cp "$dir/var/etc/pinholed.conf" "$dir/before"

# mistake TEXT-SAID LINE...: the running service is left alone.
mistake() {
	text=$1
	shift
	{
		printf 'config pinholed main\n\toption enabled 1\n'
		printf '\t%s\n' "$@"
	} | uci
	run reload 1
	says "$text"
	[ ! -s "$dir/log" ] || wrong "it does something: $*"
	cmp -s "$dir/before" "$dir/var/etc/pinholed.conf" ||
	    wrong "the file in use has changed: $*"
	run checkconfig 1
}
good="list protect 192.168.1.0/24"
mistake 'nothing is protected' 'list interface lan'
mistake 'from 0 to 32, not "33"' 'list protect 192.168.1.0/33'
mistake 'protect: "1.2.3.4 }" has a character' "list protect '1.2.3.4 }'"
mistake 'a character that no value has' "list protect '\$(reboot)'"
mistake '"banana"' "$good" 'config sip sip' 'option enabled 1' \
    'option remote banana'
mistake 'media_ports' "$good" 'config sip sip' 'option enabled 1' \
    "option media_ports '1:2 } x'"
mistake 'found "}"' "$good" "list line 'status { }}'"
mistake 'eth77' "$good" 'list interface eth77'

# As in the how-to, with networks of this machine.
awk '/^```uci/ { on = 1; next } /^```/ { on = 0 } on' \
    "$top/doc/howto/phones-home-router.md" | uci
run start
conf 'protect { "192.168.1.0/24" }' 'interface { "lo" }' 'sip {' '}'

# A stop closes all; before an upgrade, the processes leave.
run stop
! grep -q signal "$dir/log" || wrong "a stop sends a signal of ours"
run start
PKG_UPGRADE=1 run stop
printf 'signal pinholed * USR2\nstop\n' | cmp -s - "$dir/log" ||
    wrong "an upgrade is not a leave"
run start

# Off, and a file of one's own.
uci <<'U'
config pinholed 'main'
	option enabled '0'
U
run reload
did stop
printf 'protect 192.0.2.0/24\ninterface lo\n' >"$dir/own.conf"
uci <<U
config pinholed 'main'
	option enabled '1'
	option conffile '$dir/own.conf'
U
run reload
did "command $dir/pinholed -d -f $dir/own.conf"
run checkconfig
says 'configuration OK'

# The Makefile names what there is.
for f in pinholed.init pinholed.config; do
	{ grep -q "\./files/$f" "$files/../Makefile" && [ -e "$files/$f" ]; } ||
	    wrong "no file $f"
done
version=$("$pinholed" -V | sed -n 's/^pinholed //p')
grep -qxF "PKG_VERSION:=$version" "$files/../Makefile" ||
    wrong "PKG_VERSION is not $version"
fw4=contrib/examples/fw4/pinholed.nft
{ grep -q "/$fw4" "$files/../Makefile" && [ -e "$top/$fw4" ]; } ||
    wrong "no line for fw4"
exit $bad
