# SPDX-License-Identifier: ISC
"""Byte-built captures of how calls end: whose word counts, however it is
written, and what comes too late.
"""
from play import ADDR, ANSWER, OFFER, PROTECT, Play, case, message, sdp
from wire import ip, udp

FAR = {"ftag": "z", "ttag": "a"}  # a request by the callee


def later(p):
    """Something to see the time by."""
    return p.say("x>i", "OPTIONS", 1, call="other")


def written(change):
    """The callee's BYE and the answer that echoes it, in another writing."""
    bye = message("i>o", "BYE", 9, **FAR).decode()
    return change(bye), change(bye.replace("BYE sip:x@example SIP/2.0",
                                           "SIP/2.0 200 OK"))


def head(text, line):
    """One more line in the head."""
    return text.replace("Content-Length", f"{line}\r\nContent-Length")


ODD = (
    lambda t: head(t, "\r\n".join(f"X-{n}: y" for n in range(130))),
    lambda t: head(t, "\r\n".join(f"X-{n}: " + 1000 * "y"
                                  for n in range(17))),
    lambda t: head(t, "To: <sip:b@example>;tag=other"),
    lambda t: head(t, "X: y").replace("X: y\r\n", "X: y\n"),
    lambda t: head(t, "this is no field"),
    lambda t: t.replace("branch=", "branch=z9hG4bKtwo;branch="),
    lambda t: t.replace("Content-Length: 0", "Content-Length: 77"),
    lambda t: t.replace("Content-Length: 0", "Content-Length: x"),
    lambda t: t.replace("CSeq: ", "CSeq: 7 BYE\r\nCSeq: "),
    lambda t: t.replace("From: ", "From: \"open "),
    lambda t: t.replace("branch=", "branch=" + 300 * "b"),  # only long
)


@case("sip", "The protected side's BYE is believed by Call-ID and tags, "
      "however it is written; so is the answer, by its branch.")
def odd_bye():
    p = Play()
    for n, change in enumerate(ODD):
        call = f"c{n}"
        p.call(sdp("o", 4000 + 2 * n), sdp("i", 10000 + 2 * n), call=call)
        for path, text in zip(("i>o", "o>i"), written(change)):
            p.raw(path, text.replace("c1@example", call).encode())
        p.wait(1)
    return p.wait(30)


@case("sip", "An outsider's BYE is not believed in odd writing, nor is a "
      "protected host with a wrong tag.")
def odd_bye_from_outside():
    p = Play().call()
    for n, change in enumerate(ODD[:-1]):
        text = message("o>i", "BYE", 20 + n, ttag="z").decode()
        p.raw("o>i", change(text).encode())
        text = message("i>o", "BYE", 20 + n, ftag="z", ttag="wrong").decode()
        p.raw("i>o", change(text).encode())
    return later(p.wait(40))


@case("sip", "The protected side's 2xx to a BYE is believed by Call-ID and "
      "tags, whoever sent the BYE, in odd writing, too.")
def own_answer_to_bye():
    p = Play()
    for n, change in enumerate((lambda t: t, *ODD)):
        call = f"c{n}"
        p.call(sdp("o", 4000 + 2 * n), sdp("i", 10000 + 2 * n), call=call)
        text = message("i>x", "200 BYE", 2, ttag="z", call=call).decode()
        p.say("x>i", "BYE", 2, ttag="z", call=call)
        p.raw("i>x", change(text).encode()).wait(1)
    return later(p)


@case("sip", "The protected side's BYE comes from another of its addresses "
      "and goes elsewhere.")
def bye_from_elsewhere():
    p = Play().call().wait(1)
    p.say("g>x", "BYE", 9, **FAR)
    return p.say("x>g", "200 BYE", 9, **FAR).wait(1)


