# SPDX-License-Identifier: ISC
"""What must not cost signalling anything while it is held."""
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from ftpworld import control, listening, six
from helpers import CLOSED
from inline import (INLINE, TRANSFERS, conf_of, counted, inline,
                    take_queue)
from net import (EVIL, Failure, GATEWAY, PBX, PBX6, PHONE, PHONE6, check, conf, name,
                 until)
from scenarios import SERVER, call_through, scenario, signalling
from sip import Call, Wire, sdp, tcp_wire
from status import counters


# Each protected host speaks for itself.
ANY = "\tinline yes\n"


class Stream:
    """Requests in both directions, some each millisecond; none may be lost,
    nor wait for longer than `within` seconds by the kernel's clock."""
    SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33

    def __init__(self, wire, pause=0.001):
        self.wire, self.pause = wire, pause
        self.sent, self.took = {}, {}
        self.going = True
        for s in wire.sock.values():
            s.setsockopt(socket.SOL_SOCKET, self.SO_TIMESTAMPNS, 1)
            s.setsockopt(socket.SOL_SOCKET, self.SO_RCVBUFFORCE, 8 << 20)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def listen(self):
        while True:
            ready = select.select(list(self.wire.sock.values()), [], [], 0)[0]
            if not ready:
                return
            for s in ready:
                data, more, _, _ = s.recvmsg(65535, 256)
                sec, nsec = struct.unpack("=qq", more[0][2][:16])
                i = int(data.split(b"X-Number: ")[1].split(b"\r")[0])
                self.took.setdefault(i, sec + nsec / 1e9 - self.sent[i])

    def run(self):
        i = 0
        while self.going:
            for side in "ab":
                i += 1
                self.sent[i] = time.time()
                self.wire.send(side, "OPTIONS sip:x SIP/2.0\r\n"
                               f"X-Number: {i}\r\n\r\n", arrive=False)
            self.listen()
            time.sleep(self.pause)

    def __enter__(self):
        self.thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *why):
        time.sleep(0.3)
        self.going = False
        self.thread.join()
        time.sleep(0.3)
        self.listen()

    def lost(self):
        return sorted(set(self.sent) - set(self.took))

    def none_lost(self):
        check(not self.lost(), f"lost {len(self.lost())} of {len(self.sent)}: "
              f"{self.lost()[:5]}; {counters()}")


def still_inline(net, d, wire=None):
    """Packets still wait: none passes unread."""
    before = counters()
    call_through(net, d, wire=wire)
    until(lambda: counters().get("inline_packets", 0) >=
          before.get("inline_packets", 0) + 6, 5, f"{before} {counters()}")


@scenario()
def inline_leave_loses_nothing(net):
    """SIGUSR2 keeps the table, but nobody reads the queue until the next
    daemon has started."""
    d = net.pinholed(conf=inline(hold=200))
    wire = signalling(net)
    with Stream(wire) as s:
        d.proc.send_signal(signal.SIGUSR2)
        d.proc.wait(10)
        time.sleep(0.3)
        d = net.pinholed(conf=inline(hold=200))
    s.none_lost()
    still_inline(net, d, Wire(*net.sockets[:2]))


@scenario()
def inline_stop_loses_nothing(net):
    d = net.pinholed(conf=inline(hold=200))
    with Stream(signalling(net)) as s:
        d.stop()
    check(not s.lost(), f"lost {len(s.lost())}")


def reload_loses_nothing(net, before, after):
    d = net.pinholed(conf=before)
    with Stream(signalling(net)) as s:
        d.write(after)
        os.kill(d.proc.pid, signal.SIGHUP)
        until(lambda: any("reloaded" in line for line in d.log), 5, d.log)
    s.none_lost()
    still_inline(net, d, Wire(*net.sockets[:2]))


@scenario()
def inline_reload_to_another_table(net):
    """The queue stays, while the old table goes."""
    reload_loses_nothing(net, inline(), inline().replace(
        "firewall nftables", 'firewall nftables table "other"'))


@scenario()
def inline_reload_to_another_queue(net):
    reload_loses_nothing(net, inline(fail="closed", hold=500),
                         inline(queue=5070, fail="closed", hold=500))


@scenario()
def inline_reload_that_fails(net):
    """The queue of before goes on as it was."""
    d = net.pinholed(conf=inline(fail="closed", hold=100))
    with Stream(signalling(net)) as s:
        d.write(inline(fail="open").replace("interface i0", "interface no0"))
        os.kill(d.proc.pid, signal.SIGHUP)
        time.sleep(1)
    s.none_lost()
    still_inline(net, d, Wire(*net.sockets[:2]))


