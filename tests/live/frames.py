# SPDX-License-Identifier: ISC
"""Frames made by hand, as neither end's kernel would send them."""
import signal
import socket
import struct
import time

from ftpworld import connects, listening, six
from helpers import invite
from net import (EVIL, Failure, GATEWAY, PBX, PHONE, Unable, check, conf, name,
                 passes, until)
from scenarios import media, scenario, signalling
from sip import Call, Wire, sdp, tcp_wire
from status import counters

ETH_IP, VLAN, QINQ = 0x0800, 0x8100, 0x88a8


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def ipv4(src, dst, proto, payload, ttl=64):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, ttl,
                       proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + payload


def udp(src, dst, data):
    """src and dst are (address, port)."""
    return ipv4(src[0], dst[0], 17, struct.pack(
        "!HHHH", src[1], dst[1], 8 + len(data), 0) + data)


class Nic:
    """An end of a cable, for whole frames."""

    def __init__(self, net, where, dev="eth0"):
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            s.bind((dev, 0))
            return s
        self.sock = net.inside(where, make)
        net.sockets.append(self.sock)
        self.mac = self.sock.getsockname()[4]
        peer = {"in": "i0", "out": "o0"}[where]
        text = net.ip("fw", "-o", "link", "show", "dev", peer)
        self.peer = bytes.fromhex(
            text.split("link/ether ")[1].split()[0].replace(":", ""))

    def send(self, packet, tags=(), to=None):
        """`tags` are (type, tci), the outer one first."""
        frame = (to or self.peer) + self.mac
        for kind, tci in tags:
            frame += struct.pack("!HH", kind, tci)
        self.sock.send(frame + struct.pack("!H", ETH_IP) + packet)


class Kept(Wire):
    """Keeps the text that side b would send."""

    def send(self, side, text, arrive=True):
        self.text = text.encode()


def invited(net, addr=PBX):
    """An INVITE from outside, and the answer that it did not get yet."""
    wire = signalling(net, pbx=addr)
    kept = Kept(wire.sock["a"], wire.sock["b"])
    call = Call(wire)
    call.request("a", "INVITE", sdp(PHONE, 4000), tag=False)
    call.answer(200, sdp(addr, 10000), wire=kept)
    return call, udp((addr, 5060), (PHONE, 5060), kept.text)


@scenario()
def frames_of_another_vlan_or_station_count_for_nothing(net):
    d = net.pinholed()
    call, answer = invited(net)
    nic = Nic(net, "in")
    invite = call.last
    nic.send(answer, [(VLAN, 5)])
    nic.send(answer, [(QINQ, 5)])
    nic.send(answer, [(QINQ, 6), (VLAN, 5)])
    nic.send(answer, [(VLAN, 0), (VLAN, 5)])
    nic.send(answer, [(0x9100, 5)])
    nic.send(answer, to=b"\2\0\0\0\0\x99")
    nic.send(answer, to=b"\xff" * 6)
    nic.send(answer, to=b"\x33\x33\0\0\0\1")
    d.quiet(event="open")
    # A tag of VLAN 0 is a priority; the frame is the interface's.
    nic.send(answer, [(VLAN, 0xe000)])
    d.expect(event="open", dir="in", src=PHONE, dst=PBX)
    call.request("a", "ACK", cseq=invite[2])
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")


@scenario()
def a_vlan_is_an_interface_of_its_own(net):
    """Phones in VLAN 5 of the inside cable, other hosts without a tag."""
    phone = "192.0.3.20"
    for where, dev, addr in (("fw", "i0", "192.0.3.1"),
                             ("in", "eth0", phone)):
        try:
            net.ip(where, "link", "add", "link", dev, "name", f"{dev}.5",
                   "type", "vlan", "id", "5")
        except Failure as why:
            raise Unable(f"no VLANs: {why}") from None
        net.ip(where, "addr", "add", f"{addr}/24", "dev", f"{dev}.5")
        net.ip(where, "link", "set", f"{dev}.5", "up")
    net.ip("in", "route", "add", "198.51.100.0/24", "via", "192.0.3.1", "src",
           phone, "table", "5")
    net.ip("in", "rule", "add", "from", phone, "table", "5")
    net.ruleset(extra='iifname "i0.5" accept')
    text = conf().replace("interface i0\n", "").replace(
        "protect {", "protect { 192.0.3.0/24")
    d = net.pinholed(conf=text)
    check(any("listening on i0.5" in line for line in d.log), d.log)
    p, m = media(net, pbx=phone)
    call = Call(signalling(net, pbx=phone)).set_up(
        sdp(PHONE, 4000), sdp(phone, 10000))
    # Each packet is seen at both interfaces, and counts once.
    until(lambda: d.seen(event="open", dir="in"), 1, "open")
    check(len(d.seen(event="open", dir="in")) == 1, d.events)
    check(passes(p, m, name(m)), "phone to phone")
    check(passes(m, p, name(p)), "and back")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    # And who is not in the VLAN has calls as before.
    p, m = media(net, pbx=GATEWAY, phone_port=4100, pbx_port=10100)
    call = Call(signalling(net, pbx=GATEWAY)).set_up(
        sdp(PHONE, 4100), sdp(GATEWAY, 10100))
    check(passes(p, m, name(m)), "phone to gateway")
    call.hang_up()


