# SPDX-License-Identifier: ISC
"""Signalling that waits until its pinholes are open."""
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
from net import PBX, PHONE, Daemon, Failure, check, conf, name, until
from scenarios import SERVER, call_through, scenario, signalling
from sip import Call, Wire, sdp, tcp_wire
from status import connect, counters

INLINE = SERVER + "\tinline yes\n"


def inline(hold=20, fail="open", queue=5060, sip=INLINE, more=""):
    return conf(sip, f"inline {{ queue {queue} hold {hold} fail {fail} }}\n" +
                more)


def counted(**want):
    """Counters come with some delay."""
    until(lambda: all(counters().get(k) == v for k, v in want.items()), 5,
          f"{want}; {counters()}")


@scenario()
def inline_call_over_udp(net):
    d = net.pinholed(conf=inline(hold=500))
    call_through(net, d)
    # INVITE, 180, 200, ACK, BYE, 200: each is read twice and counts once.
    counted(sip_messages=6, packets_twin=6, inline_packets=6,
            inline_released=6, inline_expired=0, inline_bypassed=0)
    c = connect()
    summary = c.show("summary")[0]
    c.close()
    check(summary["held_us"]["p50"] > 0, summary)


@scenario()
def inline_call_over_tcp(net):
    d = net.pinholed(conf=inline(hold=500))
    call_through(net, d, wire=tcp_wire(net, PHONE, PBX))
    counted(sip_messages=6, inline_expired=0)


def conf_of(text):
    """Without a block that net.conf() writes."""
    return conf("").replace("sip {\n\n}\n", "") + text


class Race:
    """Calls one after the other, each with ports of its own.  The side that
    gets the answer sends media as soon as it has it."""

    def __init__(self, net, caller, wire=None):
        self.wire = wire or signalling(net)
        self.net, self.caller = net, caller
        self.sockets = []

    def play(self, seconds_between=0):
        i = len(self.sockets)
        phone = self.net.socket("out", PHONE, 4000 + 2 * i)
        pbx = self.net.socket("in", PBX, 10000 + 2 * i)
        offer, answer = sdp(PHONE, 4000 + 2 * i), sdp(PBX, 10000 + 2 * i)
        speaker, ear = phone, pbx
        if self.caller == "b":
            offer, answer = answer, offer
            speaker, ear = pbx, phone
        to = name(ear)
        call = Call(self.wire, self.caller)
        call.request(self.caller, "INVITE", offer, tag=False)
        invite = call.last
        call.answer(200, answer, to=invite)
        speaker.sendto(b"first", to)
        call.request(self.caller, "ACK", cseq=invite[2])
        self.sockets.append((ear, call))
        time.sleep(seconds_between)

    def heard(self):
        time.sleep(0.2)
        n = 0
        for ear, _ in self.sockets:
            if select.select([ear], [], [], 0)[0]:
                n += ear.recv(64) == b"first"
        return n


def race(net, caller, calls=200, between=0, tcp=False):
    # Machines that run tests are busy: what is late is another test's matter.
    net.pinholed(conf=inline(hold=500))
    r = Race(net, caller, tcp_wire(net, PHONE, PBX) if tcp else None)
    for _ in range(calls):
        r.play(between)
    n = r.heard()
    now = counters()
    check(n == calls, f"{n} of {calls} first packets; {now}")


@scenario()
def inline_first_packet_inward(net):
    race(net, "a")


@scenario(egress=False)
def inline_first_packet_outward(net):
    race(net, "b")


@scenario()
def inline_first_packet_over_tcp(net):
    race(net, "a", tcp=True)


class Busy:
    """Two loops that do nothing but run."""

    def __enter__(self):
        self.loops = [subprocess.Popen([sys.executable, "-c",
                                        "while True: pass"])
                      for _ in range(2)]

    def __exit__(self, *why):
        for p in self.loops:
            p.kill()
            p.wait()


@scenario()
def inline_a_fragmented_answer(net):
    """The kernel puts it together before it waits."""
    net.pinholed(conf=inline(hold=500))
    p = net.socket("out", PHONE, 4000)
    ear = net.socket("in", PBX, 10000)
    call = Call(signalling(net))
    call.request("a", "INVITE", sdp(PHONE, 4000), tag=False)
    call.answer(200, sdp(PBX, 10000, extra="a=x:" + "y" * 3000 + "\r\n"))
    p.sendto(b"first", name(ear))
    check(ear.recv(64) == b"first", "the first packet")
    counted(inline_packets=2, inline_expired=0)


@scenario()
def inline_first_packet_beside_busy_loops(net):
    with Busy():
        race(net, "a", 100, between=0.002)


def calls_while(net, d, disturb, calls=200):
    """All signalling of these calls arrives, whatever is done to us in their
    middle."""
    wire = signalling(net)
    worst = 0
    for i in range(calls):
        if i == calls // 4:
            threading.Thread(target=disturb, daemon=True).start()
        begin = time.monotonic()
        call = Call(wire).set_up(sdp(PHONE, 4000 + i), sdp(PBX, 10000 + 2 * i))
        worst = max(worst, time.monotonic() - begin)
        call.hang_up()
        time.sleep(0.02)
    return worst


