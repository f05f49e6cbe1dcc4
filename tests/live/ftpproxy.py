# SPDX-License-Identifier: ISC
"""The FTP proxy between real clients and servers.  Each is one test."""
import ftplib
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import time

from ftpworld import (NEEDS, REDIRECT, Wire, World, banner, connects,
                      listening, logs_in, named, other_clients,
                      proxy_counters, python_client, reload, shut_out, six,
                      transfers)
from net import (EVIL, FW_IN, FW_OUT, HOST, PBX, PHONE, Daemon, check, until)
from scenarios import scenario


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


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_gives_strangers_nothing(net):
    with World(net) as w:
        wire = Wire(w)
        listener = listening(net, "in", PBX, 30000)
        elsewhere = listening(net, "in", HOST, 30000)
        # Bounce: a third host is named, and it is not heeded.
        at = wire.active(HOST, 30000)
        check(at[0] == FW_OUT, f"our address, not {at}")
        check(shut_out(net, "out", EVIL, at), "a stranger comes in")
        check(shut_out(net, "out", PHONE, (FW_OUT, at[1] ^ 1)),
              "another port")
        server = connects(net, "out", PHONE, at, 20)
        check(server is not None, "the server comes in")
        data, peer = listener.accept()
        check(peer == (PHONE, 20), f"as itself, not {peer}")
        check(not select.select([elsewhere], [], [], 0)[0], "to the client")
        check(shut_out(net, "out", PHONE, at), "but once")
        data.sendall(b"still here")
        # A server that names another host sends the client to itself.
        outside = listening(net, "out", PHONE, 40000)
        third = listening(net, "out", EVIL, 40000)
        at = wire.passive(EVIL, 40000)
        check(at[0] == PHONE, f"the server's address, not {at}")
        check(shut_out(net, "in", HOST, at), "another client")
        client = connects(net, "in", PBX, at)
        check(client is not None, "the client")
        check(outside.accept()[1][0] == FW_OUT, "as ourselves")
        check(not select.select([third], [], [], 0)[0], "nobody else")
        check(server.recv(100) == b"still here", "the first one runs on")
        # Ports of services.
        n = len(w.d.seen(event="open"))
        wire.refused(b"PORT " + six(PBX, 22) + b"\r\n", b"501")
        wire.refused(b"EPRT |1|192.0.2.10|22|\r\n", b"501")
        wire.refused(b"EPRT |2|2001:db8::1|30000|\r\n", b"522")
        wire.refused(b"PORT 1,2,3\r\n", b"501")
        wire.client(b"PASV\r\n")
        wire.s.sendall(b"227 (" + six(PHONE, 22) + b")\r\n")
        check(wire.line(wire.c).startswith(b"425"), "port 22 of the server")
        # The client did not ask for these, or no reply begins with the 227.
        for line in (b"227 (198,51,100,7,156,64)\r\n",
                     b"229 (|||40000|)\r\n",
                     b"200 echo 227 (198,51,100,7,156,64)\r\n",
                     b"214-help\r\n227 (198,51,100,7,156,64)\r\n214 x\r\n"):
            wire.server(line)
        wire.client(b"STAT 227 (198,51,100,7,156,64)\r\n")
        wire.server(b"213 PORT 192,0,2,10,117,48\r\n")
        check(len(w.d.seen(event="open")) == n, "nothing opened")
        w.logged("nobody asked for: \"227 (198,51,100,7,156,64)\"")
        wire.close()
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_reads_lines_however_they_come(net):
    with World(net) as w:
        wire = Wire(w)
        for c in b"pasv\r\n":
            wire.c.sendall(bytes([c]))
            time.sleep(0.002)
        wire._read(wire.s, b"pasv\r\n")
        for c in b"227 " + six(PHONE, 40000) + b"\r\n":
            wire.s.sendall(bytes([c]))
            time.sleep(0.002)
        named(wire.line(wire.c), b"227 Entering Passive Mode (", b")")
        # All at once, and our refusal in its place.
        wire.c.sendall(b"SYST\r\nPORT 1,2,3,4,0,22\r\nEPSV\r\nNOOP\r\n")
        wire._read(wire.s, b"SYST\r\nEPSV\r\nNOOP\r\n")
        wire.s.sendall(b"215 a\r\n229 x (|||40001|)\r\n200 b\r\n")
        got = [wire.line(wire.c)[:3] for _ in range(4)]
        check(got == [b"215", b"501", b"229", b"200"], f"{got}")
        wire.c.send(b"\xff\xf4\xff", socket.MSG_OOB)
        wire.c.sendall(b"\xf2ABOR\r\n")
        wire._read(wire.s, b"\xff\xf4\xff\xf2ABOR\r\n")
        wire.server(b"226 x\r\n")
        wire.client(b"AUTH TLS\r\n")
        wire.server(b"234 go\r\n")
        wire.client(b"\x16\x03\x01\x00\x04a\0\nb")
        wire.server(b"\x16\x03\x03\x00\x04a\0\nb")
        w.logged("TLS")
        wire.close()
        for junk, end in ((b"x" * 5000, "client command too long"),
                          (b"NO\0OP\r\n", "client command not clean")):
            wire = Wire(w)
            wire.c.sendall(junk)
            check(wire.line(wire.c)[:2] == b"50", "the client is told")
            wire.closed(wire.s)
            wire.c.shutdown(socket.SHUT_WR)
            wire.closed(wire.c)
            wire.close()
            w.logged(end)
        for junk, end in ((b"2" * 5000, "server reply too long"),
                          (b"200 \0\r\n", "server reply not clean")):
            wire = Wire(w)
            wire.s.sendall(junk)
            wire.closed(wire.c)
            wire.close()
            w.logged(end)
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_outlives_both_ends(net):
    with World(net) as w:
        # The server dies in the middle of a transfer.
        wire = Wire(w)
        outside = listening(net, "out", PHONE, 40000)
        client = connects(net, "in", PBX, wire.passive())
        server = outside.accept()[0]
        server.sendall(b"half of it")
        check(client.recv(100) == b"half of it", "data")
        wire.passive()
        linger = b"\1\0\0\0\0\0\0\0"
        for s in (server, wire.s):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            s.close()
        wire.closed(client)
        wire.closed(wire.c)
        w.clean()
        # The client goes away, and its transfer ends in its own time.
        wire = Wire(w)
        client = connects(net, "in", PBX, wire.passive())
        server = outside.accept()[0]
        wire.active(PBX, 30000)
        wire.c.close()
        wire.closed(wire.s)
        wire.s.close()
        w.clean()
        server.sendall(b"the rest")
        check(client.recv(100) == b"the rest", "data after the session")
        # At the first address nobody listens; the second has no host.
        Wire.listeners.pop(net).close()
        net.ip("fw", "route", "add", "unreachable", "203.0.113.0/24")
        for to in (PHONE, "203.0.113.7"):
            c = connects(net, "in", PBX, (to, 21))
            check(c.recv(100)[:3] == b"421", f"{to} cannot be reached")
            c.close()
        # Not redirected, or to itself, or not ours to serve.
        c = connects(net, "in", PBX, (FW_IN, 8021))
        check(c.recv(100)[:3] == b"421", "not redirected")
        net.run("fw", "nft", "-f", "-", text="""
            table inet loop {
                chain out {
                    type nat hook output priority -100;
                    tcp dport 21 dnat ip to 192.0.2.1:8021
                }
            }
            add rule inet filter input tcp dport 8021 accept""")
        c = connects(net, "in", PBX, (PHONE, 21))
        check(c.recv(100)[:3] == b"421", "a loop")
        w.logged("the proxy was redirected to itself")
        net.run("fw", "nft", "delete", "table", "inet", "loop")
        c = connects(net, "out", EVIL, (FW_IN, 8021))
        check(c is None or c.recv(100)[:3] == b"421", "a stranger")
        check(w.d.proc.poll() is None, "alive")
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_holds_little_for_those_who_do_not_read(net):
    with World(net, options="timeout 3") as w:
        deaf, other = Wire(w), Wire(w)
        before = w.memory()
        begin = time.monotonic()
        sent = 0
        deaf.s.settimeout(0.5)
        try:
            while sent < 100 << 20:
                sent += deaf.s.send(b"200 " + b"x" * 1000 + b"\r\n")
        except TimeoutError:
            pass
        check(sent < 20 << 20, f"the server was stopped, after {sent}")
        other.client(b"NOOP\r\n")
        other.server(b"200 ok\r\n")
        check(w.memory() - before < 4 << 20, "little is held")
        # Once it reads, all of it comes.
        got = 0
        while got < sent and time.monotonic() < begin + 20:
            got += len(deaf.c.recv(1 << 20))
        check(got >= sent - 1006, f"{got} of {sent}")
        # Idle sessions end.
        deaf.closed(deaf.c)
        deaf.closed(deaf.s)
        w.logged("ending session: no login")
        other.close()
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_serves_five_hundred(net):
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    with World(net, options="max sessions 500") as w:
        wires = [Wire(w) for _ in range(500)]
        c = connects(net, "in", PBX, (PHONE, 21))
        check(c.recv(100)[:3] == b"421", "one too many")
        w.logged("session limit reached")
        for wire in wires:
            wire.c.sendall(b"PASV\r\n")
        for i, wire in enumerate(wires):
            wire._read(wire.s, b"PASV\r\n")
            wire.s.sendall(b"227 (" + six(PHONE, 40000 + i) + b")\r\n")
        at = [named(wire.line(wire.c), b"227 Entering Passive Mode (", b")")
              for wire in wires]
        check(len(set(at)) == 500, "each its own port")
        for i in (0, 1, 250, 499):
            outside = listening(net, "out", PHONE, 40000 + i)
            client = connects(net, "in", PBX, at[i])
            check(client is not None, f"the data of {i}")
            outside.accept()[0].sendall(b"x")
            check(client.recv(1) == b"x", "data")
        # A server with few ports uses one again while its last session is on,
        # or gives one to several.
        at = [wire.passive(PHONE, 40499) for wire in wires[:5]]
        for to in at:
            client = connects(net, "in", PBX, to)
            check(client is not None, "the same port again")
            outside.accept()[0].sendall(b"x")
            check(client.recv(1) == b"x", "data")
        for wire in wires:
            wire.close()
        w.clean()
        Wire(w).passive()


