# SPDX-License-Identifier: ISC
"""Byte-built captures of calls that change: re-INVITE, UPDATE, PRACK, forks,
hold, timers, and streams that are no plain RTP.
"""
from play import ANSWER, OFFER, PROTECT, Play, case, sdp

FAR = {"ftag": "z", "ttag": "a"}  # a request by the callee
RELIABLE = "Require: 100rel\r\nRSeq: 1"
RACK = "RAck: 1 1 INVITE"


def later(p):
    """Something to see the time by."""
    return p.say("x>i", "OPTIONS", 1, call="other")


@case("sip", "The callee's re-INVITE has the number of the caller's INVITE: "
      "each side counts for itself (RFC 3261 section 12.2.1.1).")
def reinvite_same_number():
    p = Play().call().wait(2)
    p.say("i>o", "INVITE", 1, sdp("i", 12000), branch="z9hG4bKre", **FAR)
    p.say("o>i", "200 INVITE", 1, sdp("o", 5000), branch="z9hG4bKre", **FAR)
    p.say("i>o", "ACK", 1, **FAR).wait(5)
    p.say("i>o", "INVITE", 2, branch="z9hG4bKla", **FAR)
    p.say("o>i", "200 INVITE", 2, sdp("o", 6000), branch="z9hG4bKla", **FAR)
    p.say("i>o", "ACK", 2, sdp("i", 14000), **FAR).wait(5)
    return p.bye()


@case("sip", "The ACK with the answer comes after 64*T1: too late.")
def late_offer_without_ack():
    p = Play().say("o>i", "INVITE", 1)
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z").wait(33)
    return p.say("o>i", "ACK", 1, OFFER, ttag="z")


@case("sip", "Whoever made the late offer cannot answer it himself.")
def late_offer_answered_by_itself():
    p = Play().say("i>o", "INVITE", 1)
    p.say("o>i", "200 INVITE", 1, OFFER, ttag="z")
    p.say("o>i", "ACK", 1, sdp("o", 5000), branch="z9hG4bKx", **FAR)
    return p.say("i>o", "ACK", 1, ANSWER, ttag="z").wait(1)


@case("sip", "An UPDATE moves media before the 200, which repeats the old "
      "answer and changes nothing (RFC 3261 section 13.2.1).")
def early_update():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    p.say("i>o", "183 INVITE", 1, ANSWER, ttag="z", head=RELIABLE)
    p.say("o>i", "PRACK", 2, ttag="z", head=RACK)
    p.say("i>o", "200 PRACK", 2, ttag="z")
    p.say("o>i", "UPDATE", 3, sdp("o", 5000), ttag="z")
    p.say("i>o", "200 UPDATE", 3, sdp("i", 12000), ttag="z")
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z").wait(3)
    p.say("o>i", "BYE", 4, ttag="z")
    return p.say("i>o", "200 BYE", 4, ttag="z")


@case("sip", "A PRACK makes a second offer; the 200 has no SDP (RFC 3262 "
      "section 5).")
