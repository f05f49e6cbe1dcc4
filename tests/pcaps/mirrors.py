# SPDX-License-Identifier: ISC
"""Byte-built captures of signalling under TLS that a PBX mirrors by HEP."""
from play import ADDR, ANSWER, OFFER, PROTECT, SERVER, Play, case, message, sdp
from wire import hep, ip, tcp, udp

FIREWALL = "192.0.2.1"
HEP = "hep {\n\tlisten on 127.0.0.1 port 9060\n\tfrom { 192.0.2.10 }\n}\n"
SYN, ACK = 2, 16


class Mirrored(Play):
    """Messages go by TLS, and their mirrored copies by UDP, from `sender`."""

    def __init__(self, sender="i"):
        super().__init__()
        self.sender = sender

    def mirror(self, packet):
        self.ident += 1
        return self.add(ip(ADDR[self.sender], FIREWALL, 17,
                           udp(packet, 40000, 9060), self.ident))

    def raw(self, path, data):
        return self.mirror(hep(ADDR[path[0]], ADDR[path[2]], data))


@case("hep", "A call under TLS, of which only the mirror is seen.",
      PROTECT + HEP)
def call_under_tls():
    return Mirrored().call(transport="TLS").wait(5).bye(transport="TLS")


@case("hep", "The call is of IPv6, its mirror of IPv4: another address of the "
      "PBX, which is a server.", SERVER.replace("} port", "2001:db8:2::10 } port")
      + HEP)
def ipv6_call_under_tls():
    return Mirrored().call(sdp("O", 4000), sdp("I", 10000), "O", "I").bye(
        "O", "I")


@case("hep", "A message that is mirrored and read from the wire counts once, "
      "whichever comes first; retransmissions stay what they are.",
      PROTECT + HEP)
def mirrored_and_on_the_wire():
    def both(path, what, cseq=1, body="", first=False, times=1, **more):
        data = message(path, what, cseq, body, **more)
        src, dst = ADDR[path[0]], ADDR[path[2]]
        mirrored = hep(src, dst, data, sport=5060, dport=5060, proto=17)
        for _ in range(times):
            if first:
                p.mirror(mirrored)
            p.raw(path, data)
            if not first:
                p.mirror(mirrored)
    p = Mirrored()
    p.raw = lambda path, data: Play.raw(p, path, data)
    both("o>i", "INVITE", 1, OFFER, times=2)
    both("i>o", "200 INVITE", 1, ANSWER, first=True, times=2, ttag="z")
    both("o>i", "ACK", 1, ttag="z")
    p.wait(5)
    both("o>i", "BYE", 2, ttag="z")
    both("i>o", "200 BYE", 2, first=True, ttag="z")
    return p


@case("hep", "The call is read from the wire, and mirrored two seconds "
      "later: the copies change nothing.", PROTECT + HEP)
def lagging_mirror():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z").wait(2)
    late = Mirrored()
    late.packets, late.at = p.packets, p.at
    return late.call().wait(3).bye()


@case("hep", "A sender that `from` does not list is not believed.",
      PROTECT + HEP)
def wrong_sender():
    return Mirrored("h").call().wait(1).bye()


@case("hep", "A protected host that is no server tells of itself alone: not "
      "what another host inside sent or was sent, nor of two hosts outside.",
      PROTECT + HEP)
def another_hosts_call():
    p = Mirrored().call(OFFER, sdp("h", 10000), inn="h")
    p.call(OFFER, sdp("x", 10000), inn="x", call="c2@example")
    # Another protected host as the one who calls.
    p.call(sdp("h", 12000), ANSWER, out="h", call="c3@example")
    return p.call(call="c4@example")


@case("hep", "A server tells of every protected host; `media` says which may "
      "be opened.", SERVER + HEP)
def servers_mirror():
    p = Mirrored().call(OFFER, sdp("g", 10000), inn="g")
    return p.call(OFFER, sdp("h", 10000), inn="h", call="c2@example").bye(
        inn="g")


@case("hep", "Packets that are malformed, of another version, of another "
      "protocol than SIP or compressed change nothing.", PROTECT + HEP)
def no_hep():
    p = Mirrored()
    invite = message("o>i", "INVITE", 1, OFFER)
    good = hep(ADDR["o"], ADDR["i"], invite)
    for bad in (good[:-1], good + b"x", b"HEP2" + good[4:],
                b"HEP3\0\5", b"HEP3", b"",
                hep(ADDR["o"], ADDR["i"], invite, kind=5),
                hep(ADDR["o"], ADDR["i"], invite, more=good[6:13]),
                good.replace(b"\0\0\0\x0f", b"\0\0\0\x10")):
        p.mirror(bad)
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    return p.say("o>i", "ACK", 1, ttag="z")


@case("hep", "By TCP, packets are cut up anyhow; a connection on which one is "
      "malformed is read no further.", PROTECT + HEP)
def mirrored_by_tcp():
    said = Mirrored().call().wait(5).bye()
    data = b"".join(p[28:] for _, p in said.packets)
    p = Play()

    def connection(sport, text, sizes):
        seq, sent = 1000, 0

        def add(packet):
            p.ident += 1
            p.add(ip(ADDR["i"], FIREWALL, 6, packet, p.ident))
        add(tcp(b"", seq, SYN, sport, 9060))
        p.ident += 1
        p.add(ip(FIREWALL, ADDR["i"], 6,
                 tcp(b"", 5000, SYN | ACK, 9060, sport, seq + 1), p.ident))
        add(tcp(b"", seq + 1, ACK, sport, 9060, 5001))
        seq += 1
        while sent < len(text):
            part = text[sent:sent + sizes[0]]
            sizes = sizes[1:] + sizes[:1]
            add(tcp(part, seq + sent, ACK, sport, 9060, 5001))
            sent += len(part)
    connection(40001, data, [3, 1000, 1, 700, 5])
    connection(40002, b"HEP3\0\1" + data.replace(b"c1@", b"c2@"), [1000])
    return p