@scenario(needs=NEEDS, egress=False)
def ftp_proxy_reverse_gives_up_the_idle_of_one(net):
    """All sessions are one outsider's; others are served all the same."""
    with World(net, "vsftpd", reverse=True, options="max sessions 20") as w:
        for login in (False, True):
            crowd = [connects(net, "out", EVIL, (FW_OUT, 21))
                     for _ in range(20)]
            check(all(banner(c) == b"220" for c in crowd), "all there is")
            for c in crowd if login else ():
                logs_in(c)
            more = connects(net, "out", EVIL, (FW_OUT, 21))
            check(banner(more) == b"421", "no more for the same")
            others = [connects(net, "out", PHONE, (FW_OUT, 21))
                      for _ in range(10)]
            check(all(banner(c) == b"220" for c in others), "another one")
            for c in others:
                logs_in(c)
            check(banner(connects(net, "out", PHONE, (FW_OUT, 21))) == b"421",
                  "but half of it")
            w.logged("made room for another client")
            for c in (*crowd, *others):
                c.close()
            time.sleep(1)
        w.clean()


@scenario(needs=(*NEEDS, "setpriv", "prlimit"), nat=True, egress=False)
def ftp_proxy_rests_when_it_has_no_descriptors(net):
    few = f"/tmp/{net.tag}-few"
    with open(few, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\nexec setpriv --bounding-set=-sys_resource "
                f'prlimit --nofile=40:40 {Daemon.binary} "$@"\n')
    os.chmod(few, 0o755)
    Daemon.binary = few
    try:
        play_without_descriptors(net)
    finally:
        os.unlink(few)


