#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Write the byte-built captures of test-pcaps/: what no agent will send, or
what must be exactly so.  Deterministic; run it again and nothing changes.
The people are in play.py, calls that change in dialogs.py, how they end in
endings.py, servers that repeat in repeats.py, what is to be told in stories.py,
mirrored signalling in mirrors.py.
"""
import os
import sys

import dialogs  # noqa: F401, its captures are in the list
import directions  # noqa: F401
import endings  # so are its
import mirrors  # noqa: F401
import repeats  # noqa: F401, and its
import stories  # noqa: F401
from play import (ADDR, ANSWER, OFFER, PROTECT, SERVER, Play, case, cases,
                  message, sdp)
from wire import fragments4, fragments6, ip, ip4, pcap, pcapng, tcp, udp

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                   "test-pcaps")


@case("sip", "The plain call: nothing opens before the 200, the BYE's answer "
      "closes it.")
def basic_call():
    return Play().call().wait(5).bye()


@case("sip", "A challenge, then an INVITE with another port: the last INVITE's "
      "SDP counts (RFC 3261 section 22).")
def challenged_invite():
    p = Play().say("o>i", "INVITE", 1, sdp("o", 4998))
    p.say("i>o", "401 INVITE", 1, ttag="y").say("o>i", "ACK", 1, ttag="y",
                                                branch="z9hG4bK1INVITE")
    p.say("o>i", "INVITE", 2, OFFER)
    return p.say("i>o", "200 INVITE", 2, ANSWER, ttag="z")


@case("sip", "Refused calls open nothing.")
def refused_invite():
    p = Play()
    for n, status in enumerate((403, 404, 486, 603)):
        p.say("o>i", "INVITE", 1, OFFER, call=f"c{n}")
        p.say("i>o", f"{status} INVITE", 1, ttag="z", call=f"c{n}")
    return p


@case("sip", "CANCEL closes nothing by itself; the 487 does.")
def cancelled_early_media():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    p.say("o>i", "183 INVITE", 1, OFFER, ttag="z").wait(1)
    p.say("i>o", "CANCEL", 1, branch="z9hG4bK1INVITE")
    p.say("o>i", "200 CANCEL", 1, branch="z9hG4bK1INVITE").wait(1)
    return p.say("o>i", "487 INVITE", 1, ttag="z")


@case("sip", "A CANCEL that crosses the 200 has lost (RFC 5407): the call "
      "stays until its BYE.")
def cancel_crosses_answer():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    p.say("o>i", "CANCEL", 1, branch="z9hG4bK1INVITE")
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z").wait(40)
    return p.bye()


@case("sip", "Early media from 183; the 200 names another port and wins.")
def early_media():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    p.say("o>i", "183 INVITE", 1, sdp("o", 4100), ttag="z").wait(2)
    return p.say("o>i", "200 INVITE", 1, OFFER, ttag="z")


@case("sip", "With `early media no` the 183 opens nothing.",
      PROTECT + "sip { early media no }\n")
def early_media_no():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    p.say("o>i", "183 INVITE", 1, OFFER, ttag="z").wait(2)
    return p.say("o>i", "200 INVITE", 1, OFFER, ttag="z")


@case("sip", "Two forks answer early; the loser goes 32 s after the 200 "
      "(RFC 3261 section 13.2.2.4).")
def forked_early_media():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    p.say("o>i", "183 INVITE", 1, sdp("o", 4100), ttag="y")
    p.say("o>i", "183 INVITE", 1, OFFER, ttag="z").wait(2)
    p.say("o>i", "200 INVITE", 1, OFFER, ttag="z").wait(40)
    return p.say("i>o", "BYE", 2, ttag="z").say("o>i", "200 BYE", 2, ttag="z")


@case("sip", "Offer in the 200, answer in the ACK, which is sent twice.")
def late_offer():
    p = Play().say("o>i", "INVITE", 1)
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, OFFER, ttag="z")
    return p.say("o>i", "ACK", 1, OFFER, ttag="z").wait(1).bye()


@case("sip", "The PBX moves media to a gateway: old and new pass until the "
      "answer, the old for three seconds more.", SERVER)
def reinvite_to_gateway():
    p = Play().call().wait(5)
    p.say("i>o", "INVITE", 7, sdp("g", 12000), ftag="z", ttag="a").wait(1)
    p.say("o>i", "200 INVITE", 7, OFFER, ftag="z", ttag="a")
    p.say("i>o", "ACK", 7, ftag="z", ttag="a").wait(10)
    return p.bye()


@case("sip", "The move is refused with 488: the new is discarded, the old "
      "stays.", SERVER)
def reinvite_refused():
    p = Play().call().wait(5)
    p.say("i>o", "INVITE", 7, sdp("g", 12000), ftag="z", ttag="a").wait(1)
    p.say("o>i", "488 INVITE", 7, ftag="z", ttag="a").wait(10)
    return p.bye()


@case("sip", "Direct media between two outside phones needs no pinhole and is "
      "no error.", SERVER)
def direct_media():
    p = Play().call().wait(5)
    p.say("i>o", "INVITE", 7, sdp("p", 7000), ftag="z", ttag="a").wait(1)
    p.say("o>i", "200 INVITE", 7, OFFER, ftag="z", ttag="a").wait(10)
    return p.bye()


@case("sip", "A gateway that `media` does not list is refused.", SERVER)
def reinvite_outside_media():
    p = Play().call().wait(5)
    p.say("i>o", "INVITE", 7, sdp("h", 12000), ftag="z", ttag="a").wait(1)
    return p.say("o>i", "200 INVITE", 7, OFFER, ftag="z", ttag="a")


@case("sip", "BYEs from the wrong host or with a wrong tag change nothing; a "
      "challenged one does not close; the right one does.")
def forged_and_challenged_bye():
    p = Play().call().wait(1)
    p.say("x>i", "BYE", 2, ttag="z").say("i>x", "481 BYE", 2, ttag="z")
    p.say("o>i", "BYE", 2, ttag="guess", branch="z9hG4bKg")
    p.say("i>o", "200 BYE", 2, ttag="guess", branch="z9hG4bKg")
    p.say("o>i", "BYE", 2, ttag="z", branch="z9hG4bKc")
    p.say("i>o", "401 BYE", 2, ttag="z", branch="z9hG4bKc").wait(40)
    p.say("o>i", "BYE", 3, ttag="z")
    return p.say("i>o", "481 BYE", 3, ttag="z")


@case("sip", "A BYE that nobody answers is believed after 32 s.")
def unanswered_bye():
    p = Play().call().wait(1).say("o>i", "BYE", 2, ttag="z").wait(40)
    return p.say("o>i", "OPTIONS", 3, call="other")


@case("sip", "Everything is sent several times; each pinhole opens once, and "
      "stragglers after the BYE open nothing.")
def retransmissions():
    p = Play()
    for _ in range(3):
        p.say("o>i", "INVITE", 1, OFFER)
    for _ in range(7):
        p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z").bye().bye()
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    return p.say("o>i", "ACK", 1, ttag="z")


@case("sip", "An answer from a third party, or with another branch, CSeq or "
      "tag, is no answer.")
def forged_answer():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    p.say("x>i", "200 INVITE", 1, sdp("x", 4000), ttag="z")
    p.say("o>i", "200 INVITE", 1, OFFER, ttag="z", branch="z9hG4bKother")
    p.say("o>i", "200 INVITE", 2, OFFER, ttag="z", branch="z9hG4bK1INVITE")
    p.say("o>i", "200 INVITE", 1, OFFER, ttag="z", ftag="other")
    p.say("o>i", "200 INVITE", 1, OFFER, ttag="z", call="other")
    return p.say("o>i", "200 INVITE", 1, OFFER, ttag="z")


@case("sip", "A phone behind NAT: its private address is in no rule, its "
      "signalling address is.")
def phone_behind_nat():
    return Play().call(sdp("192.168.1.10", 4000)).bye()


@case("sip", "Public c= that is not the signalling source: both may send.")
def media_elsewhere():
    return Play().call(sdp("p", 4000)).bye()


@case("sip", "remote sdp: only the named address.",
      PROTECT + "sip { remote sdp }\n")
def remote_sdp():
    return Play().call(sdp("p", 4000)).bye()


@case("sip", "symmetric: a peer that sends from the port it names has whole "
      "5-tuples, one for RTP and one for RTCP, each good both ways.",
      PROTECT + "sip { symmetric 198.51.100.0/24 }\n")
def symmetric():
    return basic_call()


@case("sip", "remote signalling: only the sender.",
      PROTECT + "sip { remote signalling }\n")
def remote_signalling():
    return Play().call(sdp("p", 4000)).bye()


@case("sip", "remote any: anybody.", PROTECT + "sip { remote any }\n")
def remote_any():
    return Play().call().bye()


@case("sip", "remote with prefixes: those, whatever SDP says.",
      PROTECT + "sip { remote { 198.51.100.0/24 203.0.113.0/25 } }\n")
def remote_list():
    return Play().call().bye()


@case("sip", "An outsider's SDP names an inside host, loopback, multicast: "
      "refused, and never a destination.")
def forged_address():
    p = Play()
    for n, addr in enumerate(("192.0.2.77", "127.0.0.1", "224.0.0.1",
                              "169.254.1.1", "255.255.255.255")):
        p.call(sdp(addr, 4000), sdp("i", 10000 + 2 * n), call=f"c{n}")
    return p


@case("sip", "A host that is no server names another's port; a port below "
      "1024; one outside the configured range.")
def inside_refusals():
    p = Play().call(OFFER, sdp("i", 10000), inn="h", call="c1")
    p.call(OFFER, sdp("i", 22), call="c2")
    return p.call(OFFER, sdp("i", 80), call="c3")


@case("sip", "c= is a name: never resolved, the sender stands for it.")
def name_in_sdp():
    return Play().call(sdp("media.example.com", 4000)).bye()


@case("sip", "Several m= lines: port 0, a port count, a=rtcp, rtcp-mux offered "
      "and accepted, an odd port.")
def several_streams():
    offer = sdp("o", 4000, 0, "m=video 4100/2 RTP/AVP 31",
                "m=audio 4200 RTP/AVP 0\na=rtcp:4300",
                "m=audio 4400 RTP/AVP 0\na=rtcp-mux",
                "m=audio 4500 RTP/AVP 0\na=rtcp-mux", 5005)
    answer = sdp("i", 10000, 10002, "m=video 10100/2 RTP/AVP 31",
                 "m=audio 10200 RTP/AVP 0\na=rtcp:10300",
                 "m=audio 10400 RTP/AVP 0\na=rtcp-mux", 10500, 10605)
    return Play().call(offer, answer).bye()


@case("sip", "Ports that are none: each stream is refused, the good one "
      "opens.")
def bad_ports():
    ports = ("70000", "-1", "abc", "4294967396", "", "65535/2", "4000/999")
    offer = sdp("o", *(f"m=audio {p} RTP/AVP 0" for p in ports),
                "m=audio 049170 RTP/AVP 0")
    answer = sdp("i", *(10000 + 2 * n for n in range(len(ports) + 1)))
    return Play().call(offer, answer).bye()


@case("sip", "T.38 by re-INVITE: one UDP port, no RTCP; then back to audio.")
def t38():
    p = Play().call().wait(5)
    image = "m=image {} udptl t38"
    p.say("o>i", "INVITE", 3, sdp("o", image.format(5000)), ttag="z")
    p.say("i>o", "200 INVITE", 3, sdp("i", image.format(11000)), ttag="z")
    p.wait(10).say("o>i", "INVITE", 4, OFFER, ttag="z")
    return p.say("i>o", "200 INVITE", 4, ANSWER, ttag="z").wait(10).bye()


@case("sip", "Hold with c=0.0.0.0 and with inactive: the pinholes stay, the "
      "same ones, and resuming opens nothing new.")
def hold_and_resume():
    p = Play().call().wait(1)
    for n, offer in enumerate((sdp("0.0.0.0", 4000),
                               sdp("o", 4000, extra="a=inactive\r\n"), OFFER)):
        p.say("o>i", "INVITE", 3 + n, offer, ttag="z")
        p.say("i>o", "200 INVITE", 3 + n, ANSWER, ttag="z").wait(20)
    return p.bye()


@case("sip", "IPv6 throughout.")
def ipv6_call():
    return Play().call(sdp("O", 4000), sdp("I", 10000), "O", "I").bye("O", "I")


@case("sip", "IPv6 media under IPv4 signalling: another address than the "
      "signalling's, so only a `server` may name it.",
      PROTECT + "sip { server 192.0.2.10 }\n")
def mixed_families():
    return Play().call(sdp("O", 4000), sdp("2001:db8:2::10", 10000)).bye()


@case("sip", "Two calls share a tuple: each has its own id; closing one keeps "
      "the other.")
def shared_tuple():
    p = Play().call(call="c1").call(call="c2").wait(1)
    return p.bye(call="c1").wait(1).bye(call="c2")


@case("sip", "Twenty calls on one signalling 5-tuple are twenty calls.")
def trunk():
    p = Play()
    for n in range(20):
        p.call(sdp("o", 4000 + 2 * n), sdp("i", 10000 + 2 * n), call=f"c{n}")
    return p.bye(call="c7")


@case("sip", "Compact names, folding, LF alone, mixed case, and a method that "
      "is none.")
def odd_but_legal():
    p = Play()
    p.raw("o>i", message("o>i", "INVITE", 1, OFFER).replace(
        b"Via:", b"v:").replace(b"From:", b"fRoM :").replace(
        b"Call-ID:", b"i:").replace(b"Content-Length:", b"l:").replace(
        b"Content-Type: application/sdp", b"c:\r\n APPLICATION/SDP;charset=x"))
    p.raw("i>o", message("i>o", "200 INVITE", 1, ANSWER,
                         ttag="z").replace(b"\r\n", b"\n").replace(
        b"Content-Length: %d" % len(ANSWER),
        b"Content-Length: %d" % len(ANSWER.replace("\r\n", "\n"))))
    p.say("o>i", "ACK", 1, ttag="z")
    p.raw("o>i", message("o>i", "BYE", 2, ttag="z").replace(b"BYE", b"bye"))
    p.raw("i>o", message("i>o", "200 BYE", 2, ttag="z").replace(b"BYE", b"bye"))
    return p.wait(60).bye()


MIXED = "multipart/mixed;boundary=b"


@case("sip", "multipart with SDP as its second part; then with two SDP parts, "
      "which is refused.")
def multipart():
    other = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    part = "--b\r\nContent-Type: application/sdp\r\n\r\n{}\r\n"
    p = Play()
    p.say("o>i", "INVITE", 1, other + part.format(OFFER) + "--b--\r\n",
          ctype=MIXED)
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    two = part.format(sdp("o", 4100)) + part.format(sdp("o", 4200)) + "--b--"
    p.say("o>i", "INVITE", 1, two, ctype=MIXED, call="c2")
    return p.say("i>o", "200 INVITE", 1, sdp("i", 11000), ttag="z", call="c2")


@case("sip", "Bodies that can be read in two ways: two c= lines, an encoded "
      "body; a blank line in the middle is no SDP.")
def ambiguous_bodies():
    p = Play()
    twice = OFFER.replace("t=0 0", "c=IN IP4 198.51.100.8\r\nt=0 0")
    p.call(twice, sdp("i", 10000), call="c1")
    p.say("o>i", "INVITE", 1, OFFER, head="Content-Encoding: gzip", call="c2")
    p.say("i>o", "200 INVITE", 1, sdp("i", 10002), ttag="z", call="c2")
    return p.call(OFFER.replace("t=0 0\r\n", "t=0 0\r\n\r\n"),
                  sdp("i", 10004), call="c3")


@case("sip", "Content-Length that lies: zero, too long, negative, huge, "
      "trailing text, twice. All refused.")
def lying_lengths():
    p = Play()
    for n, length in enumerate(("0", "9999", "-1", "4294967382", "86abc",
                                f"{len(OFFER)}\r\nContent-Length: 3")):
        p.say("o>i", "INVITE", 1, OFFER, length=length, call=f"c{n}")
        p.say("i>o", "200 INVITE", 1, sdp("i", 10000 + 2 * n), ttag="z",
              call=f"c{n}")
    return p


@case("sip", "Two requests in one datagram: only the first counts.")
def two_in_a_datagram():
    p = Play()
    p.raw("o>i", message("o>i", "INVITE", 1, OFFER) +
          message("o>i", "INVITE", 1, sdp("o", 4100), call="c2"))
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    return p.say("i>o", "200 INVITE", 1, sdp("i", 11000), ttag="z", call="c2")


@case("sip", "Keep-alives, STUN and noise on port 5060 are ignored.")
def noise():
    p = Play()
    for data in (b"\r\n\r\n", b"\0\0\0\0", b"\0\1\0\0\x21\x12\xa4\x42" +
                 b"x" * 12, b"\x80\0\0\1" + b"r" * 160, b"", b"hello"):
        p.raw("o>i", data)
    return p.call().bye()


@case("sip", "Phones inside, the PBX outside: the answer comes back along the "
      "transaction the phone began.")
def hosted_pbx():
    p = Play().say("h>p", "INVITE", 1, sdp("h", 14000))
    p.say("p>h", "200 INVITE", 1, sdp("p", 24000), ttag="z")
    p.say("h>p", "ACK", 1, ttag="z").wait(3)
    p.say("p>h", "BYE", 9, ftag="z", ttag="a")
    return p.say("h>p", "200 BYE", 9, ftag="z", ttag="a")


def whole_call(link):
    case("capture", f"The plain call, captured as {link}.", link=link)(
        type(basic_call)(basic_call.__code__, globals(), f"call_in_{link}"))


for each in ("raw", "null", "cooked", "cooked2", "pflog", "pppoe", "vlan",
             "qinq"):
    whole_call(each)


@case("capture", "The plain call in a pcapng file.", link="pcapng")
def call_in_pcapng():
    return basic_call()


def long_offer():
    return sdp("o", 4000, extra="".join(
        f"a=x-filler-{n}:{'y' * 60}\r\n" for n in range(30)))


def fragmented(order, family="4"):
    out, inn = ("o", "i") if family == "4" else ("O", "I")
    cut = fragments4 if family == "4" else fragments6
    body = long_offer() if family == "4" else \
        long_offer().replace("IP4 198.51.100.7", "IP6 2001:db8:1::7")
    seg = udp(message(f"{out}>{inn}", "INVITE", 1, body))
    pieces = cut(ADDR[out], ADDR[inn], seg, (800, 800))
    p = Play()
    for n in order:
        p.add(pieces[n])
    p.say(f"{inn}>{out}", "200 INVITE", 1, ANSWER if family == "4" else
          sdp("I", 10000), ttag="z")
    return p


@case("capture", "An INVITE in three IPv4 fragments, the last one first, one "
      "of them twice.")
def fragments_reversed():
    return fragmented((2, 1, 1, 0))


@case("capture", "A fragment is missing: no INVITE, no pinhole.")
def fragment_missing():
    return fragmented((0, 1))


@case("capture", "IPv6 fragments out of order.")
def fragments_ipv6():
    return fragmented((1, 2, 0), "6")


@case("capture", "Overlapping fragments condemn the whole datagram, what comes "
      "later included (RFC 5722).")
def fragments_overlapping():
    seg = udp(message("o>i", "INVITE", 1, long_offer()))
    a, b, c = fragments4(ADDR["o"], ADDR["i"], seg, (800, 800))
    evil = ip4(ADDR["o"], ADDR["i"], 17, b"x" * 16, 7, 792, True)
    p = Play()
    for piece in (a, evil, b, c):
        p.add(piece)
    return p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")


class Tcp:
    """One connection from o to i; each side's bytes in segments."""

    def __init__(self, play, syn=True):
        self.p, self.seq = play, {"o": 0xfffffff0, "i": 77}
        if syn:
            self.seg("o", b"", 2)
            self.seg("i", b"", 0x12)
            self.seg("o", b"", 0x10)

    def packet(self, who, data, flags=0x18, seq=None):
        other = "i" if who == "o" else "o"
        ports = (40000, 5060) if who == "o" else (5060, 40000)
        return ip(ADDR[who], ADDR[other], 6,
                  tcp(data, self.seq[who] if seq is None else seq, flags,
                      *ports, self.seq[other]))

    def seg(self, who, data, flags=0x18):
        self.p.add(self.packet(who, data, flags))
        self.seq[who] += len(data) + (flags & 3 != 0)


