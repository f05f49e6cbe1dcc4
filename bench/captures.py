#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Write the captures that the benchmark reads: calls alone, or in a trunk.

captures.py calls N FILE    N calls of seven messages each, no media
captures.py trunk N FILE    N packets, of which one in a hundred is SIP

Callers outside call one server inside.  Four calls overlap; the clock is
that of a trunk with 1,000 calls a second.
"""

import struct
import sys

SERVER = "192.0.2.10"
ETHER = bytes(12) + b"\x08\x00"

HEADS = {
    "invite": "INVITE sip:{to}@192.0.2.10 SIP/2.0",
    "trying": "SIP/2.0 100 Trying",
    "ringing": "SIP/2.0 180 Ringing",
    "answer": "SIP/2.0 200 OK",
    "ack": "ACK sip:{to}@192.0.2.10:5060 SIP/2.0",
    "bye": "BYE sip:{to}@192.0.2.10:5060 SIP/2.0",
    "done": "SIP/2.0 200 OK",
}
# Each step of a call: its name above, its CSeq, whether the caller sends it.
STEPS = [("invite", "1 INVITE", True), ("trying", "1 INVITE", False),
         ("ringing", "1 INVITE", False), ("answer", "1 INVITE", False),
         ("ack", "1 ACK", True), ("bye", "2 BYE", True),
         ("done", "2 BYE", False)]

SDP = ("v=0\r\no=- {n} 1 IN IP4 {host}\r\ns=call\r\nc=IN IP4 {host}\r\n"
       "t=0 0\r\nm=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
       "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
       "a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n")


def address(text):
    return bytes(int(part) for part in text.split("."))


def frame(src, sport, dst, dport, payload):
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0x4000,
                       64, 17, 0, address(src), address(dst))
    words = sum(struct.unpack("!10H", head))
    while words >> 16:
        words = (words & 0xffff) + (words >> 16)
    head = head[:10] + struct.pack("!H", ~words & 0xffff) + head[12:]
    return ETHER + head + udp + payload


def phone(n):
    return f"203.0.{n // 250 % 200}.{n % 250 + 1}"


def message(n, step, cseq, from_phone):
    """One of the messages of call n, as a frame."""
    name, host = f"user{n % 5000}", phone(n)
    lines = [HEADS[step].format(to=name),
             f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK-{n:x}-"
             f"{cseq.replace(' ', '-')};rport",
             f'From: "Caller {n}" <sip:{n}@{host}>;tag=a{n:08x}']
    tag = "" if step in ("invite", "trying") else f";tag=b{n:08x}"
    lines += [f"To: <sip:{name}@192.0.2.10>{tag}",
              f"Call-ID: {n:012x}-{n * 7919 % 1000003:06x}@{host}",
              f"CSeq: {cseq}"]
    if from_phone:
        lines += ["Max-Forwards: 70", "User-Agent: Bench phone 1.0"]
    else:
        lines.append("Server: Bench server 1.0")
    if step in ("invite", "answer"):
        body = SDP.format(n=n, host=host if from_phone else SERVER,
                          port=10000 + n * 4 % 40000 + 2 * from_phone)
        lines += [f"Contact: <sip:{name}@{host if from_phone else SERVER}"
                  ":5060>", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS",
                  "Content-Type: application/sdp"]
    else:
        body = ""
    text = "\r\n".join(lines + [f"Content-Length: {len(body)}", "", body])
    ends = ((host, 5060), (SERVER, 5060))
    src, dst = ends if from_phone else ends[::-1]
    return frame(*src, *dst, text.encode())


def calls(n):
    """The messages of n calls in the order in which they are sent."""
    for turn in range(n + 4):
        for back in range(4):
            call = turn - back
            if 0 <= call < n:
                for step in STEPS[2 * back:2 * back + 2]:
                    yield message(call, *step)


def trunk(n):
    """n packets: a message, then 99 of media."""
    sip = calls(n // 700 + 1)
    media = [frame(phone(i), 10002, SERVER, 10000 + 4 * i, bytes([0x80]) +
                   bytes(171)) for i in range(200)]
    for i in range(n):
        yield next(sip) if i % 100 == 0 else media[i % 200]


def main():
    kind, n, name = sys.argv[1:]
    usec = 1500000000 * 1000000
    with open(name, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for data in {"calls": calls, "trunk": trunk}[kind](int(n)):
            usec += 143
            out.write(struct.pack("<IIII", usec // 1000000, usec % 1000000,
                                  len(data), len(data)) + data)


if __name__ == "__main__":
    main()