def tcp(src, dst, seq, ack, flags, data=b"", good=True):
    head = struct.pack("!HHIIBBHHH", src[1], dst[1], seq & 0xffffffff,
                       ack & 0xffffffff, 5 << 4, flags, 65535, 0, 0)
    pseudo = socket.inet_aton(src[0]) + socket.inet_aton(dst[0]) + \
        struct.pack("!HH", 6, len(head) + len(data))
    total = checksum(pseudo + head + data) ^ (0 if good else 0x5555)
    return ipv4(src[0], dst[0], 6,
                head[:16] + struct.pack("!H", total) + head[18:] + data)


class Spy(Nic):
    """Knows where a TCP connection from here stands."""

    def __init__(self, net, wire):
        super().__init__(net, "out")
        self.sock.setblocking(False)
        # Frames of every kind, and those that this end sends.
        self.sock.bind(("eth0", 3))
        self.src, self.dst = name(wire.sock["a"]), name(wire.sock["b"])

    def place(self):
        """The next sequence number, and what it acknowledges."""
        at = None
        while True:
            try:
                frame = self.sock.recv(65535)
            except BlockingIOError:
                check(at is not None, "segments of the connection")
                return at
            if frame[12:14] != b"\x08\0" or frame[23] != 6:
                continue
            hlen = (frame[14] & 15) * 4
            size = struct.unpack("!H", frame[16:18])[0]
            seg = frame[14 + hlen:14 + size]
            sport, dport, seq, ack, off = struct.unpack("!HHIIB", seg[:13])
            if (sport, dport) == (self.src[1], self.dst[1]):
                at = (seq + len(seg) - (off >> 4) * 4, ack)

    def forge(self, flags, data=b"", ahead=0):
        seq, ack = self.at
        self.send(tcp(self.src, self.dst, seq + ahead, ack, flags, data,
                      good=False))


def blinded(net, who, forge):
    """Segments that the PBX drops, for their checksum, in a running call."""
    d = net.pinholed("-vv")
    p, m = media(net)
    wire = tcp_wire(net, PHONE, PBX)
    spy = Spy(net, wire)
    call = Call(wire, transport="TCP")
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", src=PHONE, dst=PBX)
    spy.at = spy.place()
    forge(spy)
    check(passes(p, m, name(m)), "phone to PBX")
    call.hang_up(who)
    d.expect(event="close", dir="in", reason="bye")
    # And the next call over the same connection.
    call = Call(wire, transport="TCP")
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    until(lambda: d.seen(event="open", dir="in", call=call.call_id), 1,
          "the next call")
    call.hang_up()


def forgeries(spy):
    spy.forge(0x18, b"nonsense " * 20)
    spy.forge(0x18, b"INVITE sip:x SIP/2.0\r\nl: 60000\r\n\r\n")
    spy.forge(0x18, b"x", ahead=50000)
    spy.forge(0x11)
    spy.forge(0x04)
    spy.forge(0x14)
    spy.forge(0x04, ahead=100000)
    spy.forge(0x02)


@scenario()
def what_the_receiver_drops_blinds_nobody_inside(net):
    blinded(net, "b", forgeries)


@scenario()
def what_the_receiver_drops_blinds_nobody_outside(net):
    blinded(net, "a", forgeries)


