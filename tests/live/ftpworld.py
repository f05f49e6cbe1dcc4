# SPDX-License-Identifier: ISC
"""The FTP proxy's surroundings: NAT, real clients, and a client that speaks
byte by byte."""
import ftplib
import hashlib
import io
import os
import select
import signal
import socket

import ftpservers
from net import (FW_IN, FW_OUT, PBX, PBX6, PHONE, PHONE6, check, conf, until)

FW_IN6, FW_OUT6 = "2001:db8:2::1", "2001:db8:1::1"
NEEDS = ("ss", "openssl", "curl", "lftp", "tnftp", "vsftpd", "proftpd",
         "pure-ftpd", "pure-pw")
REDIRECT = """
table inet redir {
    chain pre {
        type nat hook prerouting priority dstnat;
        iifname "i0" tcp dport 21 redirect to :8021
    }
}
add rule inet filter input iifname "i0" tcp dport 8021 accept
add rule inet filter input iifname "o0" tcp dport 21 accept
"""
FTP = """
ftp {{
    proxy on {in4} port 8021 {options}
    proxy on {in6} port 8021 {options}
    proxy on {out4} port 21 reverse to {pbx} source {in4} {options}
    proxy on {out6} port 21 reverse to {pbx6} source {in6} {options}
}}
"""


