# SPDX-License-Identifier: ISC
"""Frames made by hand, as neither end's kernel would send them."""
import socket
import struct

from net import (Failure, GATEWAY, PBX, PHONE, Unable, check, conf, name,
                 passes, until)
from scenarios import media, scenario, signalling
from sip import Call, Wire, sdp

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
