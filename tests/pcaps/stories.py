# SPDX-License-Identifier: ISC
"""Captures to be told: by --explain, and on the page of --report."""
from play import ADDR, PROTECT, Play, case, sdp
from wire import ip, udp

MEDIA = PROTECT + "sip { media { 192.0.2.10 192.0.2.20 } port 10000:20000 }\n"


@case("sip", "A Call-ID that would be markup, were it not escaped.")
def hostile_call_id():
    name = "</script><script>document.title='owned'</script>" \
        "<img/src=x/onerror=document.title='owned'>&lt;%00"
    return Play().call(call=name).wait(2).bye(call=name)


class Office(Play):
    """Calls that overlap: each begins at its own time."""

    def at_time(self, seconds):
        self.at = float(seconds)
        return self

    def ordered(self):
        self.packets.sort(key=lambda p: p[0])
        return self


def plain(p, name, begin, end, out, inn, offer=None, answer=None):
    more = {"call": name}
    p.at_time(begin).call(offer or sdp(out, 4000), answer or sdp(inn, 10000),
                          out, inn, **more)
    p.at_time(end).bye(out, inn, **more)


def challenged(p, name, begin, end):
    p.at_time(begin).say("p>i", "INVITE", 1, sdp("p", 30000), call=name)
    p.say("i>p", "401 INVITE", 1, ttag="y", call=name)
    p.say("p>i", "ACK", 1, ttag="y", branch="z9hG4bK1INVITE", call=name)
    p.wait(0.2).say("p>i", "INVITE", 2, sdp("p", 30000), call=name)
    p.wait(4).say("i>p", "200 INVITE", 2, sdp("i", 10020), ttag="z", call=name)
    p.say("p>i", "ACK", 2, ttag="z", call=name)
    p.at_time(end).say("i>p", "BYE", 7, ftag="z", ttag="a", call=name)
    p.say("p>i", "200 BYE", 7, ftag="z", ttag="a", call=name)


def without_ack(p, name, begin):
    p.at_time(begin).say("p>i", "INVITE", 1, sdp("p", 30010), call=name)
    for pause in (2, .5, 1, 2, 4, 4, 4, 4, 4, 4):
        p.wait(pause).say("i>p", "200 INVITE", 1, sdp("i", 10030), ttag="z",
                          call=name)
    p.wait(4).say("i>p", "BYE", 7, ftag="z", ttag="a", call=name)


def refused(p, name, begin, status, out="o"):
    p.at_time(begin).say(f"{out}>i", "INVITE", 1, sdp(out, 4000), call=name)
    p.wait(1).say(f"i>{out}", f"{status} INVITE", 1, ttag="z", call=name)
    p.say(f"{out}>i", "ACK", 1, ttag="z", branch="z9hG4bK1INVITE", call=name)


@case("sip", "A quarter of an hour in an office: calls that overlap, and all "
      "that goes wrong with some of them.", conf=MEDIA)
def office():
    p = Office()
    plain(p, "8f3a-reception@pbx", 0, 240, "o", "i")
    refused(p, "77c1-busy@pbx", 30, 486)
    plain(p, "0b92-sales@pbx", 60, 500, "p", "i", answer=sdp("i", 10002))
    plain(p, "5d10-intercom@pbx", 100, 160, "o", "h",
          answer=sdp("i", 10004))
    plain(p, "e4a7-support@pbx", 130, 700, "o", "i", answer=sdp("i", 10006))
    plain(p, "91fe-homeoffice@pbx", 200, 420, "o", "i",
          offer=sdp("192.168.1.23", 16384), answer=sdp("i", 10008))
    challenged(p, "c0de-trunk@carrier", 260, 640)
    for n in range(3):
        refused(p, f"friendly-scanner-{n}@x", 300 + n, 401, "x")
    without_ack(p, "a11b-lostack@carrier", 330)
    plain(p, "44d0-fax@pbx", 400, 470, "o", "g", answer=sdp("g", 8000))
    p.at_time(450).say("o>i", "INVITE", 1, sdp("o", 4000),
                       call="2b2b-hungup@pbx")
    p.say("i>o", "180 INVITE", 1, ttag="z", call="2b2b-hungup@pbx")
    p.wait(9).say("o>i", "CANCEL", 1, branch="z9hG4bK1INVITE",
                  call="2b2b-hungup@pbx")
    p.say("i>o", "487 INVITE", 1, ttag="z", call="2b2b-hungup@pbx")
    plain(p, "6e6e-video@pbx", 500, 880, "p", "i", offer=sdp("p", 30020, 30022),
          answer=sdp("i", 10040, 10042))
    p.at_time(560)
    for pause in (.5, 1, 2, 4):
        p.say("o>i", "INVITE", 1, sdp("o", 4000), call="dead-silent@pbx")
        p.wait(pause)
    plain(p, "f00d-kitchen@pbx", 600, 820, "o", "i", answer=sdp("i", 10044))
    p.at_time(700)
    p.raw("x>i", b"BYE sip:x SIP/2.0\r\nVia: nonsense\r\n\r\n")
    p.say("x>i", "BYE", 9, ftag="q", ttag="q", call="f00d-kitchen@pbx")
    # The last packet is later than every call.
    p.at_time(900).add(ip(ADDR["x"], ADDR["i"], 17, udp(b"\r\n\r\n")))
    return p.ordered()