@scenario()
def tcp_older_than_the_engine_is_followed(net):
    """The BYE after a reload and after a crash, then starts; new calls."""
    d = net.pinholed()
    wire = tcp_wire(net, PHONE, PBX)
    call = Call(wire, transport="TCP")
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", call=call.call_id)
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: any("reloaded" in line for line in d.log), 5, "reloaded")
    call.hang_up("b")
    d.expect(event="close", dir="in", call=call.call_id, reason="bye")
    call = Call(wire, transport="TCP")
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", call=call.call_id)
    old = d.kill("engine")
    until(lambda: d.children().get("engine", old) != old and sum(
        "engine: listening" in line for line in d.log) > 2, 5, "a new engine")
    time.sleep(0.5)
    call.hang_up("b")
    d.expect(event="close", dir="in", call=call.call_id, reason="bye")
    # And messages of one side, or of both, that nobody follows.
    for unheard in ("", "a", "b", "ab"):
        d.stop()
        for side in unheard:
            Call(wire, transport="TCP").request(side, "OPTIONS")
        d = net.pinholed()
        call = Call(wire, transport="TCP")
        call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
        d.expect(event="open", dir="in", call=call.call_id)
        call.hang_up("a")
        d.expect(event="close", dir="in", call=call.call_id, reason="bye")


@scenario(extra="tcp dport 8080 accept")
def a_successor_knows_who_began(net):
    """Strangers at ports 21 and 5060 fetch pages while engines change."""
    d = net.pinholed("-v", conf=conf(more="ftp { port 21 }"))
    pages = {21: b"NOOP\r\nPORT " + six(PBX, 5432) + b"\r\n",
             5060: invite("TCP", PBX, PHONE)}
    ends = []
    # Half of them have asked before, half of them ask afterwards.
    for port in pages:
        for asked in (True, False):
            there = listening(net, "in", PBX, 8080)
            c = connects(net, "out", (PHONE, EVIL)[asked], (PBX, 8080), port)
            check(c, "the web server")
            s = there.accept()[0]
            net.sockets.append(s)
            there.close()
            ends.append((port, c, s))
            if asked:
                c.sendall(b"get /page\r\n")
                s.recv(100)
    time.sleep(0.2)
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: any("reloaded" in line for line in d.log), 5, "reloaded")
    for again in (False, True):
        for port, c, s in ends:
            if not again:
                c.sendall(b"get /page\r\n")
                s.recv(100)
            for _ in range(2):
                s.sendall(pages[port])
                c.recv(4096)
                time.sleep(0.05)
        d.quiet(event="open")
        if not again:
            old = d.kill("engine")
            until(lambda: d.children().get("engine", old) != old and sum(
                "engine: listening" in line for line in d.log) > 2, 5,
                "a new engine")
    check(not d.seen(event="refuse"), "nor was there anything to refuse")


def long_sdp(addr, port, size):
    """`size` bytes of SDP, with a second stream at its end."""
    text = sdp(addr, port)
    last = f"m=audio {port + 2} RTP/AVP 0\r\n"
    left = size - len(text) - len(last)
    while left > 0:
        n = left if left <= 110 else 100
        text += "a=x:" + "y" * (n - 6) + "\r\n"
        left -= n
    return text + last


def long_answer(net, d, wire, n, size):
    """The 200 is an IP packet of `size` bytes, and no byte of it is lost."""
    kept = Kept(wire.sock["a"], wire.sock["b"])
    call = Call(wire)
    port, media_port = 4000 + 4 * n, 10000 + 4 * n
    call.request("a", "INVITE", long_sdp(PHONE, port, 300), tag=False)
    invite = call.last
    call.answer(200, long_sdp(PBX, media_port, 1000), to=invite, wire=kept)
    headers = len(kept.text) - 1000 + 28
    if size >= 10000 + headers:
        headers += 1
    call.answer(200, long_sdp(PBX, media_port, size - headers), to=invite)
    d.expect(event="open", dir="in", dport=media_port + 2, call=call.call_id)
    call.request("a", "ACK", cseq=invite[2])
    call.hang_up()


@scenario()
def packets_larger_than_a_slot_of_the_ring(net):
    for where, dev in (("fw", "i0"), ("in", "eth0"), ("fw", "o0"),
                       ("out", "eth0")):
        net.ip(where, "link", "set", dev, "mtu", "9000")
    d = net.pinholed()
    wire = signalling(net)
    n = 0
    for size in (*range(1880, 1960), 4000, 8900):
        long_answer(net, d, wire, n, size)
        n += 1
    # Over TCP, the kernel hands on what was sent at once in one piece.
    wire.sock["b"].close()
    wire = tcp_wire(net, PHONE, PBX)
    for size in (1700, *range(1900, 1960, 4), 5000, 20000, 60000):
        long_answer(net, d, wire, n, size)
        n += 1
    seen = counters()
    check(seen["packets_truncated"] == 0 and seen["tcp_gaps"] == 0, seen)
