/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/conf_unit.h"

#define BACKENDS "\"nftables\", \"pf\", \"pf-text\" or \"dry-run\""
#define NOTHING                                                                \
	"nothing is protected; write which addresses are behind "              \
	"this firewall: protect { 192.0.2.0/24 }\n"

/* clang-format off */
static const struct {
	const char *text;
	const char *errors;	/* all of them */
} bad[] = {
	/* Statements. */
	{ "portect 192.0.2.0/24\n",
	    "x:1:1: \"portect\" is not a statement; did you mean \"protect\"?\n"
	    "x:2:1: " NOTHING },
	{ P "frobnicate { a\n b } c\n",
	    "x:2:1: \"frobnicate\" is not a statement\n" },
	{ "protect 192.0.2.0/24 2001:db8::/64\n",
	    "x:1:22: expected a statement or the end of the line, "
	    "found \"2001:db8::/64\"\n" },
	{ P P,
	    "x:2:1: \"protect\" is already set on line 1\n" },
	{ "",
	    "x:1:1: " NOTHING },
	{ "# nothing",
	    "x:1:10: " NOTHING },
	{ "sip {\n}\n",
	    "x:3:1: " NOTHING },
	{ P "interface\n",
	    "x:2:10: expected an interface (quote a keyword), "
	    "found end of line\n" },
	{ P "interface sip\n",
	    "x:2:11: expected an interface (quote a keyword), "
	    "found the keyword \"sip\"\n" },
	{ P "interface \"\"\n",
	    "x:2:11: expected the name of an interface, found \"\"\n" },
	{ P "interface sixteen_bytes_if\n",
	    "x:2:11: the name of an interface has at most 15 bytes\n" },
	{ P "interface { em0\n\"em 1\" }\n",
	    "x:3:1: expected the name of an interface, found \"em 1\"\n" },
	{ P "user \"a b\"\n",
	    "x:2:6: a user name consists of letters, digits and \"_.-\"\n" },
	{ P "user root\n",
	    "x:2:6: the engine and the proxy must not run as \"root\"\n" },
	{ P "control pinholed.sock\n",
	    "x:2:9: expected a path that begins with \"/\", "
	    "found \"pinholed.sock\"\n" },
	{ P "control no\ncontrol /x\n",
	    "x:3:1: \"control\" is already set on line 2\n" },
	{ P "control none\n",
	    "x:2:9: expected a path that begins with \"/\", "
	    "found \"none\"\n" },
	{ P "state no\n",
	    "x:2:7: expected a path that begins with \"/\", "
	    "found \"no\"\n" },
	{ P "buffer 4\nbuffer 2048m",
	    "x:2:8: expected a size from 64k to 1024m, found \"4\"\n"
	    "x:3:1: \"buffer\" is already set on line 2\n" },
	{ P "buffer 1025m\n",
	    "x:2:8: expected a size from 64k to 1024m, found \"1025m\"\n" },
	{ P "}\nuser x y\n",
	    "x:2:1: expected a statement or the end of the line, found \"}\"\n"
	    "x:3:8: expected a statement or the end of the line, "
	    "found \"y\"\n" },
	{ P "include \"other.conf\"\n",
	    "x:2:9: \"include\" works in files only\n" },
	{ P "include\ninclude log\n",
	    "x:2:8: expected a file name in quotes, found end of line\n"
	    "x:3:9: expected a file name in quotes, "
	    "found the keyword \"log\"\n" },
	/* Lists and addresses. */
	{ "protect { }\n",
	    "x:1:9: this list is empty\n" },
	{ "protect {\n\n\n}",
	    "x:1:9: this list is empty\n" },
	{ "protect { 192.0.2.0/24\nsip {\n}\n",
	    "x:2:1: expected an address or a prefix or \"}\", "
	    "found the keyword \"sip\"\n" },
	{ "protect { 192.0.2.0/24\n",
	    "x:1:9: this \"{\" is never closed\n" },
	{ "protect { 192.0.2.0/33 192.0.2.256 ::g/64 pbx.example.org , , }\n",
	    "x:1:61: expected an address or a prefix or \"}\", "
	    "found \",\"\n" },
	{ "protect { 192.0.2.0/33 192.0.2.256 ::g/64 pbx.example.org }\n",
	    "x:1:11: the length of an IPv4 prefix is from 0 to 32, not "
	    "\"33\"\n"
	    "x:1:24: expected an address or a prefix, found \"192.0.2.256\"\n"
	    "x:1:36: expected an address or a prefix, found \"::g/64\"\n"
	    "x:1:43: expected an address or a prefix (names are not "
	    "resolved), found \"pbx.example.org\"\n" },
	{ "protect { ::/129 ::1/ 10.0.0.0/8/8 /24 }\n",
	    "x:1:11: the length of an IPv6 prefix is from 0 to 128, not "
	    "\"129\"\n"
	    "x:1:18: the length of an IPv6 prefix is from 0 to 128, not "
	    "\"\"\n"
	    "x:1:23: the length of an IPv4 prefix is from 0 to 32, not "
	    "\"8/8\"\n"
	    "x:1:36: expected an address or a prefix, found \"/24\"\n" },
	{ "protect 0.0.0.0/0\n",
	    "x:1:1: \"protect\" cannot be every address there is\n" },
	{ P "protect = 10.0.0.0/8\nsip { server 10.0.0.1 "
	    "media { 10.1.0.0/16 } }\n",
	    "x:3:7: server 10.0.0.1 is not inside \"protect\"\n"
	    "x:3:23: media 10.1.0.0/16 is not inside \"protect\"\n" },
	/* sip */
	{ P "sip port 5060\n",
	    "x:2:5: expected \"{\", found the keyword \"port\"\n" },
	{ P "sip {\n\tprot 5060\n\tport { 5061 0 65536 }\n}\n",
	    "x:3:2: \"prot\" is not a setting of \"sip\"; "
	    "did you mean \"port\"?\n"
	    "x:4:14: expected a port from 1 to 65535, found \"0\"\n"
	    "x:4:16: expected a port from 1 to 65535, found \"65536\"\n" },
	{ P "sip {\n\tport 1 port 2\n}\nsip { }\n",
	    "x:3:9: \"port\" is already set on line 3\n"
	    "x:5:1: \"sip\" is already set on line 2\n" },
	{ P "sip { early media maybe }\n",
	    "x:2:19: expected \"yes\" or \"no\", found \"maybe\"\n" },
	{ P "sip { early media\n}\n",
	    "x:2:18: expected \"yes\" or \"no\", found end of line\n" },
	{ P "sip { early yes\nhold on\nredirect }\n",
	    "x:2:13: expected \"media\", found \"yes\"\n"
	    "x:3:6: expected \"keep\" or \"close\", "
	    "found the keyword \"on\"\n"
	    "x:4:10: expected \"yes\" or \"no\", found \"}\"\n" },
	{ P "sip { hold open redirect 1 }\n",
	    "x:2:12: expected \"keep\" or \"close\", found \"open\"\n"
	    "x:2:26: expected \"yes\" or \"no\", found \"1\"\n" },
	{ P "sip { remote any latch yes }\n",
	    "x:2:18: \"latch\" needs to know who may send: it goes with "
	    "\"remote\" both, sdp or signalling\n" },
	{ P "sip { redirect yes }\n",
	    "x:2:7: \"redirect\" needs a line "
	    "\"external ADDRESS for ADDRESS\"\n" },
	{ P "sip { media 192.0.2.1 port 20000:10000 }\n",
	    "x:2:28: 20000 is more than 10000\n" },
	{ P "sip { media 192.0.2.1 port 1023:2000 }\n",
	    "x:2:28: ports below 1024 are never opened\n" },
	{ P "sip { media 192.0.2.1 port 10000- timeout idle 5 }\n",
	    "x:2:28: expected a range of ports as in 10000:20000, "
	    "found \"10000-\"\n" },
	{ P "sip { media 192.0.2.1 port { 1 2 } }\n",
	    "x:2:28: expected a range of ports as in 10000:20000, "
	    "found \"{\"\n" },
	{ P "sip { remote sdp,any }\n",
	    "x:2:17: expected a setting of \"sip\" or \"}\", found \",\"\n" },
	{ P "sip { remote both_ }\nsip",
	    "x:2:14: expected \"both\", \"sdp\", \"signalling\", \"any\" or a "
	    "list of prefixes, found \"both_\"\n"
	    "x:3:4: expected \"{\", found end of line\n" },
	{ P "sip { external 203.0.113.10 to 192.0.2.10\n"
	    "external pbx for 192.0.2.10\n"
	    "external 203.0.113.10 for 2001:db8::1\n"
	    "external 203.0.113.10 for 198.51.100.1 }\n",
	    "x:2:29: expected \"for\", found the keyword \"to\"\n"
	    "x:3:10: expected an address (names are not resolved), "
	    "found \"pbx\"\n"
	    "x:4:27: \"203.0.113.10\" and \"2001:db8::1\" are of different "
	    "families\n"
	    "x:5:10: 198.51.100.1, which \"external\" stands for, is not "
	    "inside \"protect\"\n" },
	{ P "sip { external 203.0.113.10 for 198.51.100.1 }\n",
	    "x:2:16: 198.51.100.1, which \"external\" stands for, is not "
	    "inside \"protect\"\n" },
	{ P "sip { limit\nlimit per 5\nlimit calls 0 rate -1 streams 17\n"
	    "timeout 5\ntimeout idle 1h setup\n}\n",
	    "x:2:12: expected \"calls\", \"per source\", \"rate\" or "
	    "\"streams\", found end of line\n"
	    "x:3:11: expected \"source\", found \"5\"\n"
	    "x:4:13: expected a number from 1 to 1000000, found \"0\"\n"
	    "x:4:20: expected a number from 0 to 1000000, found \"-1\"\n"
	    "x:4:31: expected a number from 1 to 16, found \"17\"\n"
	    "x:5:9: expected \"setup\", \"idle\" or \"max\", found \"5\"\n"
	    "x:6:14: expected a number from 1 to 86400, found \"1h\"\n"
	    "x:6:22: expected a number, found end of line\n" },
	{ P "cpu-latency -1\n",
	    "x:2:13: expected any or a number from 0 to 1000000, found "
	    "\"-1\"\n" },
	{ P "cpu-latency 1000001\n",
	    "x:2:13: expected any or a number from 0 to 1000000, found "
	    "\"1000001\"\n" },
	{ P "cpu-latency all\n",
	    "x:2:13: expected any or a number from 0 to 1000000, found "
	    "\"all\"\n" },
	{ P "sip {\nport 5060\n",
	    "x:2:5: this \"{\" is never closed\n" },
	/* ftp and tftp */
	{ P "ftp {\nproxy 127.0.0.1\n"
	    "proxy on localhost port ftp reverse 10.0.0.1\n"
	    "proxy on ::1 port 8021 source-port 21 max 5\n"
	    "proxy on ::1 port 8021 source 192.0.2.1 anonymous\n"
	    "anonymous only }\n",
	    "x:3:7: expected \"on\", found \"127.0.0.1\"\n"
	    "x:4:25: expected a number, found the keyword \"ftp\"\n"
	    "x:5:36: expected 20, found \"21\"\n"
	    "x:5:43: expected \"sessions\", found \"5\"\n"
	    "x:6:50: expected \"only\", found end of line\n"
	    "x:7:1: expected a setting of \"ftp\" or \"}\", "
	    "found the keyword \"anonymous\"\n" },
	{ P "ftp {\nproxy on localhost port 0\n"
	    "proxy on ::1 port 8021 source 192.0.2.1\n"
	    "proxy on ::1 port 8021 source 192.0.2.1 reverse to 192.0.2.2\n"
	    "}",
	    "x:3:10: expected an address (names are not resolved), "
	    "found \"localhost\"\n"
	    "x:3:25: expected a port from 1 to 65535, found \"0\"\n"
	    "x:4:24: \"source\" is not of the same family as the server\n"
	    "x:5:41: the server is not of the same family as the proxy\n"
	    "x:5:10: there is a proxy on [::1]:8021 already\n" },
	{ P "tftp { allow execute\nfile { }\nloose\n"
	    "proxy on 127.0.0.1 port 69 anonymous only source-port 20 "
	    "reverse to 10.0.0.1 timeout 5 timeout 6 tag \"a b\" }\n",
	    "x:2:14: expected \"read\" or \"write\", found \"execute\"\n"
	    "x:3:6: this list is empty\n"
	    "x:4:1: expected a setting of \"tftp\" or \"}\", "
	    "found the keyword \"loose\"\n"
	    "x:5:28: \"anonymous\" is for ftp, not tftp\n"
	    "x:5:43: \"source-port\" is for ftp, not tftp\n"
	    "x:5:58: \"reverse\" is for ftp, not tftp\n"
	    "x:5:88: \"timeout\" is already set on line 5\n"
	    "x:5:102: a tag consists of letters, digits and \"_.-\"\n" },
	/* tables */
	{ P "tables { }\n",
	    "x:2:1: \"tables\" needs a line \"listen on ADDRESS\"\n"
	    "x:2:1: \"tables\" needs a line \"allow { TABLE ... }\" or "
	    "\"force TABLE\"\n" },
	{ P "tables { listen on 192.0.2.1 allow spammer }\n",
	    "x:2:10: without a \"key\" anybody could change the tables: "
	    "listen on 127.0.0.1 or ::1\n" },
	{ P "tables { listen on ::1 port 0\nkey a\nkey \"n\" \"f\"\n"
	    "key n\"$\" /f allow { a;b log } force \"\"\n"
	    "force thirty_two_bytes_are_one_too_many }\n",
	    "x:2:29: expected a port from 1 to 65535, found \"0\"\n"
	    "x:3:5: expected a path that begins with \"/\", found \"a\"\n"
	    "x:4:9: expected a path that begins with \"/\", found \"f\"\n"
	    "x:5:6: expected a path that begins with \"/\", found \"$\"\n"
	    "x:5:10: \"/f\" is not a setting of \"tables\"\n"
	    "x:6:7: the name of a table has at most 31 bytes\n" },
	{ P "tables { listen on ::1 allow { a;b }\nallow { log } force \"\"\n"
	    "key /a key /b key \"k\" /c key \"k\" /d }\n",
	    "x:2:32: the name of a table consists of letters, digits and "
	    "\"_.-/\"\n"
	    "x:3:9: expected a table (quote a keyword) or \"}\", "
	    "found the keyword \"log\"\n"
	    "x:3:1: \"allow\" is already set on line 2\n"
	    "x:4:12: there is a key \"\" already\n"
	    "x:4:30: there is a key \"k\" already\n" },
	{ P "tables { listen on ::1 allow { a/b a/b/c /a a//c a/b/c/d } }\n",
	    "x:2:32: the name of a table has no \"/\", or is "
	    "family/table/set\n"
	    "x:2:42: the name of a table has no \"/\", or is "
	    "family/table/set\n"
	    "x:2:45: the name of a table has no \"/\", or is "
	    "family/table/set\n"
	    "x:2:50: the name of a table has no \"/\", or is "
	    "family/table/set\n" },
	/* firewall */
	/* share */
	{ P "share redis \"::1\" group \"a\"\n",
	    "x:2:13: expected a server as in \"192.0.2.1:6379\", or the path "
	    "of a socket, found \"::1\"\n" },
	{ P "share redis \"[::1\" group \"a\"\n",
	    "x:2:13: expected a server as in \"192.0.2.1:6379\", or the path "
	    "of a socket, found \"[::1\"\n" },
	{ P "share redis \"localhost\"\n",
	    "x:2:13: expected a server as in \"192.0.2.1:6379\", or the path "
	    "of a socket, found \"localhost\"\n"
	    "x:2:1: \"share\" needs the name of a group: group \"NAME\"\n" },
	{ P "share redis \"192.0.2.1:0\" group \"a b\"\n",
	    "x:2:13: expected a server as in \"192.0.2.1:6379\", or the path "
	    "of a socket, found \"192.0.2.1:0\"\n"
	    "x:2:33: the name of a group consists of letters, digits and "
	    "\"_.-\"\n" },
	{ P "ftp { }\nshare redis \"192.0.2.1\" group \"a\"\n",
	    "x:3:1: \"share\" needs a \"sip\" block, for it shares calls\n" },
	{ P "share redis \"192.0.2.1\" group "
	    "\"a0123456789012345678901234567890\"\n",
	    "x:2:31: \"a0123456789012345678901234567890\" has more than 31 "
	    "bytes\n" },
	{ P "share redis \"/run/r\" group a tls { }\n",
	    "x:2:30: there is no TLS on a unix socket\n"
	    "x:2:30: \"tls\" needs the certificate of whoever signs that of "
	    "the server: ca \"FILE\"\n" },
	{ P "share redis \"192.0.2.1\" group a tls { ca \"/c\"\n"
	    "certificate \"/d\" name \"a b\" }\n",
	    "x:3:23: expected the name or the address of a host, found "
	    "\"a b\"\n"
	    "x:3:1: a certificate needs its key: key \"FILE\"\n" },
	{ P "share redis \"192.0.2.1\" group a\n"
	    "	tls { ca \"/c\" key \"/d\" }\n",
	    "x:3:2: expected a statement or the end of the line, found the "
	    "keyword \"tls\"\n" },
	{ P "share redis \"192.0.2.1\" group a tls { ca \"/c\" key \"/d\" "
	    "} tls { ca \"/c\" }\n",
	    "x:2:58: \"tls\" is already set on line 2\n"
	    "x:2:64: \"ca\" is already set on line 2\n"
	    "x:2:47: a key needs its certificate: certificate \"FILE\"\n" },
	{ P "share redis \"192.0.2.1\" group a tls { cas \"/c\" }\n",
	    "x:2:39: \"cas\" is not a setting of \"tls\"; did you mean "
	    "\"ca\"?\n"
	    "x:2:33: \"tls\" needs the certificate of whoever signs that of "
	    "the server: ca \"FILE\"\n" },
	/* hep */
	{ P "inline { }\n",
	    "x:2:1: nothing is held without \"inline yes\" in the \"sip\" "
	    "block\n" },
	{ P "sip { inline yes }\ninline { queue 0 }\nfirewall pf\n",
	    "x:3:10: no rule of pf diverts to port 0\n" },
	{ P "sip { inline maybe }\n",
	    "x:2:14: expected \"yes\" or \"no\", found \"maybe\"\n" },
	{ P "inline { queue 65536 hold 0 fail over }\n",
	    "x:2:16: expected a number from 0 to 65535, found \"65536\"\n"
	    "x:2:27: expected a number from 1 to 1000, found \"0\"\n"
	    "x:2:34: expected \"open\" or \"closed\", found \"over\"\n"
	    "x:2:1: nothing is held without \"inline yes\" in the \"sip\" "
	    "block\n" },
	{ P "hep { }\n",
	    "x:2:1: \"hep\" needs a line \"from { ADDRESS ... }\"\n"
	    "x:2:1: \"hep\" needs a line \"listen on ADDRESS\"\n" },
	{ P "ftp {}\nhep { listen on ::1 from ::1 }\n",
	    "x:3:1: \"hep\" needs a \"sip\" block, for it brings SIP\n" },
	{ P "hep { listen on 192.0.2.1 from 192.0.2.10 }\n",
	    "x:2:7: without a \"key\" anybody who forges an address could "
	    "open pinholes: listen on 127.0.0.1 or ::1\n" },
	{ P "hep { listen on ::1 port 0 from here\nkey a\n}\n",
	    "x:2:26: expected a port from 1 to 65535, found \"0\"\n"
	    "x:2:33: expected an address or a prefix (names are not "
	    "resolved), found \"here\"\n"
	    "x:3:5: expected a path that begins with \"/\", found \"a\"\n" },
	{ P "hep { listen on ::1 from ::1 key /a key /b }\nhep { }\n",
	    "x:2:37: \"key\" is already set on line 2\n"
	    "x:3:1: \"hep\" is already set on line 2\n" },

	{ P "firewall\nfirewall iptables\n",
	    "x:2:9: expected " BACKENDS ", found end of line\n"
	    "x:3:10: expected " BACKENDS ", found \"iptables\"\n" },
	{ P "firewall iptables table x\n",
	    "x:2:10: expected " BACKENDS ", found \"iptables\"\n" },
	{ P "firewall nftables anchor \"x\" mark 0 states\n",
	    "x:2:19: \"anchor\" is for pf, not for nftables\n"
	    "x:2:35: expected a mark from 0x1 to 0xffffffff, found \"0\"\n"
	    "x:2:37: \"states\" is for pf, not for nftables\n" },
	{ P "firewall nftables table \"1; flush ruleset\"\n",
	    "x:2:25: the name of a table consists of letters, digits and "
	    "\"_.-\"\n" },
	{ P "firewall nftables table \"1\"\n",
	    "x:2:25: the table of nftables begins with a letter and has no "
	    "\".\"\n" },
	{ P "firewall nftables mark 0x100000000 mark 1 loge\n",
	    "x:2:24: expected a mark from 0x1 to 0xffffffff, "
	    "found \"0x100000000\"\n"
	    "x:2:36: \"mark\" is already set on line 2\n"
	    "x:2:43: \"loge\" is not an option of \"firewall\"; "
	    "did you mean \"log\"?\n" },
	{ P "firewall nftables hook \"firewalld filter_FORWARD\" log\n",
	    "x:2:24: expected a chain as in \"inet firewalld filter_FORWARD\", found \"firewalld filter_FORWARD\"\n"
	    "x:2:51: \"log\" is for pf, not for nftables\n" },
	{ P "firewall nftables hook { \"ip a b\" \"bridge a b\", \"inet a b c\",\n"
	    "\"ip 1a b\" \"inet a b;c\" }\n",
	    "x:2:35: expected a chain as in \"inet firewalld filter_FORWARD\", found \"bridge a b\"\n"
	    "x:2:49: expected a chain as in \"inet firewalld filter_FORWARD\", found \"inet a b c\"\n"
	    "x:3:1: expected a chain as in \"inet firewalld filter_FORWARD\", found \"ip 1a b\"\n"
	    "x:3:11: expected a chain as in \"inet firewalld filter_FORWARD\", found \"inet a b;c\"\n" },
	{ P "firewall nftables hook { \"ip a b\" \"ip a b\" }\n",
	    "x:2:35: \"ip a b\" is in this list already\n" },
	{ P "firewall nftables hook { \"ip a 1\" \"ip a a\" \"ip a b\" \"ip a c\"\n"
	    "\"ip a d\" \"ip a e\" \"ip a f\" \"ip a g\" \"ip a h\" }\n",
	    "x:3:37: more than 8 chains\n" },
	{ P "firewall nftables hook \"inet pinholed forward\"\n",
	    "x:2:19: \"inet pinholed forward\" is in our own table\n" },
	{ P "firewall pf hook \"inet a b\" hook\n",
	    "x:2:13: \"hook\" is for nftables, not for pf\n"
	    "x:2:33: expected a chain as in \"inet firewalld filter_FORWARD\", found end of line\n" },
	{ P "firewall pf table x kill maybe rules states dialect netbsd\n",
	    "x:2:13: \"table\" is for nftables, not for pf\n"
	    "x:2:26: expected \"yes\" or \"no\", found \"maybe\"\n"
	    "x:2:38: the mode is already set on line 2\n"
	    "x:2:53: expected \"freebsd\" or \"openbsd\", "
	    "found \"netbsd\"\n" },
	{ P "firewall pf anchor \"/a\" tag \"a b\" queue table\n",
	    "x:2:20: an anchor has a name before and behind each \"/\"\n"
	    "x:2:29: a tag consists of letters, digits and \"_.-\"\n"
	    "x:2:41: expected a name (quote a keyword), "
	    "found the keyword \"table\"\n" },
	{ P "reply-to (em0 gw)\n",
	    "x:2:15: expected an address (names are not resolved), "
	    "found \"gw\"\n" },
	{ P "on em0 reply-to (em1 192.0.2.1)\nreply-to em0\n"
	    "reply-to (em0 gw\non em0\n",
	    "x:2:18: answers to what comes in on \"em0\" cannot leave by "
	    "\"em1\"\n"
	    "x:3:10: expected \"(\", found \"em0\"\n"
	    "x:4:17: expected \")\", found end of line\n"
	    "x:5:7: expected \"reply-to\", found end of line\n" },
	{ P "reply-to (em0 192.0.2.1)\nreply-to (em0 2001:db8::1)\n"
	    "reply-to (em1 192.0.2.1)\nreply-to (em0 192.0.2.9)\n",
	    "x:5:11: \"em0\" already has a gateway for IPv4\n" },
	/* Macros. */
	{ P "pbx = 192.0.2.10\nsip { server $pxb\n media $nowhere }\n",
	    "x:3:14: macro \"pxb\" is not defined; did you mean \"pbx\"?\n"
	    "x:4:8: macro \"nowhere\" is not defined\n" },
	{ P "pbx = 192.0.2.10.1\nsip { server { $pbx } }\n",
	    "x:3:16: expected an address or a prefix, found \"192.0.2.10.1\" "
	    "(in macro \"pbx\")\n" },
	{ P "a = \"$a\"\nuser $a\n",
	    "x:3:6: macro \"a\" contains itself\n" },
	{ P "a = \"$b\"\nb = \"$a\"\nuser $a\n",
	    "x:4:6: macro \"a\" contains itself\n" },
	{ P "a = { 1 2 }\nb =\nc = 1 }\nd-e = 1\nuser $\n",
	    "x:2:5: expected a value, found \"{\"\n"
	    "x:3:4: expected a value, found end of line\n"
	    "x:4:7: expected the end of the value; quote a list: "
	    "name = \"{ a b }\", found \"}\"\n"
	    "x:5:1: the name of a macro consists of at most 31 letters, "
	    "digits and \"_\"\n"
	    "x:6:6: expected the name of a macro after \"$\"\n" },
	{ P "= 5\nuser = 5 =\n",
	    "x:2:1: expected a statement or the end of the line, found \"=\"\n"
	    "x:3:10: expected the end of the value; quote a list: "
	    "name = \"{ a b }\", found \"=\"\n" },
	/* Bytes. */
	{ P "user \"abc\nuser x\n",
	    "x:2:6: this quote is never closed\n"
	    "x:3:1: \"user\" is already set on line 2\n" },
	{ P "# \001\nuser a\033[2Jb\n",
	    "x:2:3: control byte 0x01\n"
	    "x:3:7: control byte 0x1b\n"
	    "x:3:8: expected a statement or the end of the line, "
	    "found \"[2Jb\"\n" },
	{ P "user \"\033[2J\"\nbuffer \"\303\251\"\ncontrol \303\251\n",
	    "x:2:7: control byte 0x1b\n"
	    "x:3:8: expected a size from 64k to 1024m, found \"\\xc3\\xa9\"\n"
	    "x:4:9: byte 0xc3 outside quotes and comments\n"
	    "x:4:10: byte 0xa9 outside quotes and comments\n"
	    "x:4:11: expected a file name in quotes, found end of line\n" },
	{ P "user a\\b\nuser\\ \n",
	    "x:2:7: expected the end of the line after \"\\\"\n"
	    "x:2:8: expected a statement or the end of the line, "
	    "found \"b\"\n"
	    "x:3:5: expected the end of the line after \"\\\"\n"
	    "x:3:7: expected a name (quote a keyword), found end of line\n" },
};
/* clang-format on */