def tcp_messages(**more):
    t = {"transport": "TCP", **more}
    return [("o", message("o>i", "INVITE", 1, OFFER, **t)),
            ("i", message("i>o", "100 INVITE", 1, **t)),
            ("i", message("i>o", "180 INVITE", 1, ttag="z", **t)),
            ("i", message("i>o", "200 INVITE", 1, ANSWER, ttag="z", **t)),
            ("o", message("o>i", "ACK", 1, ttag="z", **t)),
            ("o", message("o>i", "BYE", 2, ttag="z", **t)),
            ("i", message("i>o", "200 BYE", 2, ttag="z", **t))]


@case("capture", "SIP over TCP in segments of one byte; sequence numbers wrap.")
def tcp_one_byte():
    play = Play()
    conn = Tcp(play)
    for who, data in tcp_messages():
        for n in range(len(data)):
            conn.seg(who, data[n:n + 1])
            play.at -= 0.0999
    return play


@case("capture", "Three messages in one segment, keep-alives between, a body "
      "cut in two.")
def tcp_many_in_one():
    conn = Tcp(Play())
    m = [data for _, data in tcp_messages()]
    conn.seg("o", b"\r\n\r\n" + m[0][:-20])
    conn.seg("o", m[0][-20:])
    conn.seg("i", m[1] + b"\r\n" + m[2] + m[3])
    conn.seg("o", m[4] + m[5])
    conn.seg("i", m[6])
    return conn.p


