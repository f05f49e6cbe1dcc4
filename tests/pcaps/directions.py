# SPDX-License-Identifier: ISC
"""Byte-built captures of messages that come from the wrong place, go to the
wrong place or have the wrong number, and of ports at a bound.
"""
from play import ANSWER, OFFER, SERVER, Play, case, sdp

RELIABLE = "Require: 100rel\r\nRSeq: 1"


@case("sip", "Answers and BYEs to a host that they are not for, or from one "
      "that they are not of, change nothing.")
def wrong_people():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    p.say("i>x", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("h>o", "200 INVITE", 1, sdp("h", 12000), ttag="z").wait(1)
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z").wait(1)
    for path in ("o>h", "x>i", "x>h"):
        p.say(path, "BYE", 2, ttag="z")
        p.say(f"{path[2]}>{path[0]}", "481 BYE", 2, ttag="z").wait(1)
    p.say("o>i", "BYE", 2, ttag="y")
    p.say("i>o", "481 BYE", 2, ttag="y").wait(40)
    return p.bye()


@case("sip", "Outsiders among themselves open nothing, whatever they name.")
def outsiders():
    p = Play().call(OFFER, sdp("i", 10000), "o", "x")
    return p.call(sdp("i", 10000), OFFER, "x", "p", call="c2@example").wait(1)


@case("sip", "Without Record-Route, later requests come from the Contact; from "
      "anywhere else they do not.")
def request_from_contact():
    p = Play().say("o>i", "INVITE", 1, OFFER,
                   head="Contact: <sip:o@198.51.100.9>")
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("p>i", "ACK", 1, ttag="z").wait(1)
    p.say("p>i", "INVITE", 2, sdp("o", 5000), ttag="z")
    p.say("i>p", "200 INVITE", 2, sdp("i", 12000), ttag="z")
    p.say("p>i", "ACK", 2, ttag="z").wait(5)
    p.say("x>i", "INVITE", 3, sdp("o", 6000), ttag="z")
    p.say("i>x", "200 INVITE", 3, sdp("i", 13000), ttag="z")
    p.say("x>i", "BYE", 4, ttag="z")
    p.say("i>x", "481 BYE", 4, ttag="z").wait(40)
    p.say("p>i", "BYE", 3, ttag="z")
    return p.say("i>p", "200 BYE", 3, ttag="z")


@case("sip", "A CANCEL from elsewhere ends no early media, and neither does one "
      "for another transaction.")
def cancel_from_elsewhere():
    p = Play().say("o>i", "INVITE", 1, OFFER)
    p.say("i>o", "183 INVITE", 1, ANSWER, ttag="z").wait(1)
    p.say("x>i", "CANCEL", 1, branch="z9hG4bK1INVITE")
    p.say("i>x", "200 CANCEL", 1, branch="z9hG4bK1INVITE")
    p.say("o>i", "CANCEL", 2, branch="z9hG4bK2INVITE")
    p.say("i>o", "481 CANCEL", 2, branch="z9hG4bK2INVITE").wait(60)
    p.say("x>i", "OPTIONS", 1, call="other")
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z").wait(1)
    return p.bye()


@case("sip", "The answer to a late offer has the number of what it answers: "
      "CSeq in an ACK, RSeq in a PRACK.")
def late_answer_wrong_number():
    p = Play().say("o>i", "INVITE", 1)
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 2, sdp("o", 6000), ttag="z").wait(1)
    p.say("o>i", "ACK", 1, OFFER, ttag="z").wait(1).bye()
    for n, rack in enumerate(("2 1 INVITE", "1 2 INVITE", "1 1 UPDATE",
                              "1 1 INVITE")):
        call = f"c{n + 2}@example"
        p.say("o>i", "INVITE", 1, call=call)
        p.say("i>o", "183 INVITE", 1, ANSWER, ttag="z", head=RELIABLE,
              call=call)
        p.say("o>i", "PRACK", 2, OFFER, ttag="z", head=f"RAck: {rack}",
              call=call)
        p.say("i>o", "200 PRACK", 2, ttag="z", call=call).wait(1)
    return p


@case("sip", "RTP, RTCP and ranges at the bounds of media and of the privileged "
      "ports.", SERVER)
def ports_at_the_bounds():
    p = Play()
    for n, (inside, outside) in enumerate((
            (19998, 4000), (20000, 4000), (20001, 4000), (10000, 4000),
            (9999, 4000), (9998, 4000),
            ("m=audio 19996/2 RTP/AVP 0", "m=audio 4000/2 RTP/AVP 0"),
            ("m=audio 19998/2 RTP/AVP 0", "m=audio 4000/2 RTP/AVP 0"),
            ("m=audio 10000 RTP/AVP 0\na=rtcp:20000", 4000),
            ("m=audio 10000 RTP/AVP 0\na=rtcp:20001", 4000),
            ("m=image 20000 udptl t38", "m=image 4000 udptl t38"),
            (10000, 1024), (10000, 1023),
            (10000, "m=audio 4000 RTP/AVP 0\na=rtcp:1023"),
            (10000, "m=audio 65535 RTP/AVP 0"))):
        p.call(sdp("o", outside), sdp("i", inside), call=f"c{n}@example")
    return p


@case("capture", "Time stamps that go back: the clock of a replay stands still "
      "until they have caught up.")
def time_goes_back():
    p = Play().call().wait(5)
    p.say("x>i", "OPTIONS", 1, call="other").wait(-4)
    return p.bye().wait(10).call(call="c2@example")