def play_without_descriptors(net):
    with World(net) as w:
        wire = Wire(w)
        crowd = [net.socket("in", PBX, 0, socket.SOCK_STREAM)
                 for _ in range(60)]
        for c in crowd:
            c.setblocking(False)
            try:
                c.connect((PHONE, 21))
            except BlockingIOError:
                pass
        w.logged("cannot accept connections for the moment")
        pid = w.d.children()["proxy"]

        def ticks():
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                v = f.read().rsplit(")", 1)[1].split()
            return int(v[11]) + int(v[12])
        begin = ticks()
        time.sleep(1.5)
        check(ticks() - begin < 30, "it waits, and does not ask all the time")
        wire.client(b"NOOP\r\n")
        wire.server(b"200 ok\r\n")
        wire.close()
        listener = Wire.listeners[net]
        for c in crowd:
            c.close()
        while select.select([listener], [], [], 1.5)[0]:
            listener.accept()[0].close()
        Wire(w).close()
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_heeds_its_options(net):
    with World(net, options="anonymous only source-port 20") as w:
        wire = Wire(w)
        wire.refused(b"USER root\r\n", b"500 Only anonymous FTP allowed")
        wire.refused(b"AUTH TLS\r\n", b"534")
        w.logged('refused: "USER"')
        check(not any("root" in line for line in w.d.log),
              "a log has no names")
        wire.client(b"USER anonymous\r\n")
        wire.server(b"331 ok\r\n")
        for port in (20, 54321):
            listener = listening(net, "in", PBX, port + 10000)
            at = wire.active(PBX, port + 10000)
            check(connects(net, "out", PHONE, at, port) is not None, "data")
            data, peer = listener.accept()
            check(peer == (PHONE, 20), f"port 20, not {peer}")
            data.close()
        wire.close()
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_lets_tls_through(net):
    with World(net, "vsftpd", tls=True) as w:
        def talk():
            with ftplib.FTP_TLS(timeout=10) as c:
                c.connect(PHONE)
                c.login("ftp", "x")
                c.sendcmd("NOOP")
                check("big" not in c.sendcmd("SYST"), "an answer")
                c.quit()
        net.inside("in", talk)
        w.logged("TLS: its data connections cannot be seen any more")
        w.clean()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_survives_its_neighbours(net):
    with World(net, "vsftpd") as w:
        def session():
            net.inside("in", lambda: transfers(w, PHONE, True, False))
        session()
        for role in ("firewall", "engine", "proxy"):
            pid = w.d.kill(role)
            until(lambda: w.d.children().get(role, pid) != pid, 5, role)
            time.sleep(0.3)
            session()
        w.d.proc.send_signal(1)
        w.logged("reloaded")
        time.sleep(0.3)
        session()
        until(lambda: w.elements() == 0, 5, "nothing is open")
        w.d.stop()
        check("pinholed" not in net.run("fw", "nft", "list", "tables"),
              "nothing of ours is left")