def stopped(net, role):
    d = net.pinholed(conf=inline())
    net.known = d.children()

    def disturb():
        pid = d.kill(role, signal.SIGSTOP)
        try:
            time.sleep(5)
        finally:
            os.kill(pid, signal.SIGCONT)
    worst = calls_while(net, d, disturb)
    # Four messages, each of which waits for twice `hold` at most.
    check(worst < 0.4, f"a call took {worst:.3f} s to set up")
    time.sleep(1)
    call_through(net, d, wire=Wire(*net.sockets[:2]))


@scenario()
def inline_engine_stopped(net):
    stopped(net, "engine")


@scenario()
def inline_firewall_process_stopped(net):
    stopped(net, "firewall")


@scenario()
def inline_firewall_process_stopped_in_silence(net):
    """The monitor keeps the deadline.  It does not look closely while no packet
    comes, and may be too late to see one before the engine has read it."""
    d = net.pinholed(conf=inline())
    wire = signalling(net)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000)).hang_up()
    b = wire.sock["b"]
    took = []
    for _ in range(6):
        # The monitor looks once a second; let it do so before it is stopped.
        time.sleep(2)
        pids = [d.kill("firewall", signal.SIGSTOP),
                d.kill("monitor", signal.SIGSTOP)]
        try:
            wire.send("a", "OPTIONS sip:x SIP/2.0\r\n\r\n", arrive=False)
            time.sleep(0.1)
            check(not select.select([b], [], [], 0)[0], "nobody let it go")
            os.kill(pids.pop(), signal.SIGCONT)
            begin = time.monotonic()
            b.recv(65535)
            took.append(time.monotonic() - begin)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
    # Twice `hold`, and room for a busy machine.
    check(max(took) < 0.25, f"it took {took}")


@scenario()
def inline_monitor_stopped(net):
    stopped(net, "monitor")


def killed(net, role):
    d = net.pinholed(conf=inline())

    def disturb():
        for _ in range(3):
            d.kill(role)
            time.sleep(1)
    calls_while(net, d, disturb)
    d.ready()
    time.sleep(1)
    call_through(net, d, wire=Wire(*net.sockets[:2]))


@scenario()
def inline_engine_killed(net):
    killed(net, "engine")


@scenario()
def inline_firewall_process_killed(net):
    killed(net, "firewall")


@scenario()
def inline_all_killed(net):
    """Without anybody who reads the queue, packets pass.  The kernel drops
    what waits while the last of them dies."""
    d = net.pinholed(conf=inline())
    wire = signalling(net)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000)).hang_up()
    d.kill_all()
    queues = "/proc/net/netfilter/nfnetlink_queue"
    until(lambda: net.run("fw", "cat", queues) == "", 5, "the queue is gone")
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000)).hang_up()


@scenario()
def inline_reload(net):
    d = net.pinholed(conf=inline())

    def disturb():
        for hold in (30, 20, 25):
            # A table of another layout is built anew.
            d.write(inline(hold=hold, sip=INLINE + (
                "\tport { 5060 5080 }\n" if hold == 30 else "")))
            os.kill(d.proc.pid, signal.SIGHUP)
            time.sleep(1.2)
    calls_while(net, d, disturb)
    until(lambda: sum("reloaded" in line for line in d.log) >= 3, 5, d.log)
    call_through(net, d, wire=Wire(*net.sockets[:2]))


@scenario()
def inline_begins_and_ends_with_a_reload(net):
    d = net.pinholed(conf=conf(SERVER))
    wire = signalling(net)
    for n, text in enumerate((inline(), conf(SERVER), inline(queue=5099))):
        d.write(text)
        os.kill(d.proc.pid, signal.SIGHUP)
        until(lambda: sum("reloaded" in line for line in d.log) > n, 5, d.log)
        time.sleep(0.3)
        call_through(net, d, wire=wire)
        net.sockets[2:] = []


@scenario(extra="meta l4proto udp th dport 5060 drop")
def inline_permits_nothing_that_the_rules_forbid(net):
    """A packet that the user's chain drops is not even counted."""
    net.run("fw", "nft", "insert", "rule", "inet", "filter", "forward",
            "udp", "dport", "5060", "ip", "daddr", PBX, "drop")
    d = net.pinholed(conf=inline())
    a, b = net.socket("out", PHONE, 5060), net.socket("in", PBX, 5060)
    b.settimeout(0.3)
    call = Call(Wire(a, b))
    for _ in range(3):
        call.request("a", "INVITE", sdp(PHONE, 4000), tag=False, arrive=False)
        try:
            b.recv(65535)
        except socket.timeout:
            continue
        raise Failure("an INVITE that the rules drop arrived")
    d.quiet(event="open")
    counted(inline_packets=0)


