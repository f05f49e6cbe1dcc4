# SPDX-License-Identifier: ISC
"""The passive helpers of FTP and TFTP, without any translation, between real
clients and servers and among liars.  Each is one test."""
import ftplib
import io
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import ftpservers
from ftpworld import (NEEDS, connects, listening, other_clients,
                      python_client, shut_out, six, transfers)
from net import (EVIL, HOST, PBX, PBX6, PHONE, PHONE6, check, conf, passes,
                 name, until)
from scenarios import closes, scenario
from sip import sdp
from tftpproxy import NEEDS as TFTP_NEEDS
from tftpproxy import Client, finish

# What an administrator allows: control connections and requests, nothing else.
ALLOW = "tcp dport 21 accept\nudp dport 69 accept"
CLOSED = {"egress": False, "extra": ALLOW}


class World:
    """The client inside and the server outside, or the other way round."""

    def __init__(self, net, kind=None, server_inside=False, ftp="",
                 tftp="timeout 2", **server):
        self.net = net
        self.client, self.where = ("out", "in") if server_inside else \
            ("in", "out")
        self.host, self.host6 = (PBX, PBX6) if server_inside else \
            (PHONE, PHONE6)
        self.server = None
        self.d = net.pinholed("-v", conf=conf(
            more=f"ftp {{ port 21\n{ftp} }}\ntftp {{ port 69\n{tftp} }}"))
        if kind:
            self.server = ftpservers.Server(net, kind, self.where, **server)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.server:
            self.server.close()

    def elements(self):
        text = self.net.run("fw", "nft", "list", "table", "inet", "pinholed")
        # Connections that outlive their pinholes are listed by their ids.
        return sum(s.count("expires") for s in text.split("set ")
                   if not s.startswith("connections"))

    def clean(self, seconds=5):
        """All pinholes that were open have closed, in the kernel, too."""
        def even():
            opened, closed = (len(self.d.seen(event=e))
                              for e in ("open", "close"))
            return opened == closed and self.elements() == 0
        until(even, seconds, "nothing is open")

    def logged(self, text):
        until(lambda: any(text in line for line in self.d.log), 2,
              f"in the log: {text}; got {self.d.log[-20:]}")


def ftp_for_everybody(net, kind, times=1, **more):
    with World(net, kind, **more) as w:
        python_client(w, times)
        if kind != "pure-ftpd":  # it takes seconds to let somebody in
            other_clients(w)
        w.clean()
        check(not w.d.seen(event="refuse"), "nothing was refused")
        check(not w.d.seen(event="close", reason="shutdown"), "no restart")
        check(all(e["proto"] == "tcp" and e["reason"] == "request" and
                  e["call"] is None for e in w.d.seen(event="open")), "opened")


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_client_inside_vsftpd(net):
    ftp_for_everybody(net, "vsftpd", 10)


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_client_inside_proftpd(net):
    ftp_for_everybody(net, "proftpd")


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_client_inside_pureftpd(net):
    ftp_for_everybody(net, "pure-ftpd")


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_server_inside_vsftpd(net):
    ftp_for_everybody(net, "vsftpd", 10, server_inside=True)


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_server_inside_proftpd(net):
    ftp_for_everybody(net, "proftpd", server_inside=True)


@scenario(needs=NEEDS, extra=ALLOW)
def ftp_helper_server_inside_pureftpd_egress_open(net):
    ftp_for_everybody(net, "pure-ftpd", server_inside=True)


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_one_port_for_all_transfers(net):
    """The same pinhole again and again, each good for one connection."""
    with World(net, "vsftpd", server_inside=True, ports=(40000, 40000)) as w:
        for extended in (False, True):
            net.inside("out", lambda: transfers(w, PBX, True, extended, 10))
        w.clean()