@scenario(nat=True, egress=False)
def ftp_proxy_counters_do_not_go_back(net):
    with World(net) as w:
        wire = Wire(w)
        wire.passive(port=40000)
        before = proxy_counters(w)
        check(before["opened"] == before["open"] == 1, before)
        wire.close()
        until(lambda: w.d.seen(event="close"), 2, "closed")
        for again in (reload, lambda w: w.d.kill("proxy")):
            pid = w.d.children()["proxy"]
            before = proxy_counters(w)
            again(w)
            until(lambda p=pid: w.d.children().get("proxy", p) != p, 5,
                  "another")
            w.d.ready()
            after = proxy_counters(w)
            check(before == after and after["closed"] == 1 and
                  after["questions"] >= 1, f"{before}, then {after}")
            Wire(w).close()


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_sessions_outlive_a_reload(net):
    with World(net) as w:
        old = Wire(w)
        at = old.passive(port=40000)
        outside = listening(net, "out", PHONE, 40000)
        reload(w)
        # Engine, firewall, status and two of these.
        check(len(w.d.family()) == 5, "the old proxy stays")
        # A pinhole that was open stays open, and the session gets more.
        check(connects(net, "in", PBX, at), "passive, from before")
        outside.accept()
        inside = listening(net, "in", PBX, 30000)
        check(connects(net, "out", PHONE, old.active(PBX, 30000)), "active")
        inside.accept()
        at = old.passive(port=40000)
        check(connects(net, "in", PBX, at), "passive")
        outside.accept()
        # New ones are the new one's, and no event has another's name.
        new = Wire(w)
        check(connects(net, "in", PBX, new.passive(port=40000)), "a new one")
        until(lambda: len(w.d.seen(event="open")) == 4, 2, "four events")
        check(len({e["id"] for e in w.d.seen(event="open")}) == 4, "names")
        # A firewall process that dies is no end either.
        pid = w.d.kill("firewall")
        until(lambda: w.d.children().get("firewall", pid) != pid, 5, "another")
        time.sleep(0.3)
        check(connects(net, "in", PBX, old.passive(port=40000)), "after that")
        # The old proxy ends with its last session.
        old.close()
        until(lambda: len(w.d.family()) == 4, 5, "the old proxy goes")
        new.client(b"NOOP\r\n")
        new.server(b"200 ok\r\n")
        # Of those that have been there for long, only so many stay.
        wires = []
        for _ in range(5):
            wires.append(Wire(w))
            reload(w)
        until(lambda: len(w.d.family()) <= 7, 5, "no more than three")
        wires[-1].client(b"NOOP\r\n")
        wires[-1].server(b"200 ok\r\n")
        wires[0].closed(wires[0].c)
        # Without any proxy in the configuration, too.
        with open(w.d.path, encoding="ascii") as f:
            text = f.read()
        w.d.write(text[:text.index("ftp {")])
        w.d.roles.remove("proxy")
        reload(w)
        wires[-1].client(b"NOOP\r\n")
        wires[-1].server(b"200 ok\r\n")
        check(connects(net, "in", PBX, (PHONE, 21)) is None, "nobody listens")
        w.d.stop()
        check(not w.d.family(), "all are gone")
        check("pinholed" not in net.run("fw", "nft", "list", "tables"),
              "nothing of ours is left")


