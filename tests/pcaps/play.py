# SPDX-License-Identifier: ISC
"""Who says what to whom: the people of the byte-built captures, their
messages, and the list of captures.

A phone outside (o), its PBX inside (i), a gateway (g) and another host (h)
inside, a proxy outside (p), somebody else (x).
"""
from wire import ip, udp

ADDR = {"o": "198.51.100.7", "p": "198.51.100.9", "x": "203.0.113.66",
        "i": "192.0.2.10", "g": "192.0.2.20", "h": "192.0.2.77",
        "O": "2001:db8:1::7", "I": "2001:db8:2::10"}
PROTECT = "protect { 192.0.2.0/24 2001:db8:2::/64 }\n"
SERVER = PROTECT + "sip {\n\tserver 192.0.2.10\n" \
    "\tmedia { 192.0.2.10 192.0.2.20 } port 10000:20000\n}\n"


def sdp(addr, *media, c=True, extra=""):
    addr = ADDR.get(addr, addr)
    fam = "IP6" if ":" in addr else "IP4"
    lines = ["v=0", f"o=- 1 1 IN {fam} {addr}", "s=-"]
    if c:
        lines.append(f"c=IN {fam} {addr}")
    lines.append("t=0 0")
    for m in media:
        lines += f"m=audio {m} RTP/AVP 0".split("\n") \
            if isinstance(m, int) else m.split("\n")
    return "\r\n".join(lines) + "\r\n" + extra


OFFER, ANSWER = sdp("o", 4000), sdp("i", 10000)


def message(_path, what, cseq=1, body="", *, branch=None, ftag="a", ttag="",
            call="c1@example", ctype="application/sdp", head="",
            transport="UDP", length=None):
    """One SIP message between two people, as bytes."""
    method = what.split()[-1]
    branch = branch or f"z9hG4bK{cseq}{method}"
    first = f"SIP/2.0 {what.split()[0]} Reason" if what[0].isdigit() \
        else f"{method} sip:x@example SIP/2.0"
    ttag = f";tag={ttag}" if ttag else ""
    lines = [first, f"Via: SIP/2.0/{transport} host;branch={branch}",
             f"From: <sip:a@example>;tag={ftag}", f"To: <sip:b@example>{ttag}",
             f"Call-ID: {call}", f"CSeq: {cseq} {method}"]
    if head:
        lines.append(head)
    if body and ctype:
        lines.append(f"Content-Type: {ctype}")
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Play:
    """Packets in order; each step a tenth of a second after the last."""

    def __init__(self):
        self.packets, self.at, self.ident = [], 0.0, 0
        self.cseq = {}  # of the last request, by speaker and call

    def add(self, packet):
        self.packets.append((round(self.at, 6), packet))
        self.at += 0.1
        return self

    def wait(self, seconds):
        self.at += seconds
        return self

    def say(self, path, what, cseq=1, body="", **more):
        self.ident += 1
        if not what[0].isdigit():
            self.cseq[path[0], more.get("call")] = cseq
        data = message(path, what, cseq, body, **more)
        return self.raw(path, data)

    def raw(self, path, data):
        self.ident += 1
        return self.add(ip(ADDR[path[0]], ADDR[path[2]], 17, udp(data),
                           self.ident))

    def call(self, offer=OFFER, answer=ANSWER, out="o", inn="i", **more):
        self.say(f"{out}>{inn}", "INVITE", 1, offer, **more)
        self.say(f"{inn}>{out}", "180 INVITE", 1, ttag="z", **more)
        self.say(f"{inn}>{out}", "200 INVITE", 1, answer, ttag="z", **more)
        return self.say(f"{out}>{inn}", "ACK", 1, ttag="z", **more)

    def bye(self, out="o", inn="i", **more):
        n = self.cseq.get((out, more.get("call")), 1) + 1
        self.say(f"{out}>{inn}", "BYE", n, ttag="z", **more)
        return self.say(f"{inn}>{out}", "200 BYE", n, ttag="z", **more)


cases = {}


def case(room, about, conf=PROTECT, link="ethernet", status=0):
    def register(f):
        cases[f"{room}/{f.__name__.replace('_', '-')}"] = (
            f, about, conf, link, status)
        return f
    return register