class World:
    """A client inside, a server outside and NAT between them; or, in
    reverse, the other way round."""

    def __init__(self, net, kind=None, reverse=False, options="", **server):
        self.net = net
        self.client, where = ("out", "in") if reverse else ("in", "out")
        self.host = FW_OUT if reverse else PHONE
        self.host6 = FW_OUT6 if reverse else PHONE6
        net.run("fw", "nft", "-f", "-", text=REDIRECT)
        self.server = None
        self.d = net.pinholed("-v", conf=conf(more=FTP.format(
            in4=FW_IN, in6=FW_IN6, out4=FW_OUT, out6=FW_OUT6, pbx=PBX,
            pbx6=PBX6, options=options)))
        if kind:
            self.server = ftpservers.Server(net, kind, where, **server)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.server:
            self.server.close()

    def elements(self):
        text = self.net.run("fw", "nft", "list", "table", "inet", "pinholed")
        # Connections that outlive their pinholes are listed by their ids.
        sets = text.split("set ")
        return sum(s.count("expires") for s in sets
                   if not s.startswith("connections"))

    def clean(self):
        """Nobody is connected any more: nothing may be open."""
        until(lambda: self.elements() == 0, 5, "nothing is open")
        opened, closed = (len(self.d.seen(event=e)) for e in ("open", "close"))
        check(opened == closed, f"{opened} opened, {closed} closed")
        check(not self.d.seen(event="refuse"), "no refusal")

    def memory(self):
        """Of the proxy process, resident, in bytes."""
        pid = self.d.children()["proxy"]
        with open(f"/proc/{pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def logged(self, text):
        until(lambda: any(text in line for line in self.d.log), 2,
              f"in the log: {text}; got {self.d.log[-20:]}")


class Client(ftplib.FTP):
    """Python's, and it believes every address it is told."""

    trust_server_pasv_ipv4_address = True
    extended = False

    def makepasv(self):
        if self.extended:
            return ftplib.parse229(self.sendcmd("EPSV"),
                                   self.sock.getpeername())
        return super().makepasv()

    def sendport(self, host, port):
        if self.extended:
            return self.sendeprt(host, port)
        return super().sendport(host, port)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def transfers(w, host, passive, extended, times=1):
    """A megabyte down and up, and a listing, in one session."""
    what = f"{host} {'passive' if passive else 'active'} {extended}"
    want = digest(w.server.data)
    with Client(timeout=10) as c:
        c.connect(host)
        c.login(w.server.user, "secret")
        c.set_pasv(passive)
        c.extended = extended
        for i in range(times):
            got = io.BytesIO()
            c.retrbinary("RETR big", got.write)
            check(digest(got.getvalue()) == want, f"{what}: down {i}")
        name = f"up/{host}{passive}{extended}".replace(":", "")
        c.storbinary(f"STOR {name}", io.BytesIO(w.server.data))
        with open(f"{w.server.files}/{name}", "rb") as f:
            check(digest(f.read()) == want, f"{what}: up")
        check(any("big" in line for line in c.nlst()), f"{what}: list")
        c.quit()


def python_client(w, times=1):
    for host in (w.host, w.host6):
        for passive in (True, False):
            for extended in (False, True) if "." in host else (True,):
                w.net.inside(w.client, lambda: transfers(
                    w, host, passive, extended, times))


def other_clients(w):
    """Command-line clients, as people call them."""
    mine = f"{w.server.dir}/got"
    user = w.server.user

    def run(*argv):
        try:
            os.unlink(mine)
        except FileNotFoundError:
            pass
        w.net.run(w.client, *argv)
        with open(mine, "rb") as f:
            check(digest(f.read()) == digest(w.server.data), " ".join(argv))
    for host in (w.host, f"[{w.host6}]"):
        url = f"ftp://{user}:secret@{host}/big"
        for more in ((), ("--disable-epsv",), ("-P", "-"),
                     ("-P", "-", "--disable-eprt")):
            if "[" in host and "--disable" in "".join(more):
                continue
            run("curl", "-sS", "-m", "20", *more, "-o", mine, url)
        run("tnftp", "-o", mine, url)
        for passive in ("on", "off"):
            run("lftp", "-c", f"set net:timeout 10; set net:max-retries 1; "
                f"set ftp:passive-mode {passive}; get {url} -o {mine}")


class Wire:
    """A control connection through the proxy, both ends in our hands."""

    listeners = {}

    def __init__(self, w, hello=b"220 hi\r\n", client=PBX):
        net = w.net
        if net not in self.listeners:
            s = net.socket("out", PHONE, 21, socket.SOCK_STREAM)
            s.listen(600)
            s.settimeout(5)
            self.listeners[net] = s
        self.w, self.net = w, net
        self.c = net.socket("in", client, 0, socket.SOCK_STREAM)
        self.c.connect((PHONE, 21))
        self.s, self.ours = self.listeners[net].accept()
        self.s.settimeout(2)
        net.sockets.append(self.s)
        self.server(hello)

    def server(self, data, arrives=None):
        """The server says so; what the client must read."""
        self.s.sendall(data)
        self._read(self.c, data if arrives is None else arrives)

    def client(self, data, arrives=None):
        self.c.sendall(data)
        self._read(self.s, data if arrives is None else arrives)

    def refused(self, data, code):
        """The client says so; the proxy, not the server, answers."""
        self.c.sendall(data)
        line = self.line(self.c)
        check(line.startswith(code), f"{data}: {code}, got {line}")
        check(not select.select([self.s], [], [], 0.05)[0],
              f"{data} reaches the server")

    @staticmethod
    def _read(sock, want):
        got = b""
        while len(got) < len(want):
            part = sock.recv(len(want) - len(got))
            check(part, f"closed; wanted {want}, got {got}")
            got += part
        check(got == want, f"wanted {want}, got {got}")

    @staticmethod
    def line(sock):
        got = b""
        while not got.endswith(b"\n"):
            part = sock.recv(1)
            check(part, f"closed after {got}")
            got += part
        return got

    def passive(self, addr=PHONE, port=40000):
        """Where the client is sent; extended if no address is given."""
        if addr is None:
            self.client(b"EPSV\r\n")
            self.s.sendall(b"229 ok (|||%d|)\r\n" % port)
            return PHONE, int(self.line(self.c).split(b"|")[3])
        self.client(b"PASV\r\n")
        self.s.sendall(b"227 ok (%s)\r\n" % six(addr, port))
        return named(self.line(self.c), b"227 Entering Passive Mode (", b")")

    def active(self, addr, port):
        """Where the server is sent."""
        self.c.sendall(b"PORT %s\r\n" % six(addr, port))
        at = named(self.line(self.s), b"PORT ", b"")
        self.server(b"200 ok\r\n")
        return at

    def closed(self, sock):
        sock.settimeout(5)
        try:
            until(lambda: sock.recv(4096) == b"", 5, "closed")
        except ConnectionResetError:
            pass

    def close(self):
        self.c.close()
        self.s.close()


def six(addr, port):
    return (addr.replace(".", ",") +
            f",{port >> 8},{port & 255}").encode()


def named(line, before, after):
    check(line.startswith(before) and line.endswith(after + b"\r\n"),
          f"{before}, got {line}")
    v = line[len(before):len(line) - len(after) - 2].split(b",")
    return (b".".join(v[:4]).decode(), int(v[4]) << 8 | int(v[5]))


def listening(net, where, addr, port):
    s = net.socket(where, addr, port, socket.SOCK_STREAM)
    s.listen(5)
    return s


def control(net, client, server):
    """A control connection, its two ends, and how one of them says what the
    other hears.  Client and server are namespace and address."""
    there = listening(net, *server, 21)
    c = net.socket(*client, 0, socket.SOCK_STREAM)
    c.connect((server[1], 21))
    s = there.accept()[0]
    net.sockets.append(s)
    for end in (c, s):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.settimeout(3)

    def say(frm, to, data):
        frm.sendall(data)
        check(to.recv(4096) == data, data)
    say(s, c, b"220 hi\r\n")
    return c, s, say


def shut_out(net, where, addr, to):
    return connects(net, where, addr, to, wait=0.4) is None


def connects(net, where, addr, to, port=0, wait=1.8):
    """The connection, or None.  A SYN that came too early for the pinhole is
    sent again after a second."""
    s = net.socket(where, addr, port, socket.SOCK_STREAM)
    s.settimeout(wait)
    try:
        s.connect(to)
    except OSError:
        s.close()
        return None
    return s


def banner(c):
    """What a client is told first; nothing if it is not served."""
    if c is None:
        return b""
    c.settimeout(3)
    try:
        return c.recv(100)[:3]
    except OSError:
        return b""


def logs_in(c):
    for line in (b"USER ftp\r\n", b"PASS x\r\n"):
        c.sendall(line)
        got = c.recv(200)
    check(got.startswith(b"230"), f"logged in, not {got}")


def reload(w, times=1):
    for _ in range(times):
        before = sum("reloaded" in line for line in w.d.log)
        w.d.proc.send_signal(signal.SIGHUP)
        until(lambda n=before: sum("reloaded" in line for line in w.d.log) >
              n, 10, "reloaded")
        w.d.ready()


def proxy_counters(w):
    """The line that USR1 has the proxy log."""
    def lines():
        return [line for line in w.d.log if " proxy: open=" in line]
    n = len(lines())
    w.d.proc.send_signal(signal.SIGUSR1)
    until(lambda: len(lines()) > n, 2, "counters of the proxy")
    return {k: int(v) for k, v in (word.split("=") for word in
            lines()[-1].split("proxy: ")[1].split())}
