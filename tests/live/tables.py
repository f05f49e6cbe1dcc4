# SPDX-License-Identifier: ISC
"""Signed datagrams change real sets.  Each scenario is one test."""
import hashlib
import hmac
import ipaddress
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from net import (Daemon, FW_IN, PBX, check, conf, name, passes,
                 until)
from scenarios import media, scenario, signalling
from sip import Call, sdp

PORT = 56789
CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../../contrib/clients")
SETS = """
table inet filter {
    set spammer  { type ipv4_addr; flags interval, timeout; }
    set spammer6 { type ipv6_addr; flags interval, timeout; }
    set second   { type ipv4_addr; flags interval, timeout; }
    set blocked  { type ipv4_addr; flags timeout; }
    set plain    { type ipv4_addr; }
}
add rule inet filter input udp dport 56789 accept
"""
TABLES = """
tables {{
    listen on {at}
    key "{key}"
    key "other" "{other}"
    allow {{ spammer blocked plain {allow} }}
    {more}
}}
"""


def old(version, command, prefix, table, key, when=None):
    net = ipaddress.ip_network(prefix)
    text = struct.pack(">BBxB4s32sI", version, command, net.prefixlen,
                       net.network_address.packed, table.encode(),
                       int(when or time.time()))
    return text + hmac.new(key[:20], text, hashlib.sha1).digest()


class World:
    """A firewall with sets, keys, and a daemon that listens."""

    def __init__(self, net, more="timeout 600", allow="", at=FW_IN, sip=""):
        self.net = net
        net.run("fw", "nft", "-f", "-", text=SETS)
        self.key, self.other = os.urandom(20), os.urandom(33)
        self.files = []
        for which, secret in (("key", self.key), ("other", self.other)):
            path = f"/run/{net.tag}.{which}"
            with open(path, "wb") as f:
                os.fchmod(f.fileno(), 0o600)
                f.write(secret)
            self.files.append(path)
        self.state = f"/run/{net.tag}.state"
        self.conf = conf(sip, TABLES.format(
            at=at, key=self.files[0], other=self.files[1], allow=allow,
            more=more), state=self.state)
        self.at = at
        self.start()

    def start(self):
        self.d = self.net.pinholed("-v", conf=self.conf)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        for path in (*self.files, self.state, self.state + ".tables"):
            if os.path.exists(path):
                os.unlink(path)

    def run(self, *argv, text=None, where="in", expect=0):
        done = subprocess.run([*self.net.enter(where), *argv], input=text,
                              capture_output=True, text=True, timeout=30,
                              check=False)
        check(done.returncode == expect,
              f"{argv} ended with {done.returncode}: {done.stderr}")
        return done.stderr

    def client(self, *argv, key=0, options=(), **more):
        binary = os.path.join(os.path.dirname(Daemon.binary),
                              "../contrib/clients/pinholed-table")
        names = ("-n", "other") if key == 1 else ()
        return self.run(binary, "-k", self.files[key], *names, *options,
                        self.at, *argv, **more)

    def elements(self, which):
        """The set as {element: seconds left, or None}."""
        text = self.net.run("fw", "nft", "list", "set", "inet", "filter",
                            which)
        found = re.search(r"elements = \{(.*?)\}", text, re.S)
        if not found:
            return {}
        left = {}
        for e in found.group(1).split(","):
            words = e.split()
            left[words[0]] = words[words.index("expires") + 1] \
                if "expires" in words else None
        return left

    def has(self, which, *want):
        until(lambda: set(self.elements(which)) == set(want), 3,
              f"{which} to be {want}: {self.elements(which)}")

    def send(self, *datagrams):
        s = self.net.socket("in", PBX, 0)
        for d in datagrams:
            s.sendto(d, (self.at, PORT))
        s.close()

    def counter(self, what):
        seen = len(self.d.log)
        self.d.proc.send_signal(signal.SIGUSR1)

        def found():
            for line in self.d.log[seen:]:
                m = re.search(rf"tables: .*\b{what}=(\d+)", line)
                if m:
                    return m
            return None
        until(found, 3, f"counter {what}: {self.d.log}")
        return int(found().group(1))