JUNK = "".join(f";tag=q{n}" for n in range(5))
ECHOED = (  # what an answer repeats of the request
    lambda t: t.replace("CSeq: 9", "CSeq: 99999999999"),
    lambda t: t.replace("CSeq: 9", "CSeq: -9"),
    lambda t: t.replace("From: ", f'From: "{JUNK}{5000 * "x"}" '),
    lambda t: t.replace("To: <sip:b@example", "To: <sip:b@example" + JUNK)
    .replace("branch=", "branch=1;branch="),
    lambda t: t.replace("tag=a", 'tag="a"').replace("tag=z", 'tag="z"'),
    lambda t: t.replace("Call-ID: ", "".join(f"Call-ID: {n}\r\n"
                                             for n in range(6)) + "Call-ID: "),
)


@case("sip", "Junk in what an answer to a BYE repeats of it does not hide the "
      "tags, nor does a number that is none.")
def echoed_junk():
    p = Play()
    for n, change in enumerate(ECHOED):
        call = f"c{n}"
        p.call(sdp("o", 4000 + 2 * n), sdp("i", 10000 + 2 * n), call=call)
        for path, what in (("o>i", "BYE"), ("i>o", "200 BYE")):
            text = message(path, what, 9, ttag="z", call=call).decode()
            p.raw(path, change(text).encode())
        p.wait(1)
    return later(p)


@case("sip", "Whatever the other side answers, the protected side has hung "
      "up; but a BYE that it only relays may be challenged.")
def own_bye_refused():
    p = Play()
    for n, status in enumerate((401, 403, 500)):
        for head in ("", "Via: SIP/2.0/UDP x;branch=z9hG4bKx"):
            call = f"{status}{head[:1]}"
            p.call(sdp("o", 4000 + 2 * n), sdp("i", 10000 + 2 * n), call=call)
            p.say("i>o", "BYE", 9, call=call, head=head, **FAR)
            p.say("o>i", f"{status} BYE", 9, call=call, head=head, **FAR)
            p.wait(1)
    return later(p.wait(40))


@case("sip", "A stranger sends the answer to its BYE before, so that the "
      "answer itself looks like an echo.")
def bye_is_no_echo():
    p = Play()

    def far(path, port, data):
        p.ident += 1
        ports = (port, 5060) if path[0] == "i" else (5060, port)
        p.add(ip(ADDR[path[0]], ADDR[path[2]], 17, udp(data, *ports),
                 p.ident))
    far("i>o", 50600, message("", "INVITE", 1, ANSWER))
    far("o>i", 50600, message("", "200 INVITE", 1, OFFER, ttag="z"))
    far("i>o", 50600, message("", "ACK", 1, ttag="z"))
    far("o>i", 50600, message("", "200 BYE", 7, **FAR))
    far("o>i", 50600, head(message("", "BYE", 7, **FAR).decode(),
                           "this is no field").encode())
    far("i>o", 50600, message("", "200 BYE", 7, **FAR))
    return later(p.wait(40))


@case("sip", "Sixteen requests that nobody answers leave room for a BYE.")
def bye_finds_a_slot():
    p = Play().call()
    for n in range(20):
        p.say("o>i", "INVITE", 2 + n, OFFER, ttag="z")
    p.say("i>o", "BYE", 9, **FAR)
    return p.say("o>i", "200 BYE", 9, **FAR).wait(1)


@case("sip", "Both sides chose the same tag.")
def equal_tags():
    p = Play().say("o>i", "INVITE", 1, OFFER, ftag="a")
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="a").wait(1)
    p.say("i>o", "BYE", 9, ftag="a", ttag="a")
    return p.say("o>i", "200 BYE", 9, ftag="a", ttag="a").wait(1)


@case("sip", "Two legs by a proxy that does not Record-Route: one BYE, from "
      "end to end, is the end of both.",
      PROTECT.replace("{", "{ 203.0.113.66 "))