@scenario(nat=True)
def inline_a_burst_of_a_new_flow(net):
    """The kernel knows the flow only when the first of them has gone."""
    net.pinholed(conf=inline(hold=200))
    b = net.socket("in", PBX, 5060)
    a = net.socket("out", PHONE, 5060)
    for port in range(7000, 7020):
        p = net.socket("in", PBX, port)
        for i in range(8):
            p.sendto(b"OPTIONS sip:x SIP/2.0\r\nX: %d\r\n\r\n" % i,
                     (PHONE, 5060))
        got = {a.recv(2000) for _ in range(8)}
        check(len(got) == 8, f"{len(got)} of 8 from port {port}")
    b.close()


def flood(net, n, port=5060):
    """n INVITEs of a stranger, as fast as they go, to another host."""
    program = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[4])))
for i in range(int(sys.argv[3])):
    s.sendto(b"INVITE sip:x@h SIP/2.0\\r\\n"
        b"Via: SIP/2.0/UDP h:5060;branch=z9hG4bK%d\\r\\n"
        b"From: <sip:a@h>;tag=%d\\r\\nTo: <sip:b@h>\\r\\nCall-ID: %d@flood\\r\\n"
        b"CSeq: 1 INVITE\\r\\nContact: <sip:x@h>\\r\\n"
        b"Content-Length: 0\\r\\n\\r\\n" % (i, i, i), (sys.argv[2], 5060))
"""
    return subprocess.Popen([*net.enter("out"), sys.executable, "-c", program,
                             EVIL, GATEWAY, str(n), str(port)])


@scenario()
def inline_flood_of_one_source(net):
    """The engine is behind; the signalling of others waits for twice `hold`
    at most."""
    net.pinholed(conf=inline(hold=100))
    wire = signalling(net)
    with Stream(wire, pause=0.005) as s:
        noise = flood(net, 100000)
        noise.wait(60)
    s.none_lost()
    worst = max(s.took.values())
    # And room for a busy machine.
    check(worst < 0.35, f"waited {worst:.3f} s; {counters()}")


@scenario()
def inline_full_queue_open(net):
    """Nobody reads, and there is no room: what comes passes at once."""
    d = net.pinholed(conf=inline(hold=1000))
    wire = signalling(net)
    pid = d.kill("engine", signal.SIGSTOP)
    try:
        flood(net, 40000).wait(60)
        with Stream(wire) as s:
            time.sleep(0.5)
    finally:
        os.kill(pid, signal.SIGCONT)
    check(not s.lost(), f"lost {len(s.lost())}")
    # The next number that is read shows how many were not.
    until(lambda: counters().get("inline_packets", 0) > 10000, 20, "read")
    still_inline(net, d, Wire(*net.sockets[:2]))
    until(lambda: counters().get("inline_bypassed", 0) > 0, 5, "bypassed")


@scenario()
def inline_full_queue_closed(net):
    """What finds no room is lost, and counted; afterwards all goes on."""
    d = net.pinholed(conf=inline(hold=200, fail="closed"))
    signalling(net)
    pid = d.kill("engine", signal.SIGSTOP)
    try:
        flood(net, 60000).wait(60)
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: counters().get("inline_dropped", 0) > 0, 20, counters())
    until(lambda: queue_of(net)[2] == 0, 20, "the queue is empty")
    time.sleep(1)
    still_inline(net, d, Wire(*net.sockets[:2]))


def queue_of(net):
    """Number, port, waiting, ... of the first queue."""
    text = net.run("fw", "cat", "/proc/net/netfilter/nfnetlink_queue")
    return [int(x) for x in text.split("\n")[0].split()] if text else []


def first_behind_answer(net, wire, answer, ports, call=None):
    """The caller's first packet, right behind the answer."""
    a, b = wire.sock["a"], wire.sock["b"]
    six = ":" in name(a)[0]
    phone = net.socket("out", PHONE6 if six else PHONE, ports[0])
    ear = net.socket("in", PBX6 if six else PBX, ports[1])
    call = call or Call(wire)
    call.request("a", "INVITE", sdp(name(phone)[0], ports[0]), tag=False)
    answer(call, sdp(name(ear)[0], ports[1]))
    phone.sendto(b"first", name(ear))
    try:
        check(ear.recv(64) == b"first", "the first packet")
    except socket.timeout:
        raise Failure(f"the first packet is lost; {counters()}") from None
    b.settimeout(2)


def wire6(net):
    return Wire(net.socket("out", PHONE6, 5060), net.socket("in", PBX6, 5060))


@scenario()
def inline_fragments_of_ipv6(net):
    net.pinholed(conf=inline(hold=500, sip=ANY))
    first_behind_answer(net, wire6(net), lambda call, body: call.answer(
        200, body + "a=x:" + "y" * 3000 + "\r\n"), (4000, 10000))
    counted(inline_packets=2, inline_expired=0)


