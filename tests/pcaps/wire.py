# SPDX-License-Identifier: ISC
"""Packets and capture files from nothing but bytes, the same every time."""
import ipaddress
import struct

START = 1700000000


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4(src, dst, proto, data, ident=1, off=0, more=False):
    flags = (0x2000 if more else 0) | off // 8
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), ident, flags,
                       64, proto, 0, ipaddress.ip_address(src).packed,
                       ipaddress.ip_address(dst).packed)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def ip6(src, dst, proto, data):
    return struct.pack("!IHBB", 6 << 28, len(data), proto, 64) + \
        ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + \
        data


def ip(src, dst, proto, data, ident=1):
    if ":" in src:
        return ip6(src, dst, proto, data)
    return ip4(src, dst, proto, data, ident)


def udp(data, sport=5060, dport=5060):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def tcp(data, seq, flags, sport, dport=5060, ack=0):
    return struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff,
                       ack & 0xffffffff if flags & 16 else 0,
                       5 << 4, flags, 65535, 0, 0) + data


def fragments4(src, dst, seg, sizes, ident=7):
    """Cut a UDP segment at multiples of eight; the rest is the last piece."""
    out, off = [], 0
    for size in sizes:
        out.append(ip4(src, dst, 17, seg[off:off + size], ident, off, True))
        off += size
    out.append(ip4(src, dst, 17, seg[off:], ident, off, False))
    return out


def fragments6(src, dst, seg, sizes, ident=7):
    out, off = [], 0
    for size in (*sizes, len(seg)):
        part = seg[off:off + size]
        more = off + size < len(seg)
        out.append(ip6(src, dst, 44, struct.pack("!BBHI", 17, 0, off | more,
                                                 ident) + part))
        off += len(part)
    return out


def _type(packet):
    return 0x86dd if packet[0] >> 4 == 6 else 0x0800


def ethernet(packet, tags=()):
    head = b"\2\0\0\0\0\1\2\0\0\0\0\2"
    for tpid, vid in tags:
        head += struct.pack("!HH", tpid, vid)
    return head + struct.pack("!H", _type(packet)) + packet


def cooked1(packet):
    return struct.pack("!HHH8sH", 0, 1, 6, b"\2\0\0\0\0\1", _type(packet)) + \
        packet


def cooked2(packet):
    return struct.pack("!HHIHBB8s", _type(packet), 0, 3, 1, 0, 6,
                       b"\2\0\0\0\0\1") + packet


def loopback(packet):
    return struct.pack("<I", 30 if packet[0] >> 4 == 6 else 2) + packet


def pflog(packet):
    return struct.pack("!BBBB16s16sIIIIIIB3x", 61, 2, 0, 0, b"em1", b"",
                       0, 0, 0, 0, 0, 0, 1) + packet


def pppoe(packet):
    body = struct.pack("!H", 0x0057 if packet[0] >> 4 == 6 else 0x21) + packet
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\x64" + \
        struct.pack("!BBHH", 0x11, 0, 1, len(body)) + body


LINKS = {
    "ethernet": (1, ethernet),
    "raw": (101, bytes),
    "null": (0, loopback),
    "cooked": (113, cooked1),
    "cooked2": (276, cooked2),
    "pflog": (117, pflog),
    "pppoe": (1, pppoe),
    "vlan": (1, lambda p: ethernet(p, [(0x8100, 10)])),
    "qinq": (1, lambda p: ethernet(p, [(0x88a8, 5), (0x8100, 10)])),
}


def pcap(packets, link="ethernet", snaplen=262144):
    """packets: (seconds since START, IP packet)."""
    number, frame = LINKS[link]
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, snaplen, number)
    for at, packet in packets:
        data = frame(packet)
        cut = data[:snaplen]
        out += struct.pack("<IIII", START + int(at),
                           round(at % 1 * 1000000), len(cut), len(data)) + cut
    return out


def pcapng(packets):
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        size = len(body) + 12
        return struct.pack("<II", kind, size) + body + struct.pack("<I", size)
    out = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 262144))
    for at, packet in packets:
        data = ethernet(packet)
        ts = round((START + at) * 1000000)
        out += block(6, struct.pack("<IIIII", 0, ts >> 32, ts & 0xffffffff,
                                    len(data), len(data)) + data)
    return out


def chunk(kind, value, vendor=0):
    return struct.pack("!HHH", vendor, kind, 6 + len(value)) + value


def hep(src, dst, data, *, sport=5061, dport=49152, proto=6, key=None,
        kind=1, more=b""):
    """A packet of HEP, as somebody mirrors `data`."""
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    four = a.version == 4
    chunks = chunk(1, bytes([2 if four else 10])) + chunk(2, bytes([proto]))
    chunks += chunk(3 if four else 5, a.packed)
    chunks += chunk(4 if four else 6, b.packed)
    chunks += chunk(7, struct.pack("!H", sport))
    chunks += chunk(8, struct.pack("!H", dport))
    chunks += chunk(9, struct.pack("!I", START)) + chunk(10, bytes(4))
    chunks += chunk(11, bytes([kind])) + chunk(12, struct.pack("!I", 7))
    if key is not None:
        chunks += chunk(14, key)
    chunks += more + chunk(15, data)
    return b"HEP3" + struct.pack("!H", 6 + len(chunks)) + chunks