def one_bye_for_two_legs():
    p = Play().say("x>p", "INVITE", 1, sdp("x", 14000), branch="z9hG4bK1",
                   head="Contact: <sip:x@203.0.113.66>")
    p.say("p>i", "INVITE", 1, sdp("x", 14000), branch="z9hG4bK2",
          head="Contact: <sip:x@203.0.113.66>")
    p.say("i>p", "200 INVITE", 1, ANSWER, ttag="z", branch="z9hG4bK2",
          head="Contact: <sip:i@192.0.2.10>")
    p.say("p>x", "200 INVITE", 1, ANSWER, ttag="z", branch="z9hG4bK1",
          head="Contact: <sip:i@192.0.2.10>")
    p.say("x>i", "ACK", 1, ttag="z").wait(2)
    p.say("x>i", "BYE", 2, ttag="z", branch="z9hG4bK3")
    return later(p.say("i>x", "200 BYE", 2, ttag="z", branch="z9hG4bK3"))


@case("sip", "No 2xx counts after a final refusal, whatever its tag.")
def answer_after_refusal():
    p = Play()
    for n, status in enumerate((486, 487, 407)):
        for tag in "zy":
            call = f"{status}{tag}"
            p.say("i>o", "INVITE", 1, sdp("i", 10000 + 2 * n), call=call)
            p.say("o>i", f"{status} INVITE", 1, ttag="z", call=call)
            p.say("o>i", "200 INVITE", 1, OFFER, ttag=tag, call=call)
            p.wait(31)
            p.say("o>i", "200 INVITE", 1, OFFER, ttag=tag, call=call)
    return p


@case("sip", "After a CANCEL the 2xx may cross it, but not come 170 s later; "
      "what rang closes after 64*T1.")
def answer_long_after_cancel():
    p = Play()
    for n, wait in enumerate((1, 40, 170)):
        call = f"c{n}"
        p.say("i>o", "INVITE", 1, sdp("i", 10000 + 2 * n), call=call)
        p.say("o>i", "183 INVITE", 1, OFFER, ttag="z", call=call)
        p.say("i>o", "CANCEL", 1, branch="z9hG4bK1INVITE", call=call)
        p.say("o>i", "200 CANCEL", 1, branch="z9hG4bK1INVITE", call=call)
        p.wait(wait)
        p.say("o>i", "200 INVITE", 1, sdp("o", 5000), ttag="z", call=call)
    return later(p)


@case("sip", "With the BYE of the last accepted fork, those that only rang "
      "end, too.")
def forks_end_with_the_last():
    p = Play().say("i>o", "INVITE", 1, ANSWER)
    p.say("o>i", "183 INVITE", 1, sdp("o", 4100), ttag="y")
    p.say("o>i", "200 INVITE", 1, OFFER, ttag="z").wait(1)
    p.say("i>o", "BYE", 2, ttag="z").say("o>i", "200 BYE", 2, ttag="z")
    return later(p)


@case("sip", "One INVITE for each interface of the caller, all at once: what "
      "was accepted first stays.")
def overlapping_invites():
    p = Play()
    for n in (1, 2, 3):
        p.say("o>i", "INVITE", n, sdp("o", 4000 + 100 * n))
    p.say("i>o", "200 INVITE", 1, ANSWER, ttag="z")
    p.say("o>i", "ACK", 1, ttag="z")
    for n in (2, 3):
        p.say("o>i", "CANCEL", n, branch=f"z9hG4bK{n}INVITE")
    p.say("i>o", "200 INVITE", 2, sdp("i", 12000), ttag="z")
    p.say("i>o", "487 INVITE", 3, ttag="z").wait(60)
    p.say("o>i", "BYE", 4, ttag="z")
    return p.say("i>o", "200 BYE", 4, ttag="z")


@case("sip", "Re-INVITEs in a burst: each set that was accepted stays three "
      "seconds longer.")
def reinvite_burst():
    p = Play().call().wait(5)
    for n in range(4):
        p.say("i>o", "INVITE", 5 + n, sdp("i", 12000 + 10 * n), **FAR)
        p.say("o>i", "200 INVITE", 5 + n, OFFER, **FAR)
        # The same once more: nothing moves.
        p.say("o>i", "INVITE", 5 + n, OFFER, ttag="z")
        p.say("i>o", "200 INVITE", 5 + n, sdp("i", 12000 + 10 * n), ttag="z")
        p.wait(0.3)
    p.wait(6)
    return p.bye()
