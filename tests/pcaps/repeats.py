# SPDX-License-Identifier: ISC
"""Byte-built captures of servers that repeat what strangers say: an address
and port that an outsider named first opens to nobody.
"""
from play import ANSWER, OFFER, PROTECT, SERVER, Play, case, message, sdp
from wire import ip, udp

MSRP = "m=message {} TCP/MSRP *"
FAR = {"ftag": "z", "ttag": "a"}  # a request by the callee
LIES = (sdp("i", MSRP.format(5432)), sdp("i", 15432), sdp("g", 12000),
        sdp("i", "m=audio 9 RTP/AVP 0\na=ice-ufrag:u\na=ice-pwd:secret\n"
            "a=candidate:1 1 UDP 2122 192.0.2.10 15432 typ host"),
        sdp("o", "m=audio 4000 RTP/AVP 0\na=rtcp:15432 IN IP4 192.0.2.10"),
        sdp("i", *range(12000, 12032, 2)))
TRUTH = sdp("x", MSRP.format(7000)), sdp("x", 7000), sdp("x", 7000), \
    sdp("x", 7000), sdp("x", 7000), sdp("x", *range(7000, 7032, 2))


def relayed(p, call, offer, answer, name="i", second=None):
    """A proxy between two outside phones; with `second` a B2BUA."""
    second = second or call
    p.say(f"o>{name}", "INVITE", 1, offer, call=call, branch="z9hG4bK1")
    p.say(f"{name}>x", "INVITE", 1, offer, call=second, branch="z9hG4bK2")
    p.say(f"x>{name}", "200 INVITE", 1, answer, call=second, ttag="z",
          branch="z9hG4bK2")
    p.say(f"{name}>o", "200 INVITE", 1, answer, call=call, ttag="z",
          branch="z9hG4bK1")
    return p.say(f"o>{name}", "ACK", 1, call=call, ttag="z").wait(1)


@case("sip", "A proxy relays an offer that names the inside.", SERVER)
def relayed_offer():
    p = Play()
    for n, (lie, truth) in enumerate(zip(LIES, TRUTH)):
        relayed(p, f"c{n}", lie, truth)
    return p


@case("sip", "The same by a proxy that is no `server`.")
def relayed_offer_to_itself():
    return relayed(Play(), "c1", LIES[0], TRUTH[0])


@case("sip", "A proxy relays an answer that names the inside.", SERVER)
def relayed_answer():
    p = Play()
    for n, (lie, truth) in enumerate(zip(LIES, TRUTH)):
        relayed(p, f"c{n}", truth.replace("203.0.113.66", "198.51.100.7"),
                lie)
    return p


@case("sip", "A B2BUA sends what the caller said on to another, and what that "
      "one says back, under another Call-ID.", SERVER)
def repeated_by_b2bua():
    p = Play()
    for n, (lie, truth) in enumerate(zip(LIES[:3], TRUTH)):
        relayed(p, f"a{n}", lie, truth, second=f"b{n}")
        relayed(p, f"c{n}", truth.replace("203.0.113.66", "198.51.100.7"),
                lie.replace("15432", "15434").replace("12000", "12002"),
                second=f"d{n}")
    return p


@case("sip", "Direct media: a B2BUA re-INVITEs each of two callers with what "
      "the other had said, also what an UPDATE or a stranger's re-INVITE said "
      "later.", SERVER)
def repeated_by_reinvite():
    p = Play()
    p.call(sdp("i", 15432), sdp("i", 10000), call="c1")
    p.call(sdp("x", 7000), sdp("i", 10002), out="x", call="c2")
    for n, (path, what, port) in enumerate((
            ("o>i", "", 15432), ("o>i", "UPDATE", 15434),
            ("p>i", "INVITE", 15436))):
        if what:
            p.say(path, what, 2, sdp("i", port), ttag="z", call="c1")
        p.say("i>x", "INVITE", 5 + n, sdp("i", port), call="c2", **FAR)
        p.say("x>i", "200 INVITE", 5 + n, sdp("x", 7000), call="c2", **FAR)
        p.say("i>x", "ACK", 5 + n, call="c2", **FAR).wait(4)
    return p


@case("sip", "An inside phone calls by a B2BUA outside, and the server inside "
      "relays that call: the phone had named its port first.", SERVER)