@scenario()
def tables_by_the_c_client(net):
    with World(net, more="timeout 600\nnever { 203.0.113.0/24 }") as w:
        w.client("spammer", "add", "198.51.100.7", "198.51.96.0/23",
                 "2001:db8:9::/48")
        w.has("spammer", "198.51.100.7", "198.51.96.0/23")
        w.has("spammer6", "2001:db8:9::/48")
        check(w.elements("spammer")["198.51.100.7"].startswith("9m"),
              w.elements("spammer"))
        w.client("spammer", "delete", "198.51.96.0/23", "2001:db8:9::/48")
        w.has("spammer", "198.51.100.7")
        w.has("spammer6")
        w.client("spammer", "flush")
        w.has("spammer")
        # The other key, by its name.
        w.client("blocked", "add", "198.51.100.8", key=1)
        w.has("blocked", "198.51.100.8")
        # A list, more than fits into a datagram.
        many = [f"198.51.{i // 200}.{i % 200 + 2}" for i in range(1000)]
        w.client("blocked", "add", "-",
                 text="# a list\n" + "\n".join(many) + "  # the end\n")
        check(len(w.elements("blocked")) == 1001, "a thousand")
        w.client("blocked", "flush")
        # Refused entries, and the client's words for it.
        why = w.client("spammer", "add", "198.51.100.9", "203.0.113.7",
                       expect=1)
        check("203.0.113.7: refused: an address that is never" in why and
              "198.51.100.9" not in why, why)
        w.has("spammer", "198.51.100.9")
        why = w.client("spammer", "add", "203.0.0.0/8", expect=1)
        check("never" in why, why)
        why = w.client("spammer", "add", FW_IN, expect=1)
        check("never" in why, f"our own: {why}")
        why = w.client("spammer", "add", "0.0.0.0/0", expect=1)
        check("length 0" in why, why)
        why = w.client("spam", "add", "198.51.100.9", expect=1)
        check("no such table" in why, why)
        why = w.client("blocked", "add", "198.51.96.0/23", expect=1)
        check("packet filter has refused" in why, f"a set of hosts: {why}")
        w.client("spammer", "add", "nonsense", expect=2)
        w.client("spammer", "add", expect=2)
        w.client("spammer", "add", "198.51.100.9", options=("-p", "9",
                                                            "-w", "1"),
                 expect=3)


@scenario(needs=("perl", "php", "openssl", "nc"))
def tables_by_the_other_clients(net):
    with World(net) as w:
        for i, client in enumerate((
                [sys.executable, "pinholed_table.py", "-k", w.files[0]],
                ["perl", "pinholed-table.pl", "-k", w.files[0]])):
            client[1] = os.path.join(CLIENTS, client[1])
            a = f"198.51.100.{i + 20}"
            w.run(*client, "-t", "60", FW_IN, "spammer", "add", a,
                  "2001:db8:9::/48")
            w.has("spammer", a)
            w.has("spammer6", "2001:db8:9::/48")
            check(re.match("(1m|59s)", w.elements("spammer")[a]),
                  w.elements("spammer"))
            w.run(*client, FW_IN, "spammer", "delete", "2001:db8:9::/48")
            w.has("spammer6")
            w.run(*client, FW_IN, "spammer", "flush")
            w.has("spammer")
            why = w.run(*client, FW_IN, "spammer", "add", PBX, expect=1)
            check("never" in why, why)
            w.run(*client, FW_IN, "spammer", "add", "x", expect=2)
        php = ("php", os.path.join(CLIENTS, "pinholed_table.php"), FW_IN,
               "spammer")
        w.run(*php, "add", w.files[0], "198.51.100.30", "2001:db8:9::1")
        w.has("spammer", "198.51.100.30")
        w.has("spammer6", "2001:db8:9::1")
        w.run(*php, "delete", w.files[0], "198.51.100.30")
        w.has("spammer")
        why = w.run(*php, "add", w.files[0], PBX, expect=1)
        check("never" in why, why)
        w.run(*php, "flush", w.files[0])
        w.has("spammer6")
        sh = (shutil.which("sh"), os.path.join(CLIENTS, "pinholed-table.sh"),
              FW_IN, "spammer")
        w.run(*sh, "add", w.files[0], "198.51.100.40")
        w.run(*sh, "add", w.files[0], "198.51.96.0/23")
        w.has("spammer", "198.51.100.40", "198.51.96.0/23")
        w.run(*sh, "delete", w.files[0], "198.51.100.40")
        w.has("spammer", "198.51.96.0/23")
        w.run(*sh, "flush", w.files[0])
        w.has("spammer")


