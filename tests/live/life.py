# SPDX-License-Identifier: ISC
"""Each test has signs of life that keep a call open, or that do not."""
import time

from net import PBX, PHONE, Stream, check, conf, name, passes
from scenarios import closes, media, scenario, shut, signalling
from sip import Call, sdp

IDLE = 3
SHORT = f"\ttimeout idle {IDLE}\n"


def call_with_stream(net, d, mute=None):
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    stream.mute = mute
    return call, stream


@scenario()
def media_from_outside_alone_ends(net):
    """Longer than silence, and yet bounded: four times `timeout idle`."""
    d = net.pinholed(conf=conf(SHORT))
    call, stream = call_with_stream(net, d, mute=1)
    time.sleep(2 * IDLE)
    check(not d.seen(event="close"), "closed like silence")
    d.expect(2 * IDLE + 4, event="close", dir="in", reason="idle",
             call=call.call_id)
    stream.stops()
    stream.stop()


@scenario()
def media_from_inside_alone_keeps_a_call(net):
    d = net.pinholed(conf=conf(SHORT))
    call, stream = call_with_stream(net, d, mute=0)
    time.sleep(5 * IDLE)
    check(not d.seen(event="close"), "closed although the inside sends")
    call.hang_up()
    stream.stop()
    d.expect(event="close", dir="in", reason="bye")


@scenario()
def signalling_from_inside_keeps_a_call(net):
    """And the same from outside does not."""
    d = net.pinholed(conf=conf(SHORT))
    call, stream = call_with_stream(net, d)
    stream.stop()
    for _ in range(5):
        call.request("b", "OPTIONS")
        call.answer(200)
        time.sleep(IDLE - 1)
    check(not d.seen(event="close"), "closed although the inside speaks")
    for _ in range(3):
        call.request("a", "OPTIONS")
        call.answer(200)
        time.sleep(IDLE - 1)
    d.expect(2, event="close", dir="in", reason="idle", call=call.call_id)


@scenario()
def silent_early_media_closes_and_the_answer_opens(net):
    d = net.pinholed(conf=conf(SHORT))
    p, m = media(net)
    call = Call(signalling(net), caller="b")
    call.request("b", "INVITE", sdp(PBX, 10000), tag=False)
    invite = call.last
    call.answer(183, sdp(PHONE, 4000), to=invite)
    d.expect(event="open", dir="in", reason="early")
    d.expect(IDLE + 3, event="close", dir="in", reason="idle")
    call.answer(183, sdp(PHONE, 4000), to=invite)
    closes(p, m)
    call.answer(200, sdp(PHONE, 4000), to=invite)
    d.expect(event="open", dir="in", reason="answer")
    check(passes(p, m, name(m)), "the phone after the answer")


def moved(net, first):
    """The inside moves its port; the peer must not reach the old one."""
    d = net.pinholed()
    p, m = media(net)
    new = net.socket("in", PBX, 10100)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", dport=10000)
    if first == "inside":
        check(passes(m, p, name(p)), "the inside speaks first")
    check(passes(p, m, name(m)), "the phone to the old port")
    check(passes(m, p, name(p)), "and back")
    call.reinvite("b", sdp(PBX, 10100), sdp(PHONE, 4000))
    d.expect(event="open", dir="in", dport=10100)
    check(passes(p, m, name(m)), "late media within the grace")
    d.expect(5, event="close", dir="in", dport=10000, reason="replaced")
    time.sleep(0.3)
    shut(p, m)
    check(passes(p, new, name(new)), "the phone to the new port")
    check(passes(new, p, name(p)), "and back")
    shut(p, m)
    call.hang_up()
    d.expect(event="close", dir="in", dport=10100, reason="bye")
    closes(p, new)


@scenario()
def a_port_that_moved_is_shut_inside_spoke_first(net):
    moved(net, "inside")


@scenario()
def a_port_that_moved_is_shut_outside_spoke_first(net):
    moved(net, "outside")


@scenario(egress=False)
def a_port_that_moved_is_shut_egress_closed(net):
    moved(net, "inside")