class Control:
    """A control connection with both ends in our hands."""

    def __init__(self, w, client=None, port=0):
        there = listening(w.net, w.where, w.host, 21)
        client = client or (PHONE if w.client == "out" else PBX)
        self.w = w
        self.c = w.net.socket(w.client, client, port, socket.SOCK_STREAM)
        self.c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.c.connect((w.host, 21))
        self.s = there.accept()[0]
        there.close()
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        w.net.sockets.append(self.s)
        self.server(b"220 hi\r\n")

    @staticmethod
    def _say(frm, to, data, pieces):
        to.settimeout(5)
        for piece in pieces or (data,):
            frm.sendall(piece)
            left = len(piece)
            while left > 0:
                left -= len(to.recv(left))

    def client(self, data=b"", pieces=()):
        self._say(self.c, self.s, data, pieces)

    def server(self, data=b"", pieces=()):
        self._say(self.s, self.c, data, pieces)

    def close(self):
        self.c.close()
        self.s.close()


def bytes_of(data):
    return [data[i:i + 1] for i in range(len(data))]


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_split_lines_and_one_connection_each(net):
    with World(net) as w:
        control = Control(w)
        there = listening(net, "out", PHONE, 40000)
        check(shut_out(net, "in", PBX, (PHONE, 40000)), "shut before")
        control.client(b"PASV\r\n")
        control.server(pieces=bytes_of(
            b"227 Entering Passive Mode (%s)\r\n" % six(PHONE, 40000)))
        w.d.expect(event="open", dir="out", src=PBX, dst=PHONE, dport=40000)
        data = connects(net, "in", PBX, (PHONE, 40000))
        check(data, "the data connection")
        peer = there.accept()[0]
        net.sockets.append(peer)
        # The pinhole was good for one connection, the first that came.
        check(shut_out(net, "in", PBX, (PHONE, 40000)), "a second one")
        w.d.expect(4, event="close", dport=40000)
        w.clean()
        # The one that began lives on.
        data.sendall(b"still here")
        peer.settimeout(2)
        check(peer.recv(100) == b"still here", "established")
        back = listening(net, "in", PBX, 41000)
        control.client(pieces=bytes_of(b"PORT %s\r\n" % six(PBX, 41000)))
        w.d.expect(event="open", dir="in", src=PHONE, dst=PBX, dport=41000)
        check(shut_out(net, "out", EVIL, (PBX, 41000)), "a stranger")
        check(connects(net, "out", PHONE, (PBX, 41000)), "the server")
        back.close()


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_gives_liars_nothing(net):
    with World(net) as w:
        control = Control(w)
        ports = (22, 40000, 40001)
        for port in ports:
            for addr in (PBX, HOST):
                listening(net, "in", addr, port)
        for addr, port, why in ((HOST, 40000, "address"), (EVIL, 40000,
                                                           "address"),
                                (PBX, 22, "port-range")):
            control.client(b"PORT %s\r\n" % six(addr, port))
            control.server(b"500 no\r\n")
            w.d.expect(event="refuse", src=PBX, dst=addr, dport=port,
                       reason=why)
        control.client(b"PASV\r\n")
        control.server(b"227 (%s)\r\n" % six(HOST, 40000))
        w.d.expect(event="refuse", src=PHONE, dst=HOST, reason="address")
        for said in (b"CWD PORT %s\r\n", b"CWD x\nPORT %s\r\n",
                     b"CWD x\0PORT %s\r\n",
                     b"CWD " + b"x" * 2000 + b"PORT %s\r\n"):
            control.client(said % six(PBX, 40001))
            control.server(b"500 no\r\n")
        control.server(b"227 (%s)\r\n" % six(PHONE, 40000))
        control.client(b"STAT\r\n")
        control.server(b"211-so\r\n227 (%s)\r\n211 so\r\n" %
                       six(PHONE, 40001))
        w.d.quiet(event="open")
        for addr in (PBX, HOST):
            for port in ports:
                for frm in (PHONE, EVIL):
                    check(shut_out(net, "out", frm, (addr, port)),
                          f"{frm} to {addr}:{port}")


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_an_outside_client_names_nobody_inside(net):
    with World(net, server_inside=True, ftp="loose yes") as w:
        control = Control(w)
        listening(net, "in", HOST, 40000)
        control.client(b"PORT %s\r\n" % six(HOST, 40000))
        control.server(b"200 ok\r\n")
        control.client(b"EPRT |1|%s|40000|\r\n" % HOST.encode())
        control.server(b"200 ok\r\n")
        w.d.quiet(event="open")
        # A protected server may send its client to another.
        control.client(b"PASV\r\n")
        control.server(b"227 (%s)\r\n" % six(HOST, 40000))
        w.d.expect(event="open", dir="in", src=PHONE, dst=HOST, dport=40000)
        check(connects(net, "out", PHONE, (HOST, 40000)), "as it said")


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_closes_what_is_not_used(net):
    with World(net, server_inside=True) as w:
        control = Control(w)
        for port in (40000, 40001):
            listening(net, "in", PBX, port)
        control.client(b"PASV\r\n")
        control.server(b"227 (%s)\r\n" % six(PBX, 40000))
        w.d.expect(event="open", dport=40000)
        begun = time.monotonic()
        w.d.expect(4, event="close", dport=40000, reason="idle")
        check(1.5 < time.monotonic() - begun < 3, "two seconds")
        check(shut_out(net, "out", PHONE, (PBX, 40000)), "too late")
        control.client(b"EPSV\r\n")
        control.server(b"229 (|||40001|)\r\n")
        w.d.expect(event="open", dport=40001)
        control.close()
        w.d.expect(event="close", dport=40001, reason="done")
        check(shut_out(net, "out", PHONE, (PBX, 40001)), "hung up")
        control = Control(w)
        control.client(b"PASV\r\n")
        control.server(b"227 (%s)\r\n" % six(PBX, 40000))
        w.d.expect(event="open", dport=40000)
        w.d.proc.send_signal(signal.SIGHUP)
        w.d.expect(event="close", dport=40000, reason="shutdown")
        w.clean()


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_waits_for_a_slow_server(net):
    """Two seconds and more until it agrees, and nearly two more to ask."""
    with World(net) as w:
        control = Control(w)
        here = listening(net, "in", PBX, 41000)
        control.client(b"PORT %s\r\n" % six(PBX, 41000))
        time.sleep(2.3)
        check(shut_out(net, "out", PHONE, (PBX, 41000)), "not for ever")
        control.server(b"200 ok\r\n")
        time.sleep(1.6)
        control.client(b"RETR x\r\n")
        time.sleep(1.6)
        check(connects(net, "out", PHONE, (PBX, 41000)), "the data")
        here.accept()
        check(shut_out(net, "out", PHONE, (PBX, 41000)), "but once")
        control.server(b"150 here\r\n226 done\r\n")
        w.clean()


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_says_when_it_cannot_read(net):
    with World(net, "vsftpd", tls=True) as w:
        # In the clear until somebody asks for TLS.
        net.inside("in", lambda: transfers(w, PHONE, True, False))
        w.clean()
        opened = len(w.d.seen(event="open"))
        done = subprocess.run(
            [*net.enter("in"), "curl", "-sk", "-m", "5", "--connect-timeout",
             "3", "--ssl-reqd", f"ftp://ftp:x@{PHONE}/big", "-o",
             "/dev/null"], check=False)
        check(done.returncode != 0, "its data connection stays shut")
        w.logged(f" -> {PHONE}:21: encrypted")
        check(len(w.d.seen(event="open")) == opened, "nothing opens")