@scenario()
def tables_as_pftabled_was_told(net):
    """Versions 1 and 2, as deployed clients send them."""
    with World(net) as w:
        w.send(old(1, 1, "198.51.100.7/32", "spammer", w.key),
               old(2, 1, "198.51.96.0/23", "spammer", w.key),
               old(2, 1, "198.51.100.8/32", "blocked", w.other))
        w.has("spammer", "198.51.100.7", "198.51.96.0/23")
        w.has("blocked", "198.51.100.8")
        w.send(old(2, 2, "198.51.100.7/32", "spammer", w.key))
        w.has("spammer", "198.51.96.0/23")
        w.client("spammer", "add", "198.51.100.9", options=("-2",))
        w.has("spammer", "198.51.96.0/23", "198.51.100.9")
        w.send(old(2, 3, "0.0.0.0/32", "spammer", w.key))
        w.has("spammer")
        # Datagrams that are refused.
        now = time.time()
        good = old(2, 1, "198.51.100.10/32", "spammer", w.key)
        w.send(good)
        w.has("spammer", "198.51.100.10")
        w.client("spammer", "delete", "198.51.100.10")
        w.has("spammer")
        before = w.counter("taken")
        for bad, why in (
                (good, "replay"),
                (old(2, 1, "198.51.100.7/32", "spammer", b"k" * 20), "key"),
                (old(2, 1, "198.51.100.7/32", "spammer", w.key, now - 70),
                 "clock"),
                (old(2, 1, "198.51.100.7/32", "x" * 32, w.key), "table"),
                (old(2, 1, "0.0.0.0/0", "spammer", w.key), "mask"),
                (old(2, 1, "192.0.2.99/32", "spammer", w.key), "never"),
                (old(2, 7, "198.51.100.7/32", "spammer", w.key), "command"),
                (b"\4" * 64, "version"), (b"\2" * 63, "malformed")):
            count = w.counter(why)
            w.send(bad)
            time.sleep(0.1)
            check(w.counter(why) == count + 1, f"counted as {why}")
        # Three of them had the right signature, a new one and the time.
        check(w.counter("taken") == before + 4, "taken")
        w.has("spammer")


@scenario()
def tables_without_a_past(net):
    """Before the very first start, nothing can have been received."""
    with World(net) as w:
        old_news = old(2, 1, "198.51.100.7/32", "spammer", w.key,
                       time.time() - 55)
        w.send(old_news)
        w.has("spammer", "198.51.100.7")
        # Now there is a past, even if nobody had time to write it down, as
        # when power fails.
        w.d.kill_all()
        for path in net.kept():
            os.unlink(path)
        net.run("fw", "nft", "flush", "set", "inet", "filter", "spammer")
        w.start()
        w.send(old_news)
        until(lambda: w.counter("replay") == 1, 2, "replayed")
        check(w.elements("spammer") == {}, "and not entered")


