# SPDX-License-Identifier: ISC
"""Stories of calls, as the running daemon tells them."""
import time

from net import GATEWAY, PBX, PHONE, check, conf, name, until
from scenarios import media, scenario, signalling
from sip import Call, sdp
from status import ask


def story(which, read_only=False):
    lines, end = ask(f"explain {which}", read_only)
    return [x["text"] for x in lines], end


@scenario()
def a_story_says_what_to_change(net):
    d = net.pinholed()
    call = Call(signalling(net))
    call.call_id = "odd%s~live"
    call.set_up(sdp(PHONE, 4000), sdp(GATEWAY, 10000))
    d.expect(event="refuse", reason="not-server")
    text, end = story("odd", read_only=True)
    check(end == {"end": "ok"}, end)
    check(text[0] == "call odd%s~live", text)
    check(text[1].startswith("began 20") and "UTC; accepted" in text[1], text)
    check(any("INVITE: asks for a call; its SDP names 198.51.100.7 port 4000"
              in x for x in text), text)
    check(any(f"what to change: add {PBX} to `server`" in x for x in text),
          text)
    call.hang_up()
    until(lambda: any("BYE: hangs up" in x for x in story("odd")[0]), 3,
          "the end of the story")
    text, end = story("nobody")
    check(end["end"] == "refused" and "no such call" in end["error"], end)
    check(any("odd" in x for x in text), text)


@scenario()
def a_story_says_who_is_silent(net):
    d = net.pinholed(conf=conf("timeout idle 12"))
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")

    def says(text):
        # The outside alone sends.
        p.sendto(b"media", name(m))
        time.sleep(0.1)
        return any(text in x for x in story(call.call_id)[0])

    until(lambda: says("the inside has sent nothing, and the outside was last "
                       "seen to send"), 10, story(call.call_id)[0])
    call.hang_up()


@scenario()
def a_story_after_a_crash_says_what_is_missing(net):
    d = net.pinholed()
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check("opened 1: udp" in "\n".join(story(call.call_id)[0]), "the story")
    check(story("1")[0][0] == f"call {call.call_id}", "by its pinhole")
    pid = d.kill("engine")
    until(lambda: d.children().get("engine") not in (None, pid), 3,
          f"another engine; log {d.log}")
    until(lambda: "It began before this engine knew of it" in
          "\n".join(story(call.call_id)[0]), 3, "what the successor tells")
    check("open since before 1: udp" in "\n".join(story("1")[0]),
          "what is open, by its pinhole")
    call.hang_up()
    until(lambda: "closed 1: udp" in "\n".join(story(call.call_id)[0]), 3,
          "its end")