@scenario(needs=NEEDS, nat=True, egress=False)
def ftp_proxy_is_reached_in_other_ways(net):
    public = "198.51.100.200"
    net.ip("fw", "addr", "add", f"{public}/24", "dev", "o0")
    with World(net) as w:
        # As it was, by tproxy.
        net.ip("fw", "rule", "add", "fwmark", "1", "lookup", "100")
        net.ip("fw", "route", "add", "local", "default", "dev", "lo",
               "table", "100")
        net.run("fw", "nft", "delete", "table", "inet", "redir")
        net.run("fw", "nft", "-f", "-", text=f"""
            table inet redir {{
                chain divert {{
                    type filter hook prerouting priority mangle;
                    iifname "i0" tcp dport 21 tproxy ip to {FW_IN}:8021 \
                        meta mark set 1 accept
                }}
                chain pre {{
                    type nat hook prerouting priority dstnat;
                    iifname "o0" ip daddr {public} tcp dport 2121 \
                        dnat ip to {FW_OUT}:21
                }}
            }}
            add rule inet filter input iifname "i0" tcp dport 21 accept""")
        wire = Wire(w)
        outside = listening(net, "out", PHONE, 40000)
        at = wire.passive()
        check(at[0] == PHONE, f"where it wanted to go, not {at}")
        check(connects(net, "in", PBX, at) is not None, "passive")
        check(outside.accept()[1][0] == FW_OUT, "as ourselves")
        listening(net, "in", PBX, 30000)
        check(connects(net, "out", PHONE, wire.active(PBX, 30000)), "active")
        wire.close()
        # In reverse, by a redirection from another address and port.
        server = listening(net, "in", PBX, 21)
        client = connects(net, "out", PHONE, (public, 2121))
        control, ours = server.accept()
        check(ours[0] == FW_IN, f"from {FW_IN}, not {ours}")
        control.sendall(b"220 hi\r\n")
        Wire.line(client)
        client.sendall(b"PASV\r\n")
        Wire.line(control)
        inside = listening(net, "in", PBX, 40000)
        control.sendall(b"227 " + six(PBX, 40000) + b"\r\n")
        at = named(Wire.line(client), b"227 Entering Passive Mode (", b")")
        check(at[0] == public, f"what the client asked for, not {at}")
        check(connects(net, "out", PHONE, at) is not None, "passive")
        check(inside.accept()[1][0] == FW_IN, "as ourselves")
        data = listening(net, "out", PHONE, 30000)
        client.sendall(b"EPRT |1|1.2.3.4|30000|\r\n")
        line = Wire.line(control).split(b"|")
        check(line[2].decode() == FW_IN, f"our address, not {line}")
        check(connects(net, "in", PBX, (FW_IN, int(line[3])), 20), "active")
        check(data.accept()[1] == (public, 20), "from where it is believed")
        client.close()
        control.close()
        w.clean()