@scenario()
def tables_expire(net):
    with World(net, more="timeout 2") as w:
        w.client("spammer", "add", "198.51.100.7")
        w.client("plain", "add", "198.51.100.8")
        w.has("spammer", "198.51.100.7")
        w.has("plain", "198.51.100.8")
        for _ in range(3):
            time.sleep(0.8)
            w.client("spammer", "add", "198.51.100.7")
            check("198.51.100.7" in w.elements("spammer"), "renewed")
        # A set without timeouts, too.
        w.has("plain")
        w.has("spammer")
        until(lambda: w.counter("entries") == 0, 3, "all gone")
        check(w.counter("expired") == 2, "expired")
        # An entry within another stays when the wider one ends.
        w.client("spammer", "add", "198.51.99.7")
        w.client("spammer", "add", "198.51.99.0/24", options=("-t", "1"))
        w.has("spammer", "198.51.99.0/24")
        until(lambda: set(w.elements("spammer")) == {"198.51.99.7"}, 1.5,
              f"what is left: {w.elements('spammer')}")


@scenario()
def tables_survive_a_restart(net):
    with World(net) as w:
        good = old(2, 1, "198.51.100.7/32", "spammer", w.key)
        w.send(good)
        w.client("spammer", "add", "198.51.100.8")
        w.client("spammer", "add", "198.51.100.9", options=("-t", "1"))
        w.client("spammer", "delete", "198.51.100.8")
        w.has("spammer", "198.51.100.7", "198.51.100.9")

        def again():
            net.run("fw", "nft", "flush", "set", "inet", "filter", "spammer")
            return w.counter("replay")
        # Everything ends, and what had been in the kernel goes, too.
        w.d.stop()
        net.run("fw", "nft", "flush", "set", "inet", "filter", "spammer")
        time.sleep(1)
        began = time.time()
        w.start()
        w.has("spammer", "198.51.100.7")
        w.send(good)
        until(lambda: w.counter("replay") == 1, 2, "replayed")
        # All are killed: the state file has not heard of this yet, but the
        # journal has; then what is in memory goes, too, as when power fails.
        for power in (True, False):
            until(lambda: os.stat(w.state + ".tables").st_mtime > began, 3,
                  "that the end is forgotten")
            host = f"198.51.99.{7 + power}"
            good = old(2, 1, f"{host}/32", "blocked", w.key)
            w.send(good)
            until(lambda: host in w.elements("blocked"), 3, f"{host} blocked")
            w.d.kill_all()
            net.run("fw", "nft", "flush", "set", "inet", "filter", "blocked")
            for path in [] if power else net.kept():
                os.unlink(path)
            time.sleep(1.5)
            began = time.time()
            w.start()
            before = w.counter("replay")
            w.send(good)
            until(lambda n=before: w.counter("replay") == n + 1, 2, "replayed")
            check((host in w.elements("blocked")) == power,
                  f"entered, {power}")
        good = old(2, 1, "198.51.100.7/32", "spammer", w.key)
        w.send(good)
        w.has("spammer", "198.51.100.7")
        # The proxy dies.
        pid = w.d.kill("proxy")
        until(lambda: w.d.children().get("proxy") not in (None, pid), 5,
              "another proxy")
        w.client("spammer", "add", "198.51.100.10")
        before = again()
        w.send(good)
        until(lambda: w.counter("replay") == before + 1, 2, "replayed")
        check(w.elements("spammer") == {}, "and not entered")
        # The firewall process dies.
        pid = w.d.kill("firewall")
        until(lambda: w.d.children().get("firewall") not in (None, pid), 5,
              "another one")
        w.client("spammer", "add", "198.51.100.11")
        w.has("spammer", "198.51.100.11")
        # A new configuration; somebody has loaded his ruleset before.
        net.run("fw", "nft", "flush", "set", "inet", "filter", "spammer")
        w.d.proc.send_signal(signal.SIGHUP)
        until(lambda: any("reloaded" in line for line in w.d.log), 5,
              w.d.log)
        w.has("spammer", "198.51.100.7", "198.51.100.10", "198.51.100.11")
        before = again()
        w.send(good)
        until(lambda: w.counter("replay") == before + 1, 2, "replayed")
        check(w.elements("spammer") == {}, "and not entered")
        check(w.counter("entries") == 4, "entries")