def repeated_by_both_sides():
    p = Play()
    p.say("g>p", "INVITE", 1, sdp("g", 14000), call="c1", branch="z9hG4bK1")
    p.say("p>i", "INVITE", 1, sdp("g", 14000), call="c2", branch="z9hG4bK2")
    p.say("i>x", "INVITE", 1, sdp("g", 14000), call="c2", branch="z9hG4bK3")
    p.say("x>i", "200 INVITE", 1, sdp("x", 7000), call="c2", ttag="z",
          branch="z9hG4bK3")
    p.say("i>p", "200 INVITE", 1, sdp("x", 7000), call="c2", ttag="z",
          branch="z9hG4bK2")
    p.say("p>g", "200 INVITE", 1, sdp("x", 7000), call="c1", ttag="z",
          branch="z9hG4bK1")
    p.say("g>p", "INVITE", 2, sdp("g", 14000), call="c1", ttag="z")
    p.say("p>g", "200 INVITE", 2, sdp("x", 7000), call="c1", ttag="z")
    return p.wait(1)


@case("sip", "A liar's call is over: what it named is the server's again.")
def liar_is_gone():
    p = Play()
    p.say("o>i", "INVITE", 1, sdp("i", 10000), call="c1")
    p.say("i>o", "404 INVITE", 1, call="c1", ttag="z")
    p.say("i>x", "INVITE", 1, ANSWER, call="c2")
    return p.say("x>i", "200 INVITE", 1, sdp("x", 7000), call="c2", ttag="z")


def name_all(p, source, first, call):
    """An INVITE that names sixteen ports of the exchange, and rings."""
    text = message("x>i", "INVITE", 1, sdp(
        "i", *range(first, first + 32, 2)), call=call)
    p.ident += 1
    p.add(ip(source, "192.0.2.10", 17, udp(text), p.ident))
    p.at -= 0.099


def poisoned(sources):
    p = Play()
    for n in range(320):
        name_all(p, sources[n % len(sources)], 10000 + 32 * n % 10240,
                 f"liar{n}")
    p.call(OFFER, sdp("i", 10000), call="in")
    p.call(OFFER, sdp("i", 19998), call="in2")
    for n, port in enumerate((10002, 12222, 19000)):
        p.say("i>o", "INVITE", 1, sdp("i", port), call=f"out{n}")
        p.say("o>i", "200 INVITE", 1, sdp("o", 4100 + 2 * n), ttag="z",
              call=f"out{n}")
    return p.wait(1)


@case("sip", "One stranger names all ports of the exchange in INVITEs that "
      "nobody answers: calls in and out open all the same.")
def ports_all_named():
    return poisoned(["203.0.113.66"])


@case("sip", "The same by a hundred strangers.")
def ports_all_named_by_many():
    return poisoned([f"203.0.113.{n}" for n in range(1, 101)])


@case("sip", "A stranger names one port in an INVITE that nobody answers: the "
      "exchange answers another's call with it, for it answers for itself.")
def port_named_by_a_stranger():
    p = Play().say("x>i", "INVITE", 1, ANSWER, call="liar")
    return p.call().wait(1)


@case("sip", "An outsider names a port that the exchange uses: its next call "
      "by the same port opens, for it was named by the inside first.")
def port_already_named():
    p = Play().call(call="c1")
    p.say("x>i", "INVITE", 1, ANSWER, call="liar")
    p.say("i>o", "INVITE", 1, ANSWER, call="c2")
    p.say("o>i", "200 INVITE", 1, sdp("o", 5000), call="c2", ttag="z")
    return p.wait(1)


@case("sip", "A public alias means the host behind it, in a lie, too.",
      PROTECT + "sip { external 203.0.113.10 for 192.0.2.10 }\n")
def relayed_alias():
    return relayed(Play(), "c1", sdp("203.0.113.10", 15432), TRUTH[1])


@case("sip", "The first leg that named it is refused, another rings on: it is "
      "still the outsider's.")
def lie_in_two_legs():
    p = Play()
    for tag in "ab":
        p.say("o>i", "INVITE", 1, LIES[0], ftag=tag, branch=f"z9hG4bK{tag}")
    p.say("i>o", "486 INVITE", 1, ftag="a", ttag="y", branch="z9hG4bKa")
    p.say("o>i", "ACK", 1, ftag="a", ttag="y", branch="z9hG4bKa")
    p.say("i>x", "INVITE", 1, LIES[0], ftag="b", branch="z9hG4bK2")
    return p.say("x>i", "200 INVITE", 1, TRUTH[0], ftag="b", ttag="z",
                 branch="z9hG4bK2").wait(1)


@case("sip", "The outsider's hold names a new port with no address.")
def hold_with_another_port():
    p = Play().call().wait(1)
    p.say("i>o", "INVITE", 5, sdp("0.0.0.0", 15432), **FAR)
    p.say("o>i", "200 INVITE", 5, OFFER, **FAR)
    return p.wait(5)


