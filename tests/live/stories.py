# SPDX-License-Identifier: ISC
"""Stories of calls, as the running daemon tells them."""
from net import GATEWAY, PBX, PHONE, check, until
from scenarios import scenario, signalling
from sip import Call, sdp
from status import ask, connect, known


def story(name, read_only=False):
    lines, end = ask(f"explain {name}", read_only)
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
def a_story_after_a_crash_says_what_is_missing(net):
    d = net.pinholed()
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check("opened 1: udp" in "\n".join(story(call.call_id)[0]), "the story")
    check(story("1")[0][0] == f"call {call.call_id}", "by its pinhole")
    pid = d.kill("engine")
    until(lambda: d.children().get("engine") not in (None, pid), 3,
          f"another engine; log {d.log}")
    known(connect(), 2)
    text = "\n".join(story(call.call_id)[0])
    check("It began before this engine started" in text, text)
    call.hang_up()
    until(lambda: "closed 1: udp" in "\n".join(story(call.call_id)[0]), 3,
          "its end")