@scenario()
def tables_of_a_ruleset_that_is_loaded_anew(net):
    with World(net) as w:
        w.client("spammer", "add", "198.51.100.7", "2001:db8:9::/48")
        w.client("plain", "add", "198.51.100.8")
        ruleset = re.sub(r"elements = \{.*?\}", "", net.run(
            "fw", "nft", "list", "table", "inet", "filter"), flags=re.S)
        for before in ("delete table inet filter", "flush ruleset"):
            net.run("fw", "nft", "-f", "-", text=f"{before}\n{ruleset}")
            w.has("spammer", "198.51.100.7")
            w.has("spammer6", "2001:db8:9::/48")
            w.has("plain", "198.51.100.8")
        # Somebody changes other things: nothing to do.
        net.run("fw", "nft", "add", "table", "inet", "other")
        time.sleep(0.6)
        check(sum("filling its tables" in line for line in w.d.log) == 2,
              f"twice: {w.d.log}")


@scenario()
def tables_that_are_not_there(net):
    """A missing set is a counter and a log line, and nobody's end."""
    with World(net, allow="later ip/other/spammer") as w:
        before = w.d.children()
        why = w.client("later", "add", "198.51.100.7", expect=1)
        check("packet filter has refused" in why, why)
        w.client("later", "flush", expect=1)
        check(w.counter("entries") == 0, "not entered")
        net.run("fw", "nft", "add", "set", "inet", "filter", "later",
                "{ type ipv4_addr; flags timeout; }")
        w.client("later", "add", "198.51.100.7")
        w.has("later", "198.51.100.7")
        # A set that comes back as one of another kind gets its entries back.
        w.client("blocked", "add", "198.51.100.6")
        w.has("blocked", "198.51.100.6")
        net.run("fw", "nft", "delete", "set", "inet", "filter", "blocked")
        net.run("fw", "nft", "add", "set", "inet", "filter", "blocked",
                "{ type ipv4_addr; flags interval, timeout; }")
        w.client("blocked", "add", "198.51.100.7")
        w.has("blocked", "198.51.100.6", "198.51.100.7")
        w.client("blocked", "add", "198.51.96.0/23")
        w.has("blocked", "198.51.100.6", "198.51.100.7", "198.51.96.0/23")
        # Two of one name, unless the whole name is said.
        net.run("fw", "nft", "-f", "-", text="table ip other { set spammer "
                "{ type ipv4_addr; flags timeout; }\n}")
        w.client("spammer", "add", "198.51.100.7", expect=1)
        w.client("ip/other/spammer", "add", "198.51.100.8")
        w.has("spammer")
        text = net.run("fw", "nft", "list", "set", "ip", "other", "spammer")
        check("198.51.100.8" in text, text)
        net.run("fw", "nft", "delete", "table", "ip", "other")
        net.run("fw", "nft", "delete", "set", "inet", "filter", "later")
        w.client("later", "add", "198.51.100.8", expect=1)
        w.client("spammer", "add", "198.51.100.9")
        w.has("spammer", "198.51.100.9")
        check(w.d.children() == before, "everybody lives")


@scenario()
def tables_without_a_key(net):
    """Only for this machine, and into one table whatever is asked for."""
    net.run("fw", "nft", "-f", "-", text=SETS)
    net.pinholed(conf=conf(
        more="tables { listen on 127.0.0.1\nforce spammer\ntimeout 9 }"))
    binary = os.path.join(os.path.dirname(Daemon.binary),
                          "../contrib/clients/pinholed-table")
    net.run("fw", binary, "127.0.0.1", "whatever", "add", "198.51.100.7")
    text = net.run("fw", "nft", "list", "set", "inet", "filter", "spammer")
    check("198.51.100.7" in text, text)
    s = net.socket("fw", "127.0.0.1", 0)
    s.sendto(old(2, 1, "198.51.100.8/32", "x", b""), ("127.0.0.1", PORT))
    until(lambda: "198.51.100.8" in net.run(
        "fw", "nft", "list", "set", "inet", "filter", "spammer"), 2, "v2")