@scenario()
def inline_fragments_without_conntrack(net):
    """Connections are not tracked, but fragments still come whole."""
    net.run("fw", "nft", "-f", "-", text="""table inet raw {
        chain pre {
            type filter hook prerouting priority raw;
            udp sport 5060 notrack
        }
    }
    """)
    net.run("fw", "nft", "insert", "rule", "inet", "filter", "forward",
            "udp", "sport", "5060", "accept")
    net.pinholed(conf=inline(hold=500, sip=ANY))
    for i, wire in enumerate((signalling(net), wire6(net))):
        first_behind_answer(net, wire, lambda call, body: call.answer(
            200, body + "a=x:" + "y" * 3000 + "\r\n"),
            (4000 + 10 * i, 10000 + 10 * i))
    counted(inline_packets=4, inline_expired=0)


@scenario()
def inline_extension_headers_of_ipv6(net):
    """Destination options and hop-by-hop options before UDP."""
    net.pinholed(conf=inline(hold=500, sip=ANY))
    wire = wire6(net)
    padding = b"\0\0\1\4\0\0\0\0"
    for i, option in enumerate((socket.IPV6_DSTOPTS, socket.IPV6_HOPOPTS)):
        wire.sock["b"].setsockopt(socket.IPPROTO_IPV6, option, padding)
        first_behind_answer(net, wire, lambda call, body: call.answer(
            200, body), (4000 + 10 * i, 10000 + 10 * i))
    counted(inline_packets=4, inline_expired=0)


@scenario()
def inline_answers_in_one_large_segment(net):
    """Segmentation offload makes one packet of many answers."""
    net.pinholed(conf=inline(hold=500))
    wire = tcp_wire(net, PHONE, PBX)
    pairs, calls = [], []
    for i in range(30):
        pairs.append((net.socket("out", PHONE, 4000 + 2 * i),
                      net.socket("in", PBX, 10000 + 2 * i)))
        call = Call(wire, transport="TCP")
        call.request("a", "INVITE", sdp(PHONE, 4000 + 2 * i), tag=False)
        calls.append(call)
    sink = Collect(wire)
    for i, call in enumerate(calls):
        call.answer(200, sdp(PBX, 10000 + 2 * i), wire=sink)
    wire.send("b", "".join(sink.texts))
    for phone, ear in pairs:
        phone.sendto(b"first", name(ear))
    for i, (_, ear) in enumerate(pairs):
        try:
            check(ear.recv(64) == b"first", "first")
        except socket.timeout:
            raise Failure(f"first packet {i} is lost; {counters()}") from None
    counted(inline_expired=0)


class Collect:
    """Takes what a call would send."""

    def __init__(self, wire):
        self.sock, self.to, self.texts = wire.sock, wire.to, []

    def send(self, side, text, arrive=True):
        self.texts.append(text)


@scenario()
def inline_answers_in_small_segments(net):
    """Of five bytes each."""
    net.pinholed(conf=inline(hold=500))
    wire = tcp_wire(net, PHONE, PBX)
    wire.sock["b"].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def answer(call, body):
        sink = Collect(wire)
        call.answer(200, body, wire=sink)
        text = sink.texts[0]
        for i in range(0, len(text), 5):
            wire.send("b", text[i:i + 5], arrive=False)
        left = len(text)
        while left > 0:
            left -= len(wire.sock["a"].recv(left))
    for i in range(3):
        first_behind_answer(net, wire, answer, (4000 + 10 * i, 10000 + 10 * i),
                            Call(wire, transport="TCP"))
    counted(inline_expired=0)


@scenario()
def inline_flush_ruleset_under_load(net):
    """The kernel drops what waits at that moment, and no more."""
    d = net.pinholed(conf=inline(hold=200))
    wire = signalling(net)
    with Stream(wire) as s:
        for _ in range(3):
            net.run("fw", "nft", "-f", "-", text="flush ruleset\n")
            net.ruleset()
            time.sleep(0.7)
    # One or two each time, and as many while there is no rule at all.
    check(len(s.lost()) < len(s.sent) / 20,
          f"lost {len(s.lost())} of {len(s.sent)}")
    until(lambda: "pinholed" in net.run("fw", "nft", "list", "tables"), 3,
          "our table is there again")
    still_inline(net, d, Wire(*net.sockets[:2]))


@scenario()
def inline_two_daemons(net):
    """Each with a queue and a table of its own: a packet waits in both."""
    net.run("fw", "nft", "insert", "rule", "inet", "filter", "forward",
            "meta", "mark", "&", "0x20000", "==", "0x20000", "accept")
    one = inline(hold=500)
    two = inline(hold=500, queue=5070).replace(
        "firewall nftables", 'firewall nftables table "second" mark 0x20000')
    two = two.replace(".sock", ".2.sock").replace(".state", ".2.state")
    net.pinholed(conf=one)
    net.pinholed(conf=two)
    wire = signalling(net)
    for i in range(20):
        first_behind_answer(net, wire, lambda call, body: call.answer(
            200, body), (4000 + 2 * i, 10000 + 2 * i))