def padded(what, n, path, offer, **more):
    """A message with a head of `n` fields."""
    head, body = message(path, what, 1, offer, **more).decode().split(
        "\r\n\r\n", 1)
    head += "".join(f"\r\nX-{i}: y" for i in range(n - head.count("\r\n")))
    return f"{head}\r\n\r\n{body}".encode()


def refused_here(p, n, ask, reply):
    """A proxy relays what had too many fields for us, and now has not."""
    call = f"c{n}"
    one, two = {"branch": "z9hG4bK1"}, {"branch": "z9hG4bK2"}
    p.raw("o>i", ask("INVITE", "o>i", call=call, **one))
    p.raw("i>x", ask("INVITE", "", call=call, **two))
    p.raw("x>i", reply("200 INVITE", "x>i", call=call, ttag="z", **two))
    p.raw("i>o", reply("200 INVITE", "", call=call, ttag="z", **one))
    return p.wait(1)


@case("sip", "What we refuse of an outsider, a proxy may relay so that we do "
      "not: it takes a Via off, or a Route.  What it named is not believed.",
      SERVER)
def relayed_though_refused():
    def say(body, outside, inside):
        return lambda what, path, **more: padded(
            what, outside if path else inside, path, body, **more)
    p, far = Play(), sdp("o", 4000)
    refused_here(p, 0, say(LIES[1], 140, 128), say(TRUTH[1], 10, 10))
    refused_here(p, 1, say(far, 10, 10), say(LIES[1], 129, 128))
    refused_here(p, 2, say(far, 10, 10), say(TRUTH[1], 10, 10))
    return p


@case("sip", "A branch, a tag or a Call-ID of 300 bytes hides no lie, neither "
      "from a proxy nor from a B2BUA.", SERVER)
def relayed_with_long_names():
    p = Play()
    long = 300 * "n"
    for n, more in enumerate(({"branch": long}, {"call": long},
                              {"call": "c2", "ftag": long})):
        p.say("o>i", "INVITE", 1, LIES[1], **{"call": "c0", **more})
        p.say("i>x", "INVITE", 1, LIES[1], call=f"c{5 * n}", branch="z9hG4bK2")
        p.say("x>i", "200 INVITE", 1, TRUTH[1], call=f"c{5 * n}", ttag="z",
              branch="z9hG4bK2").wait(1)
    return p


@case("sip", "An outsider names more in a call than we remember, so that the "
      "first is forgotten: then nothing new is believed in that call.",
      SERVER)
def named_too_much_in_one_call():
    p = relayed(Play(), "c1", sdp("o", 4000), TRUTH[1])
    more = {"ttag": "z", "call": "c1"}
    p.say("o>i", "OPTIONS", 2, LIES[1], **more)
    for n in range(3):
        ice = [f"a=candidate:1 1 UDP 2122 192.0.2.10 {2000 + 200 * n + i} "
               "typ host" for i in range(128 if n < 2 else 63)]
        p.say("o>i", "INFO", 3 + n, sdp("o", *(
            "m=audio 9 RTP/AVP 0\na=ice-ufrag:u\na=ice-pwd:secret\n" +
            "\n".join(ice[i:i + 8]) for i in range(0, len(ice), 8))), **more)
    lie, truth = sdp("i", 15432, 9996), sdp("x", 7000, 7002)
    p.say("o>i", "INVITE", 20, lie, branch="z9hG4bK5", **more)
    p.say("i>x", "INVITE", 20, lie, branch="z9hG4bK6", **more)
    return p.say("x>i", "200 INVITE", 20, truth, branch="z9hG4bK6",
                 **more).wait(1)


@case("sip", "The liar's leg makes room, and the proxy tries the next target, "
      "or the same again: it is a lie still.", SERVER.replace(
          "sip {", "sip {\n\tlimit calls 100 per source 2"))
def lie_in_the_next_branch():
    p = Play()
    p.say("o>i", "INVITE", 1, LIES[1], branch="z9hG4bK1")
    p.say("i>x", "INVITE", 1, LIES[1], branch="z9hG4bK2")
    for n in range(2):
        p.say("o>i", "INVITE", 1, OFFER, call=f"f{n}")
    p.say("x>i", "486 INVITE", 1, branch="z9hG4bK2", ttag="y")
    p.say("i>x", "ACK", 1, branch="z9hG4bK2", ttag="y")
    for n, to in ((3, "x"), (4, "p")):
        p.say(f"i>{to}", "INVITE", 1, LIES[1], branch=f"z9hG4bK{n}")
        p.say(f"{to}>i", "200 INVITE", 1, sdp(to, 7000), ttag=to,
              branch=f"z9hG4bK{n}")
    return p.wait(1)
