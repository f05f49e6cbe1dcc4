# SPDX-License-Identifier: ISC
"""The TFTP proxy between real clients and servers.  Each is one test."""
import hashlib
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from net import (EVIL, FW_IN, FW_OUT, HOST, PBX, PBX6, PHONE, PHONE6, check,
                 conf, drain, until)
from scenarios import scenario, signalling
from sip import Call, Wire, sdp

NEEDS = ("in.tftpd", "tftp", "atftp", "ss")
REDIRECT = """
table inet redir {
    chain pre {
        type nat hook prerouting priority dstnat;
        iifname "i0" udp dport 69 redirect to :6969
    }
}
add rule inet filter input iifname "i0" udp dport 6969 accept
"""
TFTP = """
tftp {{
    proxy on {at} port 6969 {options}
    {more}
}}
"""


class World:
    """Phones inside, a provisioning server outside, NAT between them."""

    def __init__(self, net, at=FW_IN, options="timeout 2", more="",
                 server=PHONE, daemon=("-v",)):
        self.net = net
        net.run("fw", "nft", "-f", "-", text=REDIRECT)
        self.dir = tempfile.mkdtemp(prefix="tftp", dir="/tmp")
        os.chmod(self.dir, 0o777)
        self.data = {}
        for name, size in (("SEP0014F2.cnf.xml", 3000), ("empty", 0),
                           ("firmware.bin", 1 << 20)):
            self.data[name] = os.urandom(size)
            with open(f"{self.dir}/{name}", "wb") as f:
                f.write(self.data[name])
        self.server = self.serve(server)
        self.d = net.pinholed(*daemon, conf=conf(
            more=TFTP.format(at=at, options=options, more=more)))

    def serve(self, addr):
        at = f"[{addr}]:69" if ":" in addr else f"{addr}:69"
        server = subprocess.Popen(
            [*self.net.enter("out"), "in.tftpd", "-L", "-s", "-c", "-p",
             "-u", "root", "-a", at, self.dir],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: "69" in self.net.run("out", "ss", "-lunH", "sport",
                                           "=", ":69"), 5, "the server")
        return server

    def close(self):
        # The one that listens, not those that it forked for a transfer.
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(5)
        shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def elements(self):
        text = self.net.run("fw", "nft", "list", "table", "inet", "pinholed")
        return text.count("expires")


class Client:
    """As much of RFC 1350 as a phone in its boot loader knows."""

    ports = iter(range(20000, 30000))

    def __init__(self, net, addr, server, where="in"):
        self.sock = net.socket(where, addr, next(self.ports))
        self.server = (server, 69)
        self.got, self.block, self.peer = b"", 1, None
        self.request, self.asked = b"", 0
        self.done, self.error = False, None
        self.heard = 0

    def ask(self, name, op=1):
        self.request = struct.pack("!H", op) + name.encode() + b"\0octet\0"
        self.again()

    def again(self):
        """The only cure that TFTP knows for a server that is too busy."""
        self.asked = time.monotonic()
        self.sock.sendto(self.request, self.server)

    def take(self):
        data, peer = self.sock.recvfrom(65535)
        self.heard = time.monotonic()
        op, block = struct.unpack("!HH", data[:4])
        if op == 5:
            self.error = (block, data[4:-1].decode())
            self.done = True
        elif op == 3 and block == self.block & 0xffff and \
                self.peer in (None, peer):
            self.peer = peer
            self.got += data[4:]
            self.block += 1
            self.done = len(data) < 516
        if op == 3 and peer == self.peer:
            self.acknowledge(block)

    def acknowledge(self, block):
        self.sock.sendto(struct.pack("!HH", 4, block), self.peer)

    def fetch(self, name, seconds=5, op=1):
        self.ask(name, op)
        finish([self], seconds)
        return self