@scenario()
def inline_reloads_under_load(net):
    """One after the other, with all that can change."""
    d = net.pinholed(conf=inline(hold=200))
    with Stream(signalling(net)) as s:
        for i, text in enumerate((inline(hold=300, fail="closed"),
                                  inline(hold=200, queue=5070),
                                  inline(hold=200),
                                  conf(SERVER), inline(hold=250))):
            d.write(text)
            os.kill(d.proc.pid, signal.SIGHUP)
            until(lambda n=i: sum("reloaded" in line for line in d.log) > n,
                  10, d.log)
    s.none_lost()
    still_inline(net, d, Wire(*net.sockets[:2]))


@scenario()
def inline_firewall_process_killed_while_it_builds(net):
    """A queue that it left paused does not stay so."""
    d = net.pinholed(conf=inline(hold=200))
    wire = signalling(net)
    for _ in range(5):
        net.run("fw", "nft", "delete", "table", "inet", "pinholed")
        d.kill("firewall")
        d.ready()
        time.sleep(0.5)
    still_inline(net, d, wire)


@scenario()
def inline_reload_to_a_queue_of_another(net):
    """All goes on with the queue of before."""
    net.sockets.append(net.inside("fw", lambda: take_queue(5070)))
    d = net.pinholed(conf=inline(fail="closed", hold=200))
    with Stream(signalling(net)) as s:
        d.write(inline(queue=5070))
        os.kill(d.proc.pid, signal.SIGHUP)
        until(lambda: any("not reloaded" in line and "belongs to another" in
                          line for line in d.log), 5, d.log)
    s.none_lost()
    still_inline(net, d, Wire(*net.sockets[1:3]))


@scenario()
def inline_reload_that_lasts(net):
    """The old firewall process does not put its rules in place of the new."""
    d = net.pinholed(conf=inline(hold=200))
    with Stream(signalling(net)) as s:
        pid = d.kill("engine", signal.SIGSTOP)
        d.write(inline(hold=200, sip=INLINE + "\tport { 5060 5080 }\n"))
        os.kill(d.proc.pid, signal.SIGHUP)
        time.sleep(2)
        os.kill(pid, signal.SIGCONT)
        until(lambda: any("reloaded" in line for line in d.log), 5, d.log)
    check(not any("removed our rules" in line for line in d.log), d.log)
    s.none_lost()
    still_inline(net, d, Wire(*net.sockets[:2]))


@scenario(**CLOSED)
def inline_first_packet_of_tftp_from_outside(net):
    """The client is inside."""
    net.pinholed(conf=conf_of(TRANSFERS))
    server = net.socket("out", PHONE, 69)
    for i in range(50):
        client = net.socket("in", PBX, 20000 + i)
        data = net.socket("out", PHONE, 30000 + i)
        client.sendto(b"\0\1file%d\0octet\0" % i, (PHONE, 69))
        _, frm = server.recvfrom(512)
        data.sendto(b"\0\3\0\1data", frm)
        try:
            check(client.recv(512) == b"\0\3\0\1data", "data")
        except socket.timeout:
            raise Failure(f"the first packet of transfer {i} is lost; "
                          f"{counters()}") from None
    counted(inline_expired=0)


@scenario(**CLOSED)
def inline_first_packet_of_active_ftp(net):
    """The client is inside; the server connects as soon as it is asked for a
    file."""
    net.pinholed(conf=conf_of(TRANSFERS))
    c, s, say = control(net, ("in", PBX), ("out", PHONE))
    for i in range(30):
        listening(net, "in", PBX, 40000 + i)
        data = net.socket("out", PHONE, 0, socket.SOCK_STREAM)
        say(c, s, b"PORT %s\r\n" % six(PBX, 40000 + i))
        say(s, c, b"200 fine\r\n")
        say(c, s, b"RETR x\r\n")
        begin = time.monotonic()
        data.connect((PBX, 40000 + i))
        took = time.monotonic() - begin
        check(took < 0.9, f"connection {i} took {took:.3f} s; {counters()}")
    counted(inline_expired=0)


@scenario()
def inline_goes_before_what_computes(net):
    """Also where processors are shared between sessions first."""
    d = net.pinholed(conf=inline())
    for role, pid in d.children().items():
        check(os.getpriority(os.PRIO_PROCESS, pid) == -15, role)
        path = f"/proc/{pid}/autogroup"
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                check(f.read().split()[-2:] == ["nice", "-15"], role)