@case("capture", "The protected side's BYE has a head of 17 KiB: it is no "
      "message to us, but it and its answer are believed.")
def tcp_odd_bye():
    conn = Tcp(Play())
    for who, data in tcp_messages()[:5]:
        conn.seg(who, data)
    for text in endings.written(endings.ODD[1]):
        who = "i" if text.startswith("BYE") else "o"
        for n in range(0, len(text), 1400):
            conn.seg(who, text.encode()[n:n + 1400])
            conn.p.at -= 0.0999
    conn.p.wait(40).say("x>i", "OPTIONS", 1, call="other")
    return conn.p


@case("capture", "Segments out of order, sent twice, and a retransmission with "
      "other bytes: what came first counts.")
def tcp_out_of_order():
    conn = Tcp(Play())
    m = [data for _, data in tcp_messages()]
    start = conn.seq["o"]
    half = len(m[0]) // 2
    conn.p.add(conn.packet("o", m[0][half:], seq=start + half))
    conn.p.add(conn.packet("o", m[0][half:].replace(b"4000", b"4666"),
                           seq=start + half))
    conn.p.add(conn.packet("o", m[0][:half], seq=start))
    conn.p.add(conn.packet("o", m[0][:half], seq=start))
    conn.seq["o"] = start + len(m[0])
    conn.seg("i", m[3])
    return conn.p