def finish(clients, seconds):
    end = time.monotonic() + seconds
    waiting = {c.sock: c for c in clients}
    while waiting and time.monotonic() < end:
        for s in select.select(list(waiting), [], [], 0.2)[0]:
            waiting[s].take()
            if waiting[s].done:
                del waiting[s]
        for c in waiting.values():
            if c.block == 1 and c.asked < time.monotonic() - 2:
                c.again()
            # One of the two was lost: RFC 1350 section 2 asks both to repeat.
            elif c.block > 1 and c.heard < time.monotonic() - 1:
                c.heard = time.monotonic()
                c.acknowledge((c.block - 1) & 0xffff)
    check(not waiting, f"{len(waiting)} of {len(clients)} did not finish")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_with_real_clients(net):
    with World(net) as w, tempfile.TemporaryDirectory() as mine:
        for name, data in w.data.items():
            net.run("in", "tftp", PHONE, "-m", "binary", "-c", "get", name,
                    f"{mine}/hpa")
            check(digest(f"{mine}/hpa") == hashlib.sha256(data).hexdigest(),
                  f"tftp-hpa gets {name}")
            net.run("in", "atftp", "--option", "blksize 1428", "-g", "-r",
                    name, "-l", f"{mine}/atftp", PHONE)
            check(digest(f"{mine}/atftp") == hashlib.sha256(data).hexdigest(),
                  f"atftp gets {name}")
        net.run("in", "tftp", PHONE, "-m", "binary", "-c", "put",
                f"{mine}/hpa", "upload")
        until(lambda: os.path.exists(f"{w.dir}/upload"), 2, "the upload")
        until(lambda: digest(f"{w.dir}/upload") == digest(f"{mine}/hpa"), 2,
              "the same bytes up")
        opened = w.d.expect(event="open", dir="in", src=PHONE, dst=PBX,
                            proto="udp", sport=None, call=None,
                            reason="request")
        w.d.expect(seconds=6, event="close", id=opened["id"], reason="done")
        until(lambda: len(w.d.seen(event="close")) == 7, 6, "all to close")
        check(w.elements() == 0, "nothing is left open")
        check(any(f" -> {FW_OUT}:" in line and f" -> {PHONE}:69 RRQ "
                  '"SEP0014F2.cnf.xml"' in line for line in w.d.log),
              "a line for a person")
        check(any(' WRQ "upload"' in line for line in w.d.log), "the upload's")


