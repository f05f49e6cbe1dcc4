# SPDX-License-Identifier: ISC
"""The FTP proxy between real clients and servers.  Each is one test."""
import ftplib
import hashlib
import io
import os
import resource
import select
import socket
import threading
import time

import ftpservers
from net import (EVIL, FW_IN, FW_OUT, HOST, PBX, PBX6, PHONE, PHONE6, Failure,
                 check, conf, until)
from scenarios import scenario

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
    """What people type."""
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
            run("lftp", "-c", f"set net:timeout 5; set net:max-retries 1; "
                f"set ftp:passive-mode {passive}; get {url} -o {mine}")


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_forward_vsftpd(net):
    with World(net, "vsftpd") as w:
        python_client(w, 10)
        other_clients(w)
        w.clean()
        w.d.expect(event="open", proto="tcp", dir="out", src=PBX, dst=PHONE)
        w.logged(f"to server {PHONE}:21 via proxy {FW_OUT}:")


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_forward_proftpd(net):
    with World(net, "proftpd") as w:
        python_client(w)
        other_clients(w)
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_forward_pureftpd(net):
    with World(net, "pure-ftpd") as w:
        python_client(w)
        other_clients(w)
        w.clean()


@scenario(needs=NEEDS, egress=False)
def ftp_proxy_reverse_vsftpd(net):
    with World(net, "vsftpd", reverse=True) as w:
        python_client(w, 10)
        other_clients(w)
        w.clean()
        w.d.expect(event="open", proto="tcp", dir="in", src=PHONE, dst=PBX)
        w.d.expect(event="open", proto="tcp", dir="out", src=PBX, dst=PHONE)
        w.logged(f"to server {PBX}:21 via proxy {FW_IN}:")


@scenario(needs=NEEDS, egress=False)
def ftp_proxy_reverse_proftpd(net):
    with World(net, "proftpd", reverse=True) as w:
        python_client(w)
        other_clients(w)
        w.clean()


@scenario(needs=NEEDS, egress=False)
def ftp_proxy_reverse_pureftpd(net):
    with World(net, "pure-ftpd", reverse=True) as w:
        python_client(w)
        other_clients(w)
        w.clean()