static void
each_mistake_is_named_with_its_place(void **state)
{
	struct conf *c;
	size_t i, wrong = 0;

	(void)state;
	for (i = 0; i < ROWS(bad); i++) {
		assert_int_equal(parse(&c, bad[i].text, NULL, 0),
		    PH_EMALFORMED);
		assert_null(c);
		if (strcmp(said, bad[i].errors) == 0)
			continue;
		print_message("--- the text\n%s--- expected\n%s--- found\n%s",
		    bad[i].text, bad[i].errors, said);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void
errors_do_not_go_on_for_ever(void **state)
{
	static char many[200000];
	struct conf *c;
	size_t i, n, lines = 0;

	(void)state;
	for (i = 0; i < 1000; i++)
		memcpy(many + 4 * i, "foo\n", 4);
	many[4 * i] = '\0';
	assert_int_equal(parse(&c, many, NULL, 0), PH_EMALFORMED);
	for (i = 0; said[i] != '\0'; i++)
		lines += said[i] == '\n';
	assert_int_equal(lines, 101);
	assert_string_equal(said + i - strlen("x: too many errors\n"),
	    "x: too many errors\n");

	/* A list without end. */
	n = (size_t)snprintf(many, sizeof(many), "protect {");
	for (i = 0; i < 16385; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, " ::%zx", i);
	snprintf(many + n, sizeof(many) - n, " }");
	assert_int_equal(parse(&c, many, NULL, 0), PH_EMALFORMED);
	assert_string_equal(strchr(said, ' '),
	    " more than 16384 entries in all lists together\n");

	/* Braces within braces. */
	memset(many, '{', 20000);
	memcpy(many, "protect ", 8);
	many[20000] = '\0';
	assert_int_equal(parse(&c, many, NULL, 0), PH_EMALFORMED);

	/* Macros that double each time. */
	n = (size_t)snprintf(many, sizeof(many), "m0 = \"::1\"\n");
	for (i = 1; i < 30; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n,
		    "m%zu = \"$m%zu $m%zu\"\n", i, i - 1, i - 1);
	snprintf(many + n, sizeof(many) - n, "user { $m29 }\n");
	assert_int_equal(parse(&c, many, NULL, 0), PH_EMALFORMED);

	/* Macros in macros in macros. */
	n = (size_t)snprintf(many, sizeof(many), "m0 = \"::1\"\n");
	for (i = 1; i < 100; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n,
		    "m%zu = \"$m%zu\"\n", i, i - 1);
	snprintf(many + n, sizeof(many) - n, "protect $m99\n");
	assert_int_equal(parse(&c, many, NULL, 0), PH_EMALFORMED);
	assert_non_null(strstr(said, "is nested too deeply\n"));
	/* ... and a good number of them is fine. */
	snprintf(many + n, sizeof(many) - n, "protect $m20\n");
	conf_free(good(many));
}

static void
bytes_of_all_kinds_are_read(void **state)
{
	static const char text[] = "protect ::1\nuser a\0b\n";
	struct conf *c;
	char big[1500];
	FILE *f = fmemopen(said, sizeof(said), "w");

	(void)state;
	assert_non_null(f);
	assert_int_equal(conf_parse(&c,
			     (struct span) { text, sizeof(text) - 1 }, "x",
			     NULL, 0, f),
	    PH_EMALFORMED);
	fclose(f);
	assert_string_equal(said,
	    "x:2:7: control byte 0x00\n"
	    "x:2:8: expected a statement or the end of the line, "
	    "found \"b\"\n");

	/* Lines may end as on other systems, and the last need not end. */
	conf_free(good("protect {\r\n::1 # caf\303\251\r\n}\r\nuser \\\r\nx"));

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(parse(&c, big, NULL, 0), PH_EMALFORMED);
	assert_non_null(strstr(said, "x:1:1: a word of more than 1023 bytes"));
	big[0] = big[sizeof(big) - 2] = '"';
	assert_int_equal(parse(&c, big, NULL, 0), PH_EMALFORMED);
	assert_non_null(strstr(said, "x:1:1: more than 1023 bytes in quotes"));
}

/*
 * Files.
 */
static char dir[] = "/tmp/test_conf.XXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* Load `name`; of what was said, "DIR/" is cut out. */
static enum ph_err
load(struct conf **c, const char *name)
{
	FILE *f = fmemopen(said, sizeof(said), "w");
	size_t n = strlen(dir) + 1;
	char path[256], *at;
	enum ph_err rc;

	assert_non_null(f);
	said[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	rc = conf_load(c, path, NULL, 0, f);
	fclose(f);
	while ((at = strstr(said, dir)) != NULL)
		memmove(at, at + n, strlen(at + n) + 1);
	return rc;
}

static void
files_include_files(void **state)
{
	char deep[32], text[64];
	struct conf *c;
	int i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "%s/sub", dir);
	assert_int_equal(mkdir(text, 0700), 0);

	/* Relative to the file that says so; macros are common. */
	write_file("a", "x = ::1\ninclude \"sub/b\" # b\nuser $y");
	write_file("sub/b", "include \"../c\"\ny = _who");
	write_file("c", "protect $x");
	assert_int_equal(load(&c, "a"), PH_OK);
	assert_string_equal(said, "");
	assert_prefixes(&c->protect, "::1");
	assert_string_equal(c->user, "_who");
	conf_free(c);

	/* An error is where it is. */
	write_file("c", "\n\nprotect ::g\nprotect ::h");
	assert_int_equal(load(&c, "a"), PH_EMALFORMED);
	assert_string_equal(said,
	    "sub/../c:3:9: expected an address or a prefix, "
	    "found \"::g\"\n"
	    "sub/../c:4:1: \"protect\" is already set on line 3\n");

	/* In circles. */
	write_file("c", "protect ::1\ninclude \"a\"\n");
	assert_int_equal(load(&c, "a"), PH_EMALFORMED);
	assert_string_equal(said,
	    "sub/../c:2:9: cannot include \"sub/../a\": "
	    "it includes itself\n");

	/* Nowhere, or a directory. */
	write_file("a", "protect ::1\ninclude nowhere\ninclude sub\n");
	assert_int_equal(load(&c, "a"), PH_EMALFORMED);
	assert_string_equal(said,
	    "a:2:9: cannot include \"nowhere\": No such file or directory\n"
	    "a:3:9: cannot include \"sub\": Is a directory\n");
	assert_int_equal(load(&c, "nowhere"), PH_EIO);
	assert_string_equal(said, "nowhere: No such file or directory\n");

	/* A file closes the blocks that it opens. */
	write_file("a", "protect ::1\ninclude c\n}\n");
	write_file("c", "sip {\n");
	assert_int_equal(load(&c, "a"), PH_EMALFORMED);
	assert_string_equal(said, "c:1:5: this \"{\" is never closed\n");
	write_file("c", "sip {\ninclude a\n}\n");
	assert_int_equal(load(&c, "a"), PH_EMALFORMED);
	assert_string_equal(said,
	    "c:2:1: expected a setting of \"sip\" or \"}\", "
	    "found the keyword \"include\"\n"
	    "a:3:1: expected a statement or the end of the line, "
	    "found \"}\"\n");

	/* Sixteen deep. */
	for (i = 0; i < 20; i++) {
		snprintf(deep, sizeof(deep), "d%d", i);
		snprintf(text, sizeof(text), "include \"d%d\"\n", i + 1);
		write_file(deep, i == 19 ? "protect ::1\n" : text);
	}
	assert_int_equal(load(&c, "d4"), PH_OK);
	conf_free(c);
	assert_int_equal(load(&c, "d3"), PH_EMALFORMED);
	assert_non_null(strstr(said, "nested too deeply\n"));
}

static void
a_file_has_at_most_one_mebibyte(void **state)
{
	static char text[1024 * 1024 + 2];
	struct conf *c;

	(void)state;
	memset(text, '#', sizeof(text) - 1);
	memcpy(text, "protect ::1\n", 12);
	write_file("big", text);
	assert_int_equal(load(&c, "big"), PH_EMALFORMED);
	assert_string_equal(said, "big: larger than 1 MiB\n");
	assert_int_equal(parse(&c, text, NULL, 0), PH_EMALFORMED);
	assert_string_equal(said, "x: larger than 1 MiB\n");
	text[1024 * 1024] = '\0';
	write_file("big", text);
	assert_int_equal(load(&c, "big"), PH_OK);
	conf_free(c);
}

static int
remove_files(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return strchr(dir, 'X') == NULL ? system(command) : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_named_with_its_place),
		cmocka_unit_test(errors_do_not_go_on_for_ever),
		cmocka_unit_test(bytes_of_all_kinds_are_read),
		cmocka_unit_test(files_include_files),
		cmocka_unit_test(a_file_has_at_most_one_mebibyte),
	};

	return cmocka_run_group_tests(tests, NULL, remove_files);
}
