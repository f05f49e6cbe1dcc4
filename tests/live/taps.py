# SPDX-License-Identifier: ISC
"""What the engine's packet socket hears, and when.  Each is one test."""
import signal
import time

from net import PBX, PHONE, Unable, check, conf, name, passes, sh, until
from processes import next_call
from scenarios import closes, media, scenario, signalling
from sip import Call, sdp


def taps(net):
    """The interface of each packet socket; "": all."""
    names = {"0": ""}
    for line in net.ip("fw", "-o", "link").splitlines():
        index, word = line.split(": ")[:2]
        names[index] = word.split("@")[0]
    rows = net.run("fw", "cat", "/proc/net/packet").splitlines()[1:]
    return [names.get(row.split()[4]) for row in rows]


def without_own(interface="i0"):
    """Protected hosts among which the firewall itself is not."""
    text = conf().replace("protect { 192.0.2.0/24 2001:db8:2::/64 }",
                          "protect { 192.0.2.10 192.0.2.20 }")
    check("192.0.2.0/24" not in text, text)
    return text.replace("interface i0", f"interface {interface}")


def reload(d, text, heard, what):
    d.write(text)
    d.proc.send_signal(signal.SIGHUP)
    until(heard, 5, f"{what}: {d.log}")


@scenario()
def only_the_interface_that_counts_is_listened_to(net):
    d = net.pinholed(conf=without_own())
    check(taps(net) == ["i0"], taps(net))
    wire = signalling(net)
    next_call(net, wire)
    # The firewall's own packets may pass by any interface.
    reload(d, conf(), lambda: taps(net) == [""], "one socket for all")
    next_call(net, wire, 4200)
    reload(d, without_own(), lambda: taps(net) == ["i0"], "one for i0")
    next_call(net, wire, 4300)
    # One socket for several interfaces keeps what they see in order.
    reload(d, without_own("{ i0 o0 }"), lambda: taps(net) == [""], "one for two")


@scenario()
def an_interface_that_is_down_for_a_moment(net):
    d = net.pinholed(conf=without_own())
    wire = signalling(net)
    p, m = media(net)
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(passes(p, m, name(m)), "before")
    before = d.children()
    # The last time longer than from one look at the interfaces to the next.
    for seconds in (0, 0.3, 0.3, 2.5):
        net.ip("fw", "link", "set", "i0", "down")
        time.sleep(seconds)
        net.ip("fw", "link", "set", "i0", "up")
        until(lambda: passes(p, m, name(m), tries=1), 5, "media again")
    next_call(net, wire)
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    closes(p, m)
    check(d.children() == before, f"the same processes: {d.log}")


@scenario()
def an_interface_that_comes_up_late(net):
    net.ip("fw", "link", "set", "i0", "down")
    d = net.pinholed(conf=without_own())
    before = d.children()
    time.sleep(1)
    net.ip("fw", "link", "set", "i0", "up")
    wire = signalling(net)
    until(lambda: passes(*wire.sock.values(), name(wire.sock["b"]), tries=1),
          5, "signalling")
    next_call(net, wire)
    check(d.children() == before, f"the same processes: {d.log}")


@scenario()
def the_only_interface_goes_and_comes_back(net):
    d = net.pinholed(conf=without_own())
    wire = signalling(net)
    p, m = media(net)
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    before = d.children()["engine"]
    net.ip("fw", "link", "del", "i0")
    time.sleep(1)
    sh("ip", "link", "add", "i0", "netns", f"{net.tag}-fw", "type", "veth",
       "peer", "name", "eth0", "netns", f"{net.tag}-in")
    for where, dev, addr in (("fw", "i0", "192.0.2.1/24"),
                             ("in", "eth0", f"{PBX}/24")):
        net.ip(where, "addr", "add", addr, "dev", dev)
        net.ip(where, "link", "set", dev, "up")
    net.ip("in", "route", "add", "default", "via", "192.0.2.1")
    until(lambda: d.children().get("engine") not in (None, before), 6,
          f"another engine; {d.log}")
    until(lambda: taps(net) == ["i0"], 5, f"the new i0; {taps(net)}")
    time.sleep(0.5)
    check(passes(p, m, name(m)), "the call goes on")
    next_call(net, wire)
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")


@scenario()
def an_interface_that_was_elsewhere_for_a_moment(net):
    """In another network namespace; its name and number are the same again."""
    d = net.pinholed(conf=without_own())
    wire = signalling(net)
    next_call(net, wire)
    before = d.children()["engine"]
    index = net.ip("fw", "-o", "link", "show", "i0").split(":")[0]
    net.ip("fw", "link", "set", "i0", "netns", f"{net.tag}-out")
    net.ip("out", "link", "set", "i0", "netns", f"{net.tag}-fw")
    net.ip("fw", "addr", "add", "192.0.2.1/24", "dev", "i0")
    net.ip("fw", "link", "set", "i0", "up")
    if net.ip("fw", "-o", "link", "show", "i0").split(":")[0] != index:
        raise Unable("this kernel gives the interface another number")
    until(lambda: d.children().get("engine") not in (None, before), 6,
          f"another engine; {d.log}")
    until(lambda: taps(net) == ["i0"], 5, f"a socket for it; {taps(net)}")
    time.sleep(0.5)
    next_call(net, wire, 4200)


@scenario()
def a_bridge_is_an_interface(net):
    net.ip("fw", "link", "add", "b0", "type", "bridge")
    net.ip("fw", "addr", "flush", "dev", "i0")
    net.ip("fw", "link", "set", "i0", "master", "b0")
    net.ip("fw", "addr", "add", "192.0.2.1/24", "dev", "b0")
    net.ip("fw", "link", "set", "b0", "up")
    net.ruleset(extra='iifname "b0" accept')
    d = net.pinholed(conf=without_own("b0"))
    check(taps(net) == ["b0"], taps(net))
    wire = signalling(net)
    p, m = media(net)
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", src=PHONE, dst=PBX)
    check(passes(p, m, name(m)), "phone to PBX")
    check(passes(m, p, name(p)), "and back")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    closes(p, m)