@scenario(needs=NEEDS, **CLOSED)
def ftp_helper_survives_a_reload(net):
    """And a crash: sessions go on, and nothing is left open."""
    def session():
        with ftplib.FTP(timeout=10) as c:
            c.connect(PHONE)
            c.login(w.server.user, "secret")
            for ill in (lambda: None,
                        lambda: w.d.proc.send_signal(signal.SIGHUP),
                        lambda: w.d.kill("engine")):
                ill()
                time.sleep(1)
                w.d.ready()
                for passive in (True, False):
                    c.set_pasv(passive)
                    got = io.BytesIO()
                    c.retrbinary("RETR big", got.write)
                    check(got.getvalue() == w.server.data, "the file")
            c.quit()
    with World(net, "vsftpd") as w:
        net.inside("in", session)
        net.inside("in", lambda: transfers(w, PHONE6, True, True))
        w.clean()


class Files:
    """A TFTP server and what it has."""

    servers = {
        "hpa": lambda at, d: ("in.tftpd", "-L", "-s", "-c", "-p", "-u",
                              "root", "-a", at, d),
        "atftpd": lambda at, d: ("atftpd", "--daemon", "--no-fork", "--user",
                                 "root.root", "--retry-timeout", "20",
                                 "--bind-address",
                                 at.strip("[]").rpartition(":")[0].strip("]"),
                                 d),
    }

    def __init__(self, net, kind, where, addr):
        self.net, self.where = net, where
        self.dir = tempfile.mkdtemp(prefix="tftp", dir="/tmp")
        os.chmod(self.dir, 0o777)
        self.data = {}
        for file, size in (("SEP0014F2.cnf.xml", 3000),
                           ("firmware.bin", 1 << 20)):
            self.data[file] = os.urandom(size)
            with open(f"{self.dir}/{file}", "wb") as f:
                f.write(self.data[file])
        at = f"[{addr}]:69" if ":" in addr else f"{addr}:69"
        self.proc = subprocess.Popen(
            [*net.enter(where), *self.servers[kind](at, self.dir)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        until(lambda: ":69 " in net.run(where, "ss", "-lunH"), 5, kind)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        try:
            os.killpg(self.proc.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.proc.wait(5)
        shutil.rmtree(self.dir)


def hpa(w, *commands):
    w.net.run(w.client, "tftp", "-m", "binary", w.host,
              text="\n".join(("rexmt 1", *commands, "")))


def atftp(w, file, to):
    w.net.run(w.client, "atftp", "--option", "blksize 1428", "-g", "-r", file,
              "-l", to, w.host)


def get_and_put(w, files, mine, clients):
    """An answer that is quicker than the pinhole is lost.  Then a client has
    to ask again before the server does, for what atftpd sends the second time
    is not what it sent the first."""
    for file, data in files.data.items():
        for client in clients:
            if client == "hpa":
                hpa(w, f"get {file} {mine}/got")
            else:
                atftp(w, file, f"{mine}/got")
            with open(f"{mine}/got", "rb") as f:
                check(f.read() == data, f"{client} gets {file}")
            os.unlink(f"{mine}/got")
    # Several from one port, one after the other.
    hpa(w, *[f"get firmware.bin {mine}/{i}" for i in range(10)])
    for i in range(10):
        with open(f"{mine}/{i}", "rb") as f:
            check(f.read() == files.data["firmware.bin"], f"{i} in a row")
    up = f"{files.dir}/upload"
    hpa(w, f"put {mine}/0 upload")
    until(lambda: os.path.exists(up) and os.path.getsize(up) == 1 << 20, 3,
          "the upload")
    with open(up, "rb") as f:
        check(f.read() == files.data["firmware.bin"], "the same bytes up")


def tftp_for_everybody(net, kind, server_inside=False,
                       clients=("hpa", "atftp")):
    with World(net, server_inside=server_inside) as w, \
            Files(net, kind, w.where, w.host) as files, \
            tempfile.TemporaryDirectory() as mine:
        get_and_put(w, files, mine, clients)
        client = PHONE if server_inside else PBX
        w.d.expect(event="open", dir="out" if server_inside else "in",
                   proto="udp", src=w.host, sport=None, dst=client, call=None,
                   reason="request")
        w.clean(10)
        check(not w.d.seen(event="refuse"), "nothing was refused")
        # A request that was repeated from another port, because the answer
        # came before the pinhole, leaves one behind that nobody has used.
        check({e["reason"] for e in w.d.seen(event="close")} in
              ({"done"}, {"done", "idle"}), "closed by silence")


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_client_inside(net):
    tftp_for_everybody(net, "hpa")


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_server_inside(net):
    tftp_for_everybody(net, "hpa", server_inside=True)


@scenario(needs=(*TFTP_NEEDS, "atftpd"), **CLOSED)
def tftp_helper_atftpd(net):
    tftp_for_everybody(net, "atftpd", clients=("hpa",))


@scenario(needs=TFTP_NEEDS, extra=ALLOW)
def tftp_helper_server_inside_egress_open(net):
    tftp_for_everybody(net, "hpa", server_inside=True)


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_over_ipv6(net):
    with World(net) as w, Files(net, "hpa", "out", PHONE6) as files:
        c = Client(net, PBX6, PHONE6).fetch("firmware.bin", 10)
        check(c.got == files.data["firmware.bin"], "the file")
        w.d.expect(event="open", dir="in", src=PHONE6, dst=PBX6)


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_three_hundred_phones_boot_at_once(net):
    with World(net, tftp="timeout 5") as w, \
            Files(net, "hpa", "out", PHONE) as files:
        phones = [Client(net, PBX, PHONE) for _ in range(300)]
        for c in phones:
            c.ask("SEP0014F2.cnf.xml")
        finish(phones, 30)
        check(all(c.got == files.data["SEP0014F2.cnf.xml"] for c in phones),
              "all have the file")
        check(len(w.d.seen(event="open")) == 300, "one event for each")


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_opens_no_more_than_it_must(net):
    with World(net, tftp='timeout 2 allow read file "SEP*"') as w:
        phone = net.socket("in", PBX, 20000)
        other = net.socket("in", PBX, 20001)
        server = net.socket("out", PHONE, 30000)
        evil = net.socket("out", EVIL, 30000)
        net.socket("out", PHONE, 69)
        for junk in (b"", b"\0", b"\0\1", b"\0\1SEP1", b"\0\1SEP1\0",
                     b"\0\3\0\1SEP1\0octet\0", b"\0\2SEP1\0octet\0",
                     b"\0\1passwd\0octet\0"):
            phone.sendto(junk, (PHONE, 69))
        w.d.quiet(event="open")
        check(not passes(server, phone, name(phone), tries=1), "shut before")
        phone.sendto(b"\0\1SEP1\0octet\0" + b"\xff" * 500, (PHONE, 69))
        w.d.expect(event="open", dst=PBX, dport=20000, src=PHONE)
        check(passes(server, phone, name(phone)), "the server, any port")
        check(passes(phone, server, name(server)), "and back")
        check(not passes(evil, phone, name(phone), tries=1), "a stranger")
        check(not passes(server, other, name(other), tries=1), "another port")
        # The pinhole stays open while it is used: each block has its ACK.
        end = time.monotonic() + 6
        while time.monotonic() < end:
            check(passes(server, phone, name(phone)), "in use")
            check(passes(phone, server, name(server)), "in use, back")
            time.sleep(0.2)
        w.d.expect(8, event="close", dport=20000, reason="done")
        closes(server, phone)
        w.clean()


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_a_transfer_survives_reloads_and_crashes(net):
    with World(net, tftp="timeout 5") as w:
        phone = net.socket("in", PBX, 20000)
        server = net.socket("out", PHONE, 30000)
        phone.sendto(b"\0\1firmware\0octet\0", (PHONE, 69))
        opened = w.d.expect(event="open", dport=20000)
        check(passes(server, phone, name(phone)), "before")
        for ill in (lambda: w.d.proc.send_signal(signal.SIGHUP),
                    lambda: w.d.kill("engine"),
                    lambda: w.d.kill("firewall")):
            ill()
            end = time.monotonic() + 2
            while time.monotonic() < end:
                check(passes(server, phone, name(phone), wait=0.5),
                      "meanwhile")
                time.sleep(0.1)
            w.d.ready()
        check(len(w.d.seen(event="open")) == 1, "under the same name")
        w.d.expect(12, event="close", id=opened["id"], reason="done")
        w.clean()


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_a_flood_is_bounded(net):
    """One client has its share, and others go on."""
    with World(net, tftp="timeout 30") as w:
        requests = 4096 + 200
        for port in range(requests):
            s = net.inside("in", lambda: socket.socket(socket.AF_INET,
                                                       socket.SOCK_DGRAM))
            s.bind((HOST, 10000 + port))
            s.sendto(b"\0\1x\0octet\0", (PHONE, 69))
            s.close()
            if port % 100 == 99:
                time.sleep(0.03)
        w.d.expect(10, event="refuse", src=HOST, reason="limit")
        until(lambda: len(w.d.seen(event="open")) == 4096, 5, "its share")
        phone = net.socket("in", PBX, 20000)
        server = net.socket("out", PHONE, 30000)
        phone.sendto(b"\0\1firmware\0octet\0", (PHONE, 69))
        w.d.expect(event="open", dst=PBX, dport=20000)
        check(passes(server, phone, name(phone)), "somebody else's")


@scenario(needs=TFTP_NEEDS, **CLOSED)
def tftp_helper_outlasts_forged_requests(net):
    """More of them than there is room for; others are served all the same."""
    with World(net, server_inside=True, tftp="timeout 30") as w, \
            Files(net, "hpa", "in", PBX) as files:
        raw = net.inside("out", lambda: socket.socket(
            socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
        net.sockets.append(raw)
        payload = b"\0\1none\0octet\0"
        udp = struct.pack("!HHHH", 20000, 69, 8 + len(payload), 0) + payload
        for i in range(17500):
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i, 0,
                             64, 17, 0, bytes((203, 0, i >> 8, i & 255)),
                             socket.inet_aton(PBX))
            raw.sendto(ip + udp, (PBX, 0))
            if i % 20 == 19:
                time.sleep(0.008)
        w.d.expect(10, event="close", reason="limit")
        c = Client(net, PHONE, PBX, "out").fetch("SEP0014F2.cnf.xml", 10)
        check(c.got == files.data["SEP0014F2.cnf.xml"], "the file")
        check(not w.d.seen(event="refuse"), "nobody was refused")


# A stranger chooses his own port, and what an innocent server sends to it.

@scenario(needs=NEEDS, extra="tcp dport { 80, 8080 } accept")
def ftp_helper_a_client_from_port_21_is_a_client(net):
    """He fetches a page from port 21; what the page says is not a command."""
    with World(net, server_inside=True) as w:
        lines = b"".join(
            line + end for end in (b"\r\n", b"\n") for line in (
                b"HELO x", b"MAIL FROM:<a@b>", b"NOOP",
                b"PORT " + six(PBX, 5432),
                b"EPRT |1|%s|5432|" % PBX.encode()))
        page = b"HTTP/1.0 200 OK\r\n\r\n" + lines
        listening(net, "in", PBX, 5432)
        for port in (80, 8080):
            for text in (page, lines):
                web = listening(net, "in", PBX, port)
                c = connects(net, "out", PHONE, (PBX, port), 21)
                check(c, f"the web server at {port}")
                s = web.accept()[0]
                net.sockets.append(s)
                c.sendall(b"GET /file HTTP/1.0\r\n\r\n")
                s.recv(100)
                s.sendall(text)
                got = b""
                while len(got) < len(text):
                    got += c.recv(4096)
                # The one that closes first keeps the port for a minute.
                s.close()
                check(c.recv(1) == b"", "closed")
                for x in (web, c):
                    x.close()
        w.d.quiet(event="open")
        check(not w.d.seen(event="refuse"), "nor was it a command to refuse")
        check(shut_out(net, "out", PHONE, (PBX, 5432)), "5432 is shut")


def invite(proto, me, peer, port=5432):
    """An INVITE that makes a call of `me`."""
    body = sdp(me, port)
    return (f"INVITE sip:x@{peer} SIP/2.0\r\n"
            f"Via: SIP/2.0/{proto} {me}:5060;branch=z9hG4bKfile\r\n"
            f"From: <sip:y@{me}>;tag=a\r\nTo: <sip:x@{peer}>\r\n"
            f"Call-ID: file@{me}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:y@{me}>\r\nMax-Forwards: 70\r\n"
            f"Content-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def answer(proto, caller, me, port=4000, frm=None):
    """The answer of `me`, and where it wants the media."""
    body = sdp(frm or me, port)
    return (f"SIP/2.0 200 OK\r\n"
            f"Via: SIP/2.0/{proto} {caller}:5060;branch=z9hG4bKfile\r\n"
            f"From: <sip:y@{caller}>;tag=a\r\nTo: <sip:x@{me}>;tag=b\r\n"
            f"Call-ID: file@{caller}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:x@{me}>\r\n"
            f"Content-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def fetch(net, passive, port):
    """A file of vsftpd, to our port 5060; answered as a call would be."""
    c = ftplib.FTP(timeout=10)
    c.connect(PBX)
    c.login("ftp", "x")
    c.voidcmd("TYPE I")
    if passive:
        host, at = ftplib.parse227(c.sendcmd("PASV"))
        data = connects(net, "out", PHONE, (host, at), port)
        check(data, "passive data")
        c.putcmd("RETR call")
    else:
        there = listening(net, "out", PHONE, port)
        c.voidcmd("PORT " + six(PHONE, port).decode())
        c.putcmd("RETR call")
        data, peer = there.accept()
        check(peer == (PBX, 20), f"from port 20, not {peer}")
        there.close()
    data.settimeout(3)
    got = b""
    while b"m=audio" not in got:
        got += data.recv(4096)
    try:
        data.sendall(answer("TCP", PBX, PHONE))
    except OSError:
        pass
    time.sleep(0.3)
    data.close()
    c.close()


@scenario(needs=NEEDS, extra="tcp dport { 21, 40000-41000 } accept")
def sip_in_a_file_of_an_ftp_server_is_no_call(net):
    d = net.pinholed("-v", conf=conf())
    server = ftpservers.Server(net, "vsftpd", "in")
    try:
        with open(f"{server.files}/call", "wb") as f:
            f.write(invite("TCP", PBX, PHONE))
        for passive in (False, True):
            net.inside("out", lambda: fetch(net, passive, 5060))
        d.quiet(event="open")
        check(not passes(net.socket("out", PHONE, 4000),
                         net.socket("in", PBX, 5432), (PBX, 5432), tries=1),
              "5432 is shut")
    finally:
        server.close()


@scenario(extra="udp dport { 7, 7777 } accept")
def sip_from_an_echo_service_is_no_call(net):
    """Low and high; a stranger has his own call sent back, or his answer."""
    d = net.pinholed("-v", conf=conf())
    evil = net.socket("out", PHONE, 5060)
    for port in (7, 7777):
        echo = net.socket("in", PBX, port)

        def echoed(text):
            evil.sendto(text, (PBX, port))
            echo.sendto(*echo.recvfrom(65535))
            check(evil.recv(65535) == text, "echoed")
        echoed(invite("UDP", PBX, PHONE))
        evil.sendto(answer("UDP", PBX, PHONE), (PBX, port))
        echo.recv(65535)
        echoed(invite("UDP", PHONE, PBX))
        echoed(answer("UDP", PHONE, PBX, 5432))
        d.quiet(event="open")
    # A telephone at such a port is one.
    phone = net.socket("in", HOST, 40000)
    body = invite("UDP", HOST, PHONE, 20000)
    phone.sendto(body, (PHONE, 5060))
    check(evil.recv(65535) == body, "a call")
    evil.sendto(answer("UDP", HOST, PHONE), (HOST, 40000))
    d.expect(event="open", dir="in", dst=HOST, dport=20000)