@scenario()
def tables_key_files_are_checked(net):
    with World(net) as w:
        os.chmod(w.files[0], 0o644)
        done = subprocess.run(
            [*net.enter("fw"), Daemon.binary, "-n", "-f", w.d.path],
            capture_output=True, text=True, timeout=30, check=False)
        check(done.returncode == 1 and "chmod 600" in done.stderr, done)
        w.d.proc.send_signal(signal.SIGHUP)
        until(lambda: any("chmod 600" in line for line in w.d.log), 5,
              w.d.log)
        until(lambda: any("not reloaded" in line for line in w.d.log), 5,
              w.d.log)
        os.chmod(w.files[0], 0o600)
        os.chown(w.files[0], 65534, 65534)
        w.d.proc.send_signal(signal.SIGHUP)
        until(lambda: any("must belong to root" in line for line in w.d.log),
              5, w.d.log)
        os.chown(w.files[0], 0, 0)
        w.client("spammer", "add", "198.51.100.7")
        w.has("spammer", "198.51.100.7")


@scenario()
def tables_do_not_mind_each_others_prefixes(net):
    with World(net, allow="second") as w:
        wide, narrow, host = "203.0.113.0/24", "203.0.113.64/26", "203.0.113.66"
        # The wide one of each table is the narrow one of the other.
        w.client("spammer", "add", host)
        w.client("second", "add", wide)
        w.client("spammer", "add", narrow)
        w.has("spammer", narrow)
        w.has("second", wide)
        w.client("second", "add", host)
        w.client("spammer", "add", wide)
        w.has("spammer", wide)
        w.has("second", wide)
        w.client("second", "delete", wide)
        w.has("second", host)
        w.has("spammer", wide)
        w.client("spammer", "delete", wide)
        w.has("spammer", narrow)
        w.client("spammer", "delete", narrow)
        w.has("spammer", host)
        w.has("second", host)
        w.client("spammer", "flush")
        w.has("spammer")
        w.has("second", host)


@scenario()
def tables_over_ipv6(net):
    with World(net, at="2001:db8:2::1") as w:
        w.client("spammer", "add", "198.51.100.7", options=("-6",))
        w.has("spammer", "198.51.100.7")
        w.client("spammer", "flush", options=("-4",), expect=2)
        w.run(sys.executable, os.path.join(CLIENTS, "pinholed_table.py"),
              "-k", w.files[0], w.at, "spammer", "flush")
        w.has("spammer")


@scenario()
def tables_flooded_by_strangers(net):
    """SIP is served all the same, and afterwards those who have a key."""
    with World(net) as w:
        wire = signalling(net)
        rubbish = [old(2, 1, "198.51.100.7/32", "spammer", os.urandom(20))
                   for _ in range(50)]
        stop = time.monotonic() + 20
        flood = subprocess.Popen(
            [*net.enter("in"), sys.executable, "-c", f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
data = {rubbish!r}
while time.monotonic() < {stop}:
    for d in data:
        s.sendto(d, ({FW_IN!r}, {PORT}))
"""])
        try:
            time.sleep(0.5)
            slowest = 0.0
            for i in range(5):
                p, m = media(net, phone_port=4000 + 2 * i,
                             pbx_port=10000 + 2 * i)
                call = Call(wire).set_up(sdp("198.51.100.7", 4000 + 2 * i),
                                         sdp(PBX, 10000 + 2 * i))
                begin = time.monotonic()
                until(lambda p=p, m=m: passes(p, m, name(m), tries=1,
                                              wait=0.02), 2, "a pinhole")
                slowest = max(slowest, time.monotonic() - begin)
                call.hang_up()
            check(flood.poll() is None, "still flooded")
            check(slowest < 0.5, f"a pinhole took {slowest} s")
        finally:
            flood.kill()
            flood.wait()
        w.client("spammer", "add", "198.51.100.9", options=("-w", "5"))
        w.has("spammer", "198.51.100.9")
        check(w.counter("key") > 1000, "strangers")
        lines = [line for line in w.d.log if "wrong key" in line]
        check(len(lines) <= 15, f"{len(lines)} lines of log")