@case("capture", "A capture that begins in the middle of a connection: "
      "followed from the first message that begins with a segment.")
def tcp_midstream():
    conn = Tcp(Play(), syn=False)
    for who, data in tcp_messages():
        conn.seg(who, data)
    return conn.p


@case("capture", "A capture that begins in the middle of a message, which is "
      "not read.  Nor is one that does not end with a segment.  The call "
      "that comes next is followed.")
def tcp_midstream_nowhere():
    conn = Tcp(Play(), syn=False)
    first, call = tcp_messages(), tcp_messages(call="c2@example")
    conn.seg("o", first[0][1][200:] + call[0][1][:100])
    conn.seg("i", first[1][1])
    for who, data in first[2:] + call:
        conn.seg(who, data)
    return conn.p


@case("capture", "Of two versions of a segment the receiver takes one: what "
      "was read before is no end of the connection.")
def tcp_two_versions():
    conn = Tcp(Play())
    for n, (who, data) in enumerate(tcp_messages()):
        if n >= 2:
            start = conn.seq[who]
            conn.seg(who, b"x" * len(data))
            conn.seq[who] = start
        conn.seg(who, data)
    return conn.p


@case("capture", "Three records are of the year 7000 and of one that no clock "
      "reaches: time goes on, and the call lasts as long as it did.",
      link="pcapng")