@scenario(needs=NEEDS, egress=False)
def tftp_proxy_over_ipv6(net):
    with World(net, at="2001:db8:2::1", server=PHONE6) as w:
        c = Client(net, PBX6, PHONE6).fetch("SEP0014F2.cnf.xml")
        check(c.got == w.data["SEP0014F2.cnf.xml"], "the file")
        w.d.expect(event="open", src=PHONE6, dst=PBX6)


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_three_hundred_phones_boot_at_once(net):
    with World(net, options="timeout 5") as w:
        phones = [Client(net, PBX, PHONE) for _ in range(300)]
        for c in phones:
            c.ask("SEP0014F2.cnf.xml")
        finish(phones, 20)
        check(all(c.got == w.data["SEP0014F2.cnf.xml"] for c in phones),
              "all have the file")
        opened = len(w.d.seen(event="open"))
        check(300 <= opened < 400, "one event for each request")
        check(sum(" RRQ " in line for line in w.d.log) == opened,
              "and one line")


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_slow_phones_beside_each_other(net):
    """Each transfer is kept open while it lasts, not just one of them."""
    with World(net) as w:
        phones = [Client(net, PBX, PHONE) for _ in range(3)]
        for c in phones:
            c.ask("firmware.bin")
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for c in phones:
                c.take()
            time.sleep(0.3)
        check(not w.d.seen(event="close"), "all are open")
        finish(phones, 10)
        for c in phones:
            check(c.got == w.data["firmware.bin"], "all of it")
        until(lambda: len(w.d.seen(event="close", reason="done")) == 3, 6,
              f"the end of all: {w.d.events}")


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_opens_no_more_than_it_must(net):
    with World(net, options="timeout 2 max sessions 3",
               more='allow read\nfile "SEP*"') as w:
        c = Client(net, PBX, PHONE)
        c.fetch("SEP0014F2.cnf.xml")
        opened = w.d.expect(event="open", dir="in")
        check(c.got == w.data["SEP0014F2.cnf.xml"], "the file")
        # A third host and another port: the way in is the server's alone.
        port = int(next(line for line in w.d.log if " RRQ " in line)
                   .split(f"{FW_OUT}:")[1].split()[0])
        evil = net.socket("out", EVIL, 0)
        server = net.socket("out", PHONE, 0)
        for s, to in ((evil, (FW_OUT, port)), (server, (FW_OUT, port + 1))):
            s.sendto(b"\0\3\0\1evil", to)
        check(not select.select([c.sock], [], [], 0.3)[0], "nothing comes")
        # A file that a client may not have is refused at once, and opens nothing.
        for name, op in (("passwd", 1), ("SEPupload", 2)):
            denied = Client(net, PBX, PHONE).fetch(name, op=op)
            check(denied.error is not None and denied.error[0] == 2,
                  f"{name}: access violation, got {denied.error}")
        # A host that is not protected gets no answer.
        stranger = net.socket("out", EVIL, 0)
        stranger.sendto(b"\0\1SEPx\0octet\0", (FW_IN, 6969))
        # Nor does what was not redirected reach anybody.
        direct = Client(net, PBX, PHONE)
        direct.server = (FW_IN, 6969)
        direct.fetch("SEP0014F2.cnf.xml")
        check(direct.error is not None, "not redirected")
        for junk in (b"", b"\0", b"\0\1", b"\0\1a", b"\0\1\0\0\0",
                     b"\0\4\0\1", b"\xff" * 9000, b"\0\1" + b"A" * 60000):
            net.socket("in", PBX, 0).sendto(junk, (PHONE, 69))
        time.sleep(0.3)
        check(len(w.d.seen(event="open")) == 1, "one pinhole in all")
        w.d.expect(seconds=5, event="close", id=opened["id"], reason="done")
        # Too many at once: an error, and those that are in go on.
        phones = [Client(net, PBX, PHONE) for _ in range(6)]
        for c in phones:
            c.ask("SEP0014F2.cnf.xml")
        finish(phones, 5)
        check(sum(c.error is None for c in phones) == 3, "three of six")
        check(w.d.proc.poll() is None, "alive")


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_has_a_share_for_each_client(net):
    """A client that takes all transfers makes room for others, not for itself."""
    with World(net, options="timeout 30 max sessions 40") as w:
        greedy = [Client(net, HOST, PHONE) for _ in range(60)]
        for c in greedy:
            c.ask("SEP0014F2.cnf.xml")
        finish(greedy, 10)
        check(sum(c.error is None for c in greedy) == 40, "all there is")
        phones = [Client(net, PBX, PHONE) for _ in range(30)]
        for c in phones:
            c.ask("SEP0014F2.cnf.xml")
        finish(phones, 10)
        check(sum(c.error is None for c in phones) == 20, "half of it")
        check(len(w.d.seen(event="close", reason="limit", dst=HOST)) == 20,
              "the other half")
        again = Client(net, HOST, PHONE).fetch("SEP0014F2.cnf.xml")
        check(again.error is not None, "no more for the first")


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_outlives_what_fails(net):
    with World(net) as w:
        c = Client(net, PBX, "203.0.113.77")
        net.ip("fw", "route", "add", "unreachable", "203.0.113.0/24")
        c.fetch("SEP0014F2.cnf.xml")
        check(c.error is not None, "no route: an error")
        pid = w.d.kill("proxy")
        until(lambda: w.d.children().get("proxy", pid) != pid, 5, "another")
        time.sleep(0.2)
        check(Client(net, PBX, PHONE).fetch("SEP0014F2.cnf.xml").got ==
              w.data["SEP0014F2.cnf.xml"], "the next transfer")
        pid = w.d.kill("firewall")
        until(lambda: w.d.children().get("firewall", pid) != pid, 5, "one")
        time.sleep(0.2)
        check(Client(net, PBX, PHONE).fetch("SEP0014F2.cnf.xml").got ==
              w.data["SEP0014F2.cnf.xml"], "and the next")
        w.d.proc.send_signal(signal.SIGHUP)
        until(lambda: any("reloaded" in line for line in w.d.log), 5,
              "reloaded")
        check(Client(net, HOST, PHONE).fetch("SEP0014F2.cnf.xml").got ==
              w.data["SEP0014F2.cnf.xml"], "after a reload")
        w.d.stop()
        check("pinholed" not in net.run("fw", "nft", "list", "tables"),
              "nothing of ours is left")


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_and_sip_do_not_wait_for_each_other(net):
    with World(net, options="timeout 2 max sessions 100") as w:
        wire = signalling(net)
        flood = Call(Wire(net.socket("out", EVIL, 5060), wire.sock["b"]))
        phone = Client(net, PBX, PHONE)
        phone.ask("SEP0014F2.cnf.xml")
        for i in range(3000):
            flood.call_id = os.urandom(8).hex()
            flood.request("a", "INVITE", sdp(EVIL, 4000), tag=False,
                          arrive=False)
            if i % 50 == 49:
                drain(wire.sock["b"])
        finish([phone], 1)
        phone = Client(net, PBX, PHONE).fetch("SEP0014F2.cnf.xml", 1)
        check(phone.got == w.data["SEP0014F2.cnf.xml"], "the file")
        drain(wire.sock["b"])
        # And now requests, as many as will go, for nothing.
        mad = net.socket("in", HOST, 0)
        for i in range(3000):
            mad.sendto(b"\0\1SEP%d\0octet\0" % i, (PHONE, 69))
        Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
        w.d.expect(1, event="open", dir="in", dport=10000)


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_started_by_inetd(net):
    with World(net) as w:
        w.d.stop()
        with open(w.d.path, encoding="ascii") as f:
            text = f.read()
        w.d.write("protect 192.0.2.0/24\n" + text[text.index("tftp"):])
        listener = net.socket("fw", FW_IN, 6969)
        phones = [Client(net, PBX, PHONE) for _ in range(3)]
        for c in phones:
            c.ask("SEP0014F2.cnf.xml")
        check(select.select([listener], [], [], 2)[0], "a request")
        d = subprocess.Popen(
            [*net.enter("fw"), w.d.binary, "-T", "-f", w.d.path],
            stdin=listener, stdout=listener, stderr=listener)
        finish(phones, 5)
        check(all(c.got == w.data["SEP0014F2.cnf.xml"] for c in phones),
              "the file, and nothing else on that socket")
        check(d.wait(15) == 0, "it went by itself")
        check("pinholed" not in net.run("fw", "nft", "list", "tables"),
              "nothing of ours is left")
        d = subprocess.run([*net.enter("fw"), w.d.binary, "-T", "-f",
                            w.d.path], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, check=False)
        check(d.returncode == 1 and "not of UDP" in d.stderr, d.stderr)


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_started_by_systemd(net):
    """Which passes the socket as the third, and says so."""
    with World(net) as w:
        w.d.stop()
        listener = net.socket("fw", FW_IN, 6969)
        c = Client(net, PBX, PHONE)
        c.ask("SEP0014F2.cnf.xml")
        check(select.select([listener], [], [], 2)[0], "a request")
        d = subprocess.Popen(
            [*net.enter("fw"), "sh", "-c",
             "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"",
             "sh", w.d.binary, "-T", "-f", w.d.path], stdin=listener)
        finish([c], 5)
        check(c.got == w.data["SEP0014F2.cnf.xml"], "the file")
        check(d.wait(15) == 0, "it went by itself")


@scenario(needs=NEEDS, nat=True, egress=False)
def tftp_proxy_by_tproxy(net):
    net.run("fw", "nft", "-f", "-", text="""
        table inet divert {
            chain pre {
                type filter hook prerouting priority mangle;
                iifname "i0" udp dport 69 tproxy ip to :6969 meta mark set 1
            }
        }""")
    net.ip("fw", "rule", "add", "fwmark", "1", "lookup", "100")
    net.ip("fw", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table",
           "100")
    net.run("fw", "nft", "add", "rule", "inet", "filter", "input", "iifname",
            "i0", "udp", "dport", "69", "accept")
    with World(net, at="0.0.0.0") as w:
        net.run("fw", "nft", "delete", "table", "inet", "redir")
        c = Client(net, PBX, PHONE).fetch("SEP0014F2.cnf.xml")
        check(c.got == w.data["SEP0014F2.cnf.xml"], "the file")