@scenario()
def inline_hold_expires_open(net):
    """No process reads the queue: after `hold` the packet goes."""
    d = net.pinholed(conf=inline(hold=200))
    wire = signalling(net)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000)).hang_up()
    pid = d.kill("engine", signal.SIGSTOP)
    try:
        took = []
        for _ in range(5):
            begin = time.monotonic()
            wire.send("a", "OPTIONS sip:x SIP/2.0\r\n\r\n")
            took.append(time.monotonic() - begin)
    finally:
        os.kill(pid, signal.SIGCONT)
    check(0.1 < min(took) and max(took) < 0.3, f"it took {took}")
    until(lambda: counters().get("inline_expired", 0) >= 5, 3, counters())


@scenario()
def inline_hold_expires_closed(net):
    """No process reads the queue: after `hold` the packet is lost."""
    d = net.pinholed(conf=inline(hold=100, fail="closed"))
    wire = signalling(net)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000)).hang_up()
    b = wire.sock["b"]
    b.settimeout(0.5)
    pid = d.kill("engine", signal.SIGSTOP)
    try:
        for _ in range(3):
            wire.send("a", "OPTIONS sip:x SIP/2.0\r\n\r\n", arrive=False)
        try:
            got = b.recv(65535)
        except socket.timeout:
            got = None
    finally:
        os.kill(pid, signal.SIGCONT)
    check(got is None, f"it passed: {got}")
    until(lambda: counters().get("inline_expired", 0) >= 3, 3, counters())
    b.settimeout(2)
    time.sleep(0.5)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000)).hang_up()


def take_queue(number):
    """Another program that has this queue."""
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    s.bind((0, 0))
    cmd = struct.pack("=HHBBH", 8, 1, 1, 0, 0)
    body = struct.pack("=BBH", 0, 0, socket.htons(number)) + cmd
    s.sendto(struct.pack("=IHHII", 16 + len(body), 3 << 8 | 2, 5, 1, 0) +
             body, (0, 0))
    check(struct.unpack("=i", s.recv(4096)[16:20])[0] == 0, "bound")
    return s


@scenario()
def inline_queue_of_another(net):
    s = net.inside("fw", lambda: take_queue(5060))
    net.sockets.append(s)
    path = f"/run/{net.tag}.conf"
    with open(path, "w", encoding="ascii") as f:
        f.write(inline())
    done = subprocess.run([*net.enter("fw"), Daemon.binary, "-n", "-f", path],
                          capture_output=True, text=True, check=False)
    check("queue 5060 belongs to another program" in done.stderr and
          done.returncode == 1, done.stderr)
    d = net.pinholed(conf=inline(), wait=False)
    until(lambda: d.proc.poll() is not None, 5, "it does not start")
    check(any("queue 5060 belongs to another program" in line
              for line in d.log), d.log)
    call_through(net, net.pinholed(conf=inline(queue=5061)))


@scenario()
def inline_check_says_how(net):
    path = f"/run/{net.tag}.conf"
    with open(path, "w", encoding="ascii") as f:
        f.write(inline())
    done = subprocess.run([*net.enter("fw"), Daemon.binary, "-n", "-f", path],
                          capture_output=True, text=True, check=False)
    check(done.returncode == 0 and
          "signalling waits in queue 5060, by the " in done.stderr,
          done.stderr)


TRANSFERS = """
sip { inline yes }
inline { hold 500 }
ftp { port 21 }
tftp { port 69 }
"""


@scenario(**CLOSED)
def inline_first_packet_of_tftp(net):
    """The server sends as soon as it has the request, and once."""
    net.pinholed(conf=conf_of(TRANSFERS))
    server = net.socket("in", PBX, 69)
    client = net.socket("out", PHONE, 0)
    client.settimeout(0.5)
    for i in range(50):
        request = b"\0\1file%d\0octet\0" % i
        client = net.socket("out", PHONE, 20000 + i)
        client.settimeout(1)
        data = net.socket("in", PBX, 30000 + i)
        client.sendto(request, (PBX, 69))
        got, frm = server.recvfrom(512)
        data.sendto(b"\0\3\0\1data", frm)
        try:
            check(client.recv(512) == b"\0\3\0\1data", "data")
        except socket.timeout:
            raise Failure(f"the first packet of transfer {i} is lost; "
                          f"{counters()}") from None
    counted(inline_expired=0)


@scenario(**CLOSED)
def inline_first_packet_of_ftp(net):
    """The client connects as soon as it has the answer; a SYN that is lost
    would be sent again after a second."""
    net.pinholed(conf=conf_of(TRANSFERS))
    c, s, say = control(net, ("out", PHONE), ("in", PBX))
    for i in range(30):
        listening(net, "in", PBX, 40000 + i)
        data = net.socket("out", PHONE, 0, socket.SOCK_STREAM)
        say(c, s, b"PASV\r\n")
        say(s, c, b"227 (%s)\r\n" % six(PBX, 40000 + i))
        begin = time.monotonic()
        data.connect((PBX, 40000 + i))
        took = time.monotonic() - begin
        check(took < 0.9, f"connection {i} took {took:.3f} s; {counters()}")
    counted(inline_expired=0)