def times_of_another_age():
    def leap(p, seconds):
        p.add(ip(ADDR["o"], ADDR["i"], 17, udp(b"\r\n\r\n")))
        at, packet = p.packets.pop()
        p.packets.append((at + seconds, packet))
    p = Play()
    leap(p, 5000 * 31557600)
    p.call()
    leap(p, 12000000000000)
    p.wait(5)
    leap(p, 5000 * 31557600)
    return p.bye().call(call="c2@example").wait(3).bye(
        call="c2@example")


@case("capture", "The clock was set back by a week during a call: time goes "
      "on from where it was.")
def clock_set_back():
    p = Play().call().wait(5)
    p.at -= 7 * 86400
    p.wait(1).bye().call(call="c2@example").wait(3)
    return p.bye(call="c2@example")


@case("capture", "A small snap length: truncated packets are never parsed.",
      link="short")
def truncated_packets():
    return basic_call()


@case("capture", "A connection that does not begin with SIP is not searched for "
      "any, though a segment is a whole INVITE.")
def tcp_begins_with_a_post():
    conn = Tcp(Play())
    conn.seg("o", b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n")
    for who, data in tcp_messages():
        conn.seg(who, data)
    return conn.p


@case("capture", "The file ends in the middle of a packet: what came before "
      "is shown, and the exit status is 2.", link="cut", status=2)
def file_cut_off():
    return basic_call()


def write(name, data):
    with open(name, "wb") as f:
        f.write(data)


def write_all(found, script):
    for path, (make, about, conf, link, status) in found.items():
        folder = os.path.join(TOP, path)
        os.makedirs(folder, exist_ok=True)
        packets = make().packets
        if link == "pcapng":
            data = pcapng(packets)
        elif link == "short":
            data = pcap(packets, snaplen=256)
        elif link == "cut":
            data = pcap(packets)[:-300]
        else:
            data = pcap(packets, link)
        write(f"{folder}/input.pcap", data)
        write(f"{folder}/pinholed.conf", conf.encode())
        write(f"{folder}/README", (
            f"{about}\n\nBuilt from bytes by tests/pcaps/{script}.\n"
        ).encode())
        if status:
            write(f"{folder}/status", f"{status}\n".encode())
    print(len(found), "captures")
    return 0


if __name__ == "__main__":
    sys.exit(write_all(cases, "build.py"))