def prack_offer():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    p.say("i>o", "183 INVITE", 1, ANSWER, ttag="z", head=RELIABLE)
    p.say("o>i", "PRACK", 2, sdp("o", 5000), ttag="z", head=RACK)
    p.say("i>o", "200 PRACK", 2, sdp("i", 12000), ttag="z")
    p.say("i>o", "200 INVITE", 1, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z").wait(3)
    p.say("o>i", "BYE", 4, ttag="z")
    return p.say("i>o", "200 BYE", 4, ttag="z")


@case("sip", "The offer is in a reliable 183, the answer in its PRACK.")
def prack_answer():
    p = Play().say("o>i", "INVITE", 1)
    p.say("i>o", "183 INVITE", 1, ANSWER, ttag="z", head=RELIABLE)
    p.say("o>i", "PRACK", 2, OFFER, ttag="z", head=RACK)
    p.say("i>o", "200 PRACK", 2, ttag="z")
    p.say("i>o", "200 INVITE", 1, ttag="z")
    return p.say("o>i", "ACK", 1, ttag="z").wait(3)


@case("sip", "An UPDATE before the answer is refused with 504, another one "
      "later with 491: no change.")
def update_refused():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    p.say("i>o", "180 INVITE", 1, ttag="z")
    p.say("o>i", "UPDATE", 2, sdp("o", 5000), ttag="z")
    p.say("i>o", "504 UPDATE", 2, ttag="z")
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z").wait(1)
    p.say("i>o", "UPDATE", 1, sdp("i", 12000), **FAR)
    return p.say("o>i", "491 UPDATE", 1, **FAR).wait(1)


@case("sip", "Both sides re-INVITE at once, both are told 491, one tries "
      "again: the old media passes all the time.")
def glare():
    p = Play().call().wait(2)
    p.say("o>i", "INVITE", 2, sdp("o", 4400), ttag="z", branch="z9hG4bKo")
    p.say("i>o", "INVITE", 2, sdp("i", 12000), branch="z9hG4bKi", **FAR)
    p.say("i>o", "491 INVITE", 2, ttag="z", branch="z9hG4bKo")
    p.say("o>i", "491 INVITE", 2, branch="z9hG4bKi", **FAR)
    p.say("o>i", "ACK", 2, ttag="z", branch="z9hG4bKo")
    p.say("i>o", "ACK", 2, branch="z9hG4bKi", **FAR).wait(2)
    p.say("o>i", "INVITE", 3, sdp("o", 4400), ttag="z")
    p.say("i>o", "200 INVITE", 3, sdp("i", 12000), ttag="z")
    p.say("o>i", "ACK", 3, ttag="z").wait(5)
    p.say("o>i", "BYE", 4, ttag="z")
    return p.say("i>o", "200 BYE", 4, ttag="z")


@case("sip", "A re-INVITE is answered with 481: the dialog is gone.")
def reinvite_481():
    p = Play().call().wait(2)
    p.say("i>o", "INVITE", 1, sdp("i", 12000), branch="z9hG4bKre", **FAR)
    return p.say("o>i", "481 INVITE", 1, branch="z9hG4bKre", **FAR).wait(1)


@case("sip", "Twenty forks ring, the last one answers: the limit on early "
      "dialogs costs no call.")
def many_forks():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    for n in range(20):
        p.say("o>i", "183 INVITE", 1, sdp("o", 4100 + 2 * n), ttag=f"f{n}")
    p.say("o>i", "200 INVITE", 1, sdp("o", 5000), ttag="f19")
    p.say("i>o", "ACK", 1, ttag="f19").wait(40)
    return later(p)


@case("sip", "Two forks answer with 200; the caller hangs up one of them.")
def two_answers():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    p.say("o>i", "183 INVITE", 1, sdp("o", 4100), ttag="y")
    p.say("o>i", "200 INVITE", 1, OFFER, ttag="w")
    p.say("o>i", "200 INVITE", 1, sdp("o", 4100), ttag="y").wait(1)
    p.say("i>o", "BYE", 2, ttag="y").say("o>i", "200 BYE", 2, ttag="y")
    p.wait(40).say("i>o", "BYE", 3, ttag="w")
    return p.say("o>i", "200 BYE", 3, ttag="w")


@case("sip", "422, then an INVITE with the longer interval; one refresh, and "
      "then silence: closes 32 s after the interval (RFC 4028).")
def session_timer():
    p = Play().say("o>i", "INVITE", 1, OFFER, head="Session-Expires: 60")
    p.say("i>o", "422 INVITE", 1, ttag="y", head="Min-SE: 120")
    p.say("o>i", "ACK", 1, ttag="y", branch="z9hG4bK1INVITE")
    timer = "Session-Expires: 120;refresher=uac"
    p.say("o>i", "INVITE", 2, sdp("o", 4200), head=timer)
    p.say("i>o", "200 INVITE", 2, ANSWER, ttag="z", head=timer)
    p.say("o>i", "ACK", 2, ttag="z").wait(100)
    p.say("o>i", "UPDATE", 3, ttag="z", head=timer)
    p.say("i>o", "200 UPDATE", 3, ttag="z", head=timer).wait(200)
    return later(p)


@case("sip", "One call crosses twice, by a proxy outside: two legs of one "
      "dialog, which end together.")
def spiral():
    p = Play().say("h>p", "INVITE", 1, sdp("h", 14000), branch="z9hG4bK1")
    p.say("p>i", "INVITE", 1, sdp("h", 14000), branch="z9hG4bK2")
    p.say("i>p", "200 INVITE", 1, ANSWER, ttag="z", branch="z9hG4bK2")
    p.say("p>h", "200 INVITE", 1, ANSWER, ttag="z", branch="z9hG4bK1")
    p.say("h>p", "ACK", 1, ttag="z").say("p>i", "ACK", 1, ttag="z").wait(2)
    p.say("h>p", "BYE", 2, ttag="z", branch="z9hG4bK3")
    p.say("p>i", "BYE", 2, ttag="z", branch="z9hG4bK4")
    p.say("i>p", "200 BYE", 2, ttag="z", branch="z9hG4bK4").wait(1)
    return p.say("p>h", "200 BYE", 2, ttag="z", branch="z9hG4bK3")


@case("sip", "A call replaces another (RFC 3891): it opens by its own 200, the "
      "old one closes by its own BYE.")
def replaces():
    p = Play().call(call="old").wait(1)
    p.say("o>i", "REFER", 2, ttag="z", call="old", head="Refer-To: <sip:g@x>")
    p.say("i>o", "202 REFER", 2, ttag="z", call="old")
    p.say("p>i", "INVITE", 1, sdp("p", 4600), call="new",
          head="Replaces: old;from-tag=a;to-tag=z")
    p.say("i>p", "200 INVITE", 1, sdp("i", 12000), call="new", ttag="z")
    p.say("i>o", "BYE", 1, call="old", **FAR)
    return p.say("o>i", "200 BYE", 1, call="old", **FAR).wait(1)


@case("sip", "The 200 is sent again and again, no ACK comes, and the BYE that "
      "follows is lost, too: closed after 64*T1.")
def ack_and_bye_lost():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    for _ in range(3):
        p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z").wait(8)
    p.say("i>o", "BYE", 1, **FAR).wait(40)
    return later(p)


def held(offer):
    p = Play().call().wait(1)
    p.say("o>i", "INVITE", 3, offer, ttag="z")
    p.say("i>o", "200 INVITE", 3, ANSWER, ttag="z").wait(400)
    p.say("o>i", "INVITE", 4, OFFER, ttag="z")
    p.say("i>o", "200 INVITE", 4, ANSWER, ttag="z").wait(1)
    p.say("o>i", "BYE", 5, ttag="z")
    return p.say("i>o", "200 BYE", 5, ttag="z")


CLOSE = PROTECT + "sip { hold close }\n"


@case("sip", "On hold by sendonly for longer than `timeout idle`: the pinholes "
      "stay.")
def hold_sendonly():
    return held(sdp("o", 4000, extra="a=sendonly\r\n"))


@case("sip", "`hold close`, hold by sendonly: closed at once, opened again to "
      "resume.", CLOSE)
def hold_close_sendonly():
    return hold_sendonly()


@case("sip", "`hold close`, hold by c=0.0.0.0.", CLOSE)
def hold_close_address():
    return held(sdp("0.0.0.0", 4000))


@case("sip", "`hold close`, a stream that has been sendonly from the start: "
      "an announcement, not hold.", CLOSE)
def hold_close_announcement():
    return Play().call(sdp("o", 4000, extra="a=sendonly\r\n")).wait(1).bye()


@case("sip", "MSRP and BFCP over TCP: a=setup decides who connects, and who "
      "connects names no port (RFC 4145).")
def tcp_media():
    offer, answer = [], []
    for n, (inside, outside) in enumerate((
            ("active", "passive"), ("active", "actpass"),
            ("passive", "active"), ("passive", "actpass"),
            ("holdconn", "actpass"))):
        line = "m=message {} TCP/MSRP *\na=setup:{}"
        offer.append(line.format(9 if outside == "active" else 7000 + n,
                                 outside))
        answer.append(line.format(9 if inside == "active" else 12000 + n,
                                  inside))
    offer.append("m=application 7100 TCP/BFCP *")
    answer.append("m=application 12100 TCP/BFCP *")
    return Play().call(sdp("o", *offer), sdp("i", *answer)).bye()


ICE = "m=audio {} UDP/TLS/RTP/SAVPF 0\na=rtcp-mux\na=ice-ufrag:u\n" \
    "a=ice-pwd:secret\na=rtcp:9 IN IP4 0.0.0.0"
HOST = "\na=candidate:1 1 UDP 2122 192.0.2.10 10000 typ host"


@case("sip", "ICE with names for addresses, then with none yet: port 9 is no "
      "hold, and the sender may come.", CLOSE)
def ice_without_addresses():
    p = Play()
    name = "\na=candidate:1 1 UDP 2122 x.local 5000 typ host"
    for n, extra in enumerate((name, "")):
        p.call(sdp("0.0.0.0", ICE.format(9) + extra),
               sdp("i", ICE.format(10000 + 2 * n) + (HOST if n == 0 else "")),
               call=f"c{n}")
    return p.wait(1)


@case("sip", "ICE with candidates, then the re-INVITE with the chosen pair: "
      "what was not chosen closes.")
def ice_then_chosen():
    relay = "\na=candidate:2 1 UDP 9 203.0.113.5 6000 typ relay raddr " \
        "192.168.1.5 rport 4000"
    p = Play().call(sdp("o", ICE.format(4000) + relay),
                    sdp("i", ICE.format(10000) + HOST)).wait(2)
    p.say("o>i", "INVITE", 3, sdp("o", ICE.format(4000)), ttag="z")
    p.say("i>o", "200 INVITE", 3, sdp("i", ICE.format(10000)), ttag="z")
    return p.wait(5)


def bundled(addr, first, second, rest=""):
    text = sdp(addr, f"m=audio {first} RTP/AVPF 0\na=mid:a\na=rtcp-mux",
               f"m=video {second} RTP/AVPF 31\na=mid:v\na=rtcp-mux{rest}")
    return text.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE a v\r\n")


@case("sip", "BUNDLE: offered with two ports, with bundle-only, and refused.")
def bundle():
    p = Play()
    p.call(bundled("o", 4000, 4002), bundled("i", 10000, 10000), call="c1")
    p.call(bundled("o", 4010, 0, "\na=bundle-only"),
           bundled("i", 10010, 10010), call="c2")
    plain = bundled("i", 10020, 10022).replace("a=group:BUNDLE a v\r\n", "")
    p.call(bundled("o", 4020, 4022), plain, call="c3")
    # The answer to an offer from inside; the second port is never used.
    p.say("i>o", "INVITE", 1, bundled("i", 10030, 10032), call="c4")
    p.say("o>i", "200 INVITE", 1, bundled("o", 4030, 4030), call="c4",
          ttag="z")
    return p.wait(1)


@case("sip", "Twenty m= lines: sixteen open, and one refusal says so.")
def too_many_streams():
    return Play().call(sdp("o", *range(4000, 4040, 2)),
                       sdp("i", *range(10000, 10040, 2)))


@case("sip", "An outsider names the public alias of the exchange: refused.",
      PROTECT + "sip { external 203.0.113.10 for 192.0.2.10 }\n")
def forged_alias():
    return Play().call(sdp("203.0.113.10", 4000),
                       sdp("203.0.113.10", 10000)).bye()


@case("sip", "T.38 is refused with 488: audio stays; then audio 0 with image, "
      "and back.")
def t38_refused():
    image = "m=image {} udptl t38"
    p = Play().call().wait(1)
    p.say("i>o", "INVITE", 5, sdp("i", image.format(11000)), **FAR)
    p.say("o>i", "488 INVITE", 5, **FAR)
    p.say("i>o", "ACK", 5, **FAR).wait(5)
    p.say("i>o", "INVITE", 6, sdp("i", 0, image.format(11000)), **FAR)
    p.say("o>i", "200 INVITE", 6, sdp("o", 0, image.format(5000)), **FAR)
    p.wait(5).say("o>i", "INVITE", 7, sdp("o", 4000, 0), ttag="z")
    p.say("i>o", "200 INVITE", 7, sdp("i", 10000, 0), ttag="z").wait(5)
    return p.bye()