class Wrapped:
    """Not pinholed, but contrib/ftp-proxy, which runs it."""

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../contrib/ftp-proxy")

    def __init__(self, net, *flags):
        self.net = net
        net.run("fw", "nft", "-f", "-", text=REDIRECT)
        self.dir = f"/tmp/{net.tag}-wrapped"
        os.mkdir(self.dir)
        env = {**os.environ, "PINHOLED": Daemon.binary,
               "PINHOLED_RUNDIR": self.dir,
               "PINHOLED_PROTECT": "192.0.2.0/24"}
        self.proc = subprocess.Popen(
            [*net.enter("fw"), self.path, "-d", *flags], env=env,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        self.log = [""]
        while "listening on" not in self.log[-1]:
            self.log.append(self.proc.stderr.readline())
            check(self.log[-1], "it ended")
        # The pipe has room for the rest of the log, which is not read.
        return self

    def __exit__(self, *ignored):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.communicate(timeout=10)
        shutil.rmtree(self.dir)


@scenario(needs=NEEDS, nat=True, egress=False,
          extra="meta mark & 0x20000 == 0x20000 accept")
def ftp_proxy_by_the_flags_of_another(net):
    with Wrapped(net, "-A", "-r", "-b", FW_IN, "-m", "7", "-T", "t") as w:
        check(any("tag and queue of a proxy are for pf" in line
                  for line in w.log), "nftables has no tags")
        wire = Wire(w)
        wire.refused(b"USER root\r\n", b"500 Only anonymous FTP allowed")
        outside = listening(net, "out", PHONE, 40000)
        client = connects(net, "in", PBX, wire.passive())
        check(client is not None, "passive")
        check(outside.accept()[1][0] == FW_OUT, "as ourselves")
        inside = listening(net, "in", PBX, 30000)
        check(connects(net, "out", PHONE, wire.active(PBX, 30000)), "active")
        check(inside.accept()[1] == (PHONE, 20), "from port 20")
        wire.close()
    check("ftp-proxy" not in net.run("fw", "nft", "list", "tables"),
          "nothing of ours is left")
