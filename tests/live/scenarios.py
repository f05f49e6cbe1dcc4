# SPDX-License-Identifier: ISC
"""Calls through a real firewall.  Each scenario is one test."""
import os
import signal
import sys
import time

from net import (EVIL, FW_IN, FW_OUT, GATEWAY, HOST, Net, PBX, PBX6, PHONE,
                 PHONE6, PROXY, Stream, check, conf, drain, name, passes,
                 until)
from sip import Call, Wire, sdp, tcp_wire

SERVER = f"\tserver {PBX}\n\tmedia {{ {PBX} {GATEWAY} }} port 10000:20000\n"
scenarios = {}


def scenario(**world):
    def register(f):
        scenarios[f.__name__] = (f, world)
        return f
    return register


def signalling(net, phone=PHONE, pbx=PBX):
    return Wire(net.socket("out", phone, 5060), net.socket("in", pbx, 5060))


def media(net, phone=PHONE, pbx=PBX, phone_port=4000, pbx_port=10000):
    return (net.socket("out", phone, phone_port),
            net.socket("in", pbx, pbx_port))


def shut(p, m):
    check(not passes(p, m, name(m), tries=1), "media into the inside is shut")


def closes(p, m, to=None):
    """After a close event, which comes before the packet filter has heard."""
    until(lambda: not passes(p, m, to or name(m), tries=1), 1,
          "media into the inside is shut")


def call_through(net, d, phone=PHONE, pbx=PBX, wire=None):
    """The main job: shut before, open during, shut after."""
    p, m = media(net, phone, pbx)
    shut(p, m)
    call = Call(wire or signalling(net, phone, pbx))
    call.set_up(sdp(phone, 4000), sdp(pbx, 10000))
    d.expect(event="open", dir="in", src=phone, dst=pbx, dport=10000,
             dport_end=10001, call=call.call_id)
    check(passes(p, m, name(m)), "phone to PBX")
    check(passes(m, p, name(p)), "PBX to phone")
    stream = Stream(p, m)
    stream.flows()
    call.hang_up()
    stream.stops()
    stream.stop()
    d.expect(event="close", dir="in", reason="bye")
    return call


@scenario()
def basic_call_over_udp(net):
    call_through(net, net.pinholed())


@scenario()
def basic_call_over_tcp(net):
    d = net.pinholed()
    call_through(net, d, wire=tcp_wire(net, PHONE, PBX))


@scenario()
def basic_call_over_ipv6(net):
    call_through(net, net.pinholed(), PHONE6, PBX6)


@scenario(egress=False)
def basic_call_with_egress_closed(net):
    call_through(net, net.pinholed())


@scenario()
def one_line_is_a_configuration(net):
    call_through(net, net.pinholed(conf="protect { 192.0.2.0/24 }\n"
                                   f'state "/run/{net.tag}.state"\n'))


@scenario()
def nothing_opens_for_a_call_that_is_refused(net):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net))
    call.request("a", "INVITE", sdp(PHONE, 4000), tag=False)
    shut(p, m)
    call.answer(486)
    shut(p, m)
    d.quiet(event="open")
    # The daemon does hear calls: the next one opens.
    Call(call.wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")


@scenario()
def rtcp_and_a_strange_port(net):
    """The strangers stay out: another host, another inside port."""
    d = net.pinholed()
    p, m = media(net)
    prtcp, mrtcp = media(net, phone_port=4001, pbx_port=10001)
    evil = net.socket("out", EVIL, 4000)
    other = net.socket("in", PBX, 10002)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(passes(prtcp, mrtcp, name(mrtcp)), "RTCP in")
    check(passes(mrtcp, prtcp, name(prtcp)), "RTCP out")
    shut(evil, m)
    shut(p, other)
    call.hang_up("b")
    d.expect(event="close", dir="in", reason="bye")
    closes(p, m)


@scenario()
def latch_keeps_to_the_first_port(net):
    d = net.pinholed(conf=conf("\tlatch yes\n"))
    p, m = media(net)
    other = net.socket("out", PHONE, 4444)
    call = Call(signalling(net))
    call.set_up(sdp("192.168.1.10", 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", src=PHONE, dst=PBX)
    check(passes(p, m, name(m)), "the first port")
    check(passes(m, p, name(p)), "and back")
    check(not passes(other, m, name(m), tries=1), "no second one")
    check(passes(p, m, name(m)), "still the first")
    time.sleep(5.5)
    check(passes(other, m, name(m)), "another after silence")
    check(not passes(p, m, name(m), tries=1), "and the first no more")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    closes(other, m)


@scenario()
def a_symmetric_peer_has_one_port(net):
    d = net.pinholed(conf=conf(f"\tsymmetric {PHONE}\n"))
    p, m = media(net)
    other = net.socket("out", PHONE, 4444)
    call = Call(signalling(net))
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", src=PHONE, sport=4000, dst=PBX,
             dport=10000, dport_end=10000)
    d.expect(event="open", dir="in", src=PHONE, sport=4001, dst=PBX,
             dport=10001, dport_end=10001)
    check(not passes(other, m, name(m), tries=1), "no other port, first")
    check(passes(m, p, name(p)), "the inside may speak first")
    check(passes(p, m, name(m)), "the named port")
    check(not passes(other, m, name(m), tries=1), "no other port, later")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    closes(p, m)


@scenario()
def media_of_a_second_host(net):
    d = net.pinholed(conf=conf(SERVER))
    p, m = media(net, pbx=GATEWAY)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(GATEWAY, 10000))
    d.expect(event="open", dir="in", dst=GATEWAY)
    check(passes(p, m, name(m)) and passes(m, p, name(p)), "media")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    closes(p, m)


@scenario()
def a_reinvite_moves_media_to_a_gateway(net):
    d = net.pinholed(conf=conf(SERVER))
    p, m = media(net)
    g = net.socket("in", GATEWAY, 12000)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", dst=PBX)
    call.reinvite("b", sdp(GATEWAY, 12000), sdp(PHONE, 4000))
    d.expect(event="open", dir="in", dst=GATEWAY, dport=12000)
    check(passes(p, g, name(g)) and passes(g, p, name(p)), "media moved")
    d.expect(5, event="close", dst=PBX, reason="replaced")
    closes(p, m)
    call.reinvite("b", sdp(HOST, 12000), "", 488)
    check(passes(p, g, name(g)), "a refused re-INVITE changes nothing")
    call.hang_up()
    d.expect(event="close", dst=GATEWAY, reason="bye")
    closes(p, g)


@scenario()
def twenty_calls_on_one_trunk(net):
    d = net.pinholed()
    wire = signalling(net)
    calls = []
    for i in range(20):
        p, m = media(net, phone_port=4000 + 2 * i, pbx_port=10000 + 2 * i)
        call = Call(wire).set_up(sdp(PHONE, 4000 + 2 * i),
                                 sdp(PBX, 10000 + 2 * i))
        calls.append((call, p, m))
    until(lambda: len(d.seen(event="open", dir="in")) == 20, 2, "20 calls")
    for call, p, m in calls:
        check(passes(p, m, name(m)), f"{call.call_id} in")
        check(passes(m, p, name(p)), f"{call.call_id} out")
    calls[7][0].hang_up()
    d.expect(event="close", dir="in", dport=10014)
    closes(calls[7][1], calls[7][2])
    check(passes(calls[8][1], calls[8][2], name(calls[8][2])), "the others go on")


@scenario()
def a_thousand_calls_of_one_trunk_address(net):
    d = net.pinholed()
    wire = signalling(net)
    for i in range(1000):
        Call(wire).set_up(sdp(PHONE, 10000 + 2 * i), sdp(PBX, 20000 + 2 * i))
        if i % 50 == 49:
            time.sleep(0.05)  # a build under sanitizers is not the fastest
    until(lambda: len(d.seen(event="open", dir="in")) == 1000, 5, "1000 calls")
    for i in (0, 500, 999):
        p, m = media(net, phone_port=10000 + 2 * i, pbx_port=20000 + 2 * i)
        check(passes(p, m, name(m)), f"call {i}")


def lan_phone(net, d, phone_seen=None, sig_to=None):
    """A phone inside calls a hosted PBX outside; the PBX speaks last."""
    phone, hosted = net.socket("in", HOST, 5060), net.socket("out", PROXY, 5060)
    p, m = net.socket("in", HOST, 14000), net.socket("out", PROXY, 24000)
    call = Call(Wire(phone, hosted, b_to=sig_to))
    call.set_up(sdp(HOST, 14000), sdp(PROXY, 24000))
    d.expect(event="open", dir="out", src=HOST, dst=PROXY, dport=24000)
    check(passes(p, m, name(m), phone_seen and (phone_seen, 14000)),
          "phone to hosted PBX")
    check(passes(m, p, (phone_seen or HOST, 14000)), "hosted PBX to phone")
    stream = Stream(p, m, b_to=(phone_seen or HOST, 14000))
    stream.flows()
    call.hang_up()
    d.expect(event="close", dir="out", reason="bye")
    if not net.egress:
        stream.stops()
    stream.stop()


@scenario()
def lan_phone_routed_egress_open(net):
    lan_phone(net, net.pinholed())


@scenario(egress=False)
def lan_phone_routed_egress_closed(net):
    lan_phone(net, net.pinholed())


@scenario(nat=True)
def lan_phone_masqueraded_egress_open(net):
    lan_phone(net, net.pinholed(), FW_OUT, (FW_OUT, 5060))


@scenario(nat=True, egress=False)
def lan_phone_masqueraded_egress_closed(net):
    lan_phone(net, net.pinholed(), FW_OUT, (FW_OUT, 5060))


@scenario()
def pbx_on_the_firewall_itself(net):
    d = net.pinholed(conf=f'protect {{ {FW_OUT} }}\nstate "/run/{net.tag}"\n')
    wire = Wire(net.socket("out", PHONE, 5060), net.socket("fw", FW_OUT, 5060))
    p, m = net.socket("out", PHONE, 4000), net.socket("fw", FW_OUT, 10000)
    shut(p, m)
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(FW_OUT, 10000))
    d.expect(event="open", dir="in", dst=FW_OUT)
    check(passes(p, m, name(m)) and passes(m, p, name(p)), "media")
    stream = Stream(p, m)
    stream.flows()
    call.hang_up()
    until(lambda: d.seen(event="close", reason="bye"), 1, "close")
    time.sleep(0.3)
    closes(p, m)
    stream.stop()


def closing(net, begin, end):
    """Media of which `begin` spoke first stops within a second of `end`."""
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m, begin=begin)
    stream.flows()
    if end == "bye":
        call.hang_up()
    else:
        # Without us, and with egress open, whoever is inside may begin anew.
        if net.egress:
            stream.mute = 1
        d.proc.send_signal(signal.SIGTERM)
    stream.stops()
    stream.stop()


@scenario()
def bye_stops_media_phone_first(net):
    closing(net, 0, "bye")


@scenario()
def bye_stops_media_pbx_first(net):
    closing(net, 1, "bye")


@scenario(egress=False)
def bye_stops_media_pbx_first_egress_closed(net):
    closing(net, 1, "bye")


@scenario()
def term_stops_media_phone_first(net):
    closing(net, 0, "term")


@scenario(egress=False)
def term_stops_media_pbx_first_egress_closed(net):
    closing(net, 1, "term")


@scenario(dnat=True)
def dnat_in_front_of_the_pbx(net):
    """SDP says the inside address; phones come by the firewall's own."""
    d = net.pinholed()
    wire = Wire(net.socket("out", PHONE, 5060), net.socket("in", PBX, 5060),
                a_to=(FW_OUT, 5060))
    p, m = media(net)
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", dst=PBX)
    check(passes(p, m, (FW_OUT, 10000)), "phone to the alias")
    stream = Stream(p, m, a_to=(FW_OUT, 10000))
    stream.flows()
    call.hang_up()
    stream.stops()
    stream.stop()


@scenario(dnat="sip")
def a_public_alias_that_pinholed_redirects(net):
    """SDP says the firewall's own address and means the PBX behind it."""
    d = net.pinholed(conf=conf(
        f"\texternal {FW_OUT} for {PBX}\n\tredirect yes\n"))
    wire = Wire(net.socket("out", PHONE, 5060), net.socket("in", PBX, 5060),
                a_to=(FW_OUT, 5060))
    p, m = media(net)
    prtcp, mrtcp = media(net, phone_port=4001, pbx_port=10001)
    check(not passes(p, m, (FW_OUT, 10000), tries=1), "shut before")
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(FW_OUT, 10000))
    d.expect(event="open", dir="in", dst=PBX, dport=10000)
    check(passes(p, m, (FW_OUT, 10000)), "RTP to the alias")
    check(passes(prtcp, mrtcp, (FW_OUT, 10001)), "RTCP to the alias")
    check(passes(m, p, name(p)), "PBX to phone")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    time.sleep(0.2)
    closes(p, m, (FW_OUT, 10000))


@scenario()
def forgeries_change_nothing(net):
    d = net.pinholed()
    p, m = media(net)
    evil, em = net.socket("out", EVIL, 5060), net.socket("out", EVIL, 4000)
    wire = signalling(net)
    forged = Wire(evil, wire.sock["b"])
    # An answer from a third party to a call the PBX makes.
    call = Call(wire, caller="b")
    call.request("b", "INVITE", sdp(PBX, 10000), tag=False)
    invite = call.last
    call.answer(200, sdp(EVIL, 4000), to=invite, wire=forged)
    d.quiet(event="open")
    shut(em, m)
    call.answer(200, sdp(PHONE, 4000), to=invite)
    call.request("b", "ACK", cseq=invite[2])
    d.expect(event="open", dir="in", src=PHONE)
    # A BYE with the right Call-ID and tags from the wrong place, refused.
    call.request("a", "BYE", wire=forged)
    call.answer(481, wire=Wire(evil, wire.sock["b"]))
    # A BYE from the right place with a wrong tag.
    call.request("a", "BYE", tags={"a": call.tags["a"], "b": "guess"})
    # An INVITE in the dialog from the wrong place.
    call.request("a", "INVITE", sdp(EVIL, 4000), wire=forged)
    time.sleep(0.3)
    check(not d.seen(event="close"), "still open")
    check(passes(p, m, name(m)), "media goes on")
    closes(em, m)
    call.hang_up("b")
    d.expect(event="close", dir="in", reason="bye")


@scenario()
def a_host_cannot_open_the_port_of_another(net):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net, pbx=HOST))
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="refuse", reason="not-server", dst=PBX)
    d.quiet(event="open", dir="in")
    shut(p, m)


@scenario()
def an_address_of_the_firewall_is_no_place_for_media(net):
    d = net.pinholed()
    p, m = media(net)
    # A phone names it: what the phone itself sends may come, and no more.
    fw, inner = net.socket("fw", FW_OUT, 4000), net.socket("fw", FW_IN, 4000)
    for own in (FW_OUT, FW_IN):
        call = Call(signalling(net))
        call.set_up(sdp(own, 4000), sdp(PBX, 10000))
        d.expect(event="refuse", reason="address", dst=own)
        d.expect(event="open", dir="in", src=PHONE)
        check(not d.seen(event="open", src=own), "not from the firewall")
        check(not d.seen(event="open", dst=own), "nor to it")
        check(passes(p, m, name(m)), "the phone's media")
        call.hang_up("b")
        d.expect(event="close", dir="in", reason="bye")
        d.events.clear()
    # The PBX names it.
    call = Call(signalling(net))
    call.set_up(sdp(PHONE, 4000), sdp(FW_IN, 4000))
    d.quiet(event="open")
    shut(p, m)
    check(not passes(p, inner, (FW_IN, 4000), tries=1), "no way in")
    check(not passes(p, fw, (FW_OUT, 4000), tries=1), "at either address")


@scenario()
def processes_have_only_what_they_need(net):
    d = net.pinholed()
    for role, pid in d.children().items():
        status = {}
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            for line in f:
                key, value = line.split(":", 1)
                status[key] = value.split()
        check("0" not in status["Uid"], f"{role} is not root")
        check("0" not in status["Gid"], f"{role} is not root's group")
        check(status["NoNewPrivs"] == ["1"], f"{role}: no new privileges")
        want = 1 << 12 if role == "firewall" else 0
        for cap in ("CapEff", "CapPrm"):
            check(int(status[cap][0], 16) == want, f"{role} {cap}")
        for cap in ("CapBnd", "CapInh", "CapAmb"):
            check(int(status[cap][0], 16) == 0, f"{role} {cap}")
        check(os.readlink(f"/proc/{pid}/root") != "/", f"{role} chrooted")
        check(os.listdir(f"/proc/{pid}/root/") == [], f"{role} sees nothing")


@scenario()
def those_who_open_pinholes_have_the_priority_of_the_configuration(net):
    d = net.pinholed(conf=conf(more="priority realtime"))
    for role, pid in d.children().items():
        check(os.sched_getscheduler(pid) & 0xff == os.SCHED_RR, role)
    check(os.sched_getscheduler(d.proc.pid) == os.SCHED_OTHER, "monitor")
    before = d.children()
    d.write(conf(more="priority high"))
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: not set(before.values()) & set(d.children().values()) and
          len(d.children()) == 2, 4, "other processes")
    for role, pid in d.children().items():
        until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == -15, 1, role)
    call_through(net, d)


CPU_LATENCY = "/dev/cpu_dma_latency"


def awake(d):
    """Whether the firewall process keeps its request to the kernel."""
    fds = f"/proc/{d.children()['firewall']}/fd"
    return any(os.readlink(f"{fds}/{fd}") == CPU_LATENCY
               for fd in os.listdir(fds))


@scenario()
def cpu_latency_is_asked_for_as_long_as_the_daemon_runs(net):
    d = net.pinholed(conf=conf(more="cpu-latency 7"))
    if os.path.exists(CPU_LATENCY):
        check(awake(d), "asked for")
        with open(CPU_LATENCY, "rb") as f:
            check(int.from_bytes(f.read(4), sys.byteorder) <= 7, "in force")
    else:
        check(any("cannot have the cpu-latency" in line for line in d.log),
              "said that the kernel has no such file")
    call_through(net, d)
    before = d.children()
    d.write(conf())
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: not set(before.values()) & set(d.children().values()) and
          len(d.children()) == 2, 4, "other processes")
    check(not awake(d), "no longer asked for")


def survives(net, role):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    pid = d.kill(role)
    if role == "monitor":
        time.sleep(1)
    else:
        until(lambda: d.children().get(role) not in (None, pid), 3,
              f"another {role}; log {d.log}")
        time.sleep(0.5)
    evil = net.socket("out", EVIL, 5060)
    call.request("a", "BYE", wire=Wire(evil, call.wire.sock["b"]))
    time.sleep(0.5)
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    call.hang_up()
    stream.stops()
    stream.stop()
    # And the next call goes through as ever.
    q, n = media(net, phone_port=4100, pbx_port=10100)
    Call(call.wire).set_up(sdp(PHONE, 4100), sdp(PBX, 10100))
    until(lambda: passes(q, n, name(n), tries=1), 2, "the next call")


@scenario()
def media_survives_the_engine(net):
    survives(net, "engine")


@scenario()
def media_survives_the_firewall_process(net):
    survives(net, "firewall")


@scenario()
def media_survives_the_monitor(net):
    survives(net, "monitor")


@scenario()
def a_restart_after_killing_all_removes_what_is_ours(net):
    state = f"/run/{net.tag}.state"
    net.run("fw", "nft", "add table inet other; add set inet other s "
            "{ type ipv4_addr; }; add element inet other s { 192.0.2.1 }")
    before = net.run("fw", "nft", "list", "table", "inet", "other")
    d = net.pinholed()
    p, m = media(net)
    Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(passes(p, m, name(m)), "media")
    d.kill_all()
    check(passes(p, m, name(m)), "kill -9 of all leaves the kernel's part")
    for path in [state, *net.kept()]:
        if os.path.exists(path):
            os.unlink(path)
    net.pinholed()
    shut(p, m)
    after = net.run("fw", "nft", "list", "table", "inet", "other")
    check(before == after, "another table is not ours to touch")


@scenario()
def the_kernel_closes_what_the_dead_left(net):
    d = net.pinholed(conf=conf("\ttimeout idle 3\n"))
    p, m = media(net)
    Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    d.kill_all()
    stream.flows()
    time.sleep(4.2)
    stream.stops()
    stream.stop()


@scenario()
def silence_closes_and_media_keeps_open(net):
    d = net.pinholed(conf=conf("\ttimeout idle 3\n"))
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    time.sleep(8)
    stream.flows()
    check(not d.seen(event="close"), "media keeps it open")
    stream.stop()
    d.expect(8, event="close", dir="in", reason="idle", call=call.call_id)
    closes(p, m)


@scenario()
def a_reload_keeps_calls(net):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    old = d.children()
    d.write("nonsense {\n")
    d.proc.send_signal(signal.SIGHUP)
    time.sleep(1)
    check(d.children() == old, "a bad configuration changes nothing")
    d.write(conf("\tearly media no\n"))
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: d.children().get("engine") not in (None, old["engine"]), 4,
          "another engine")
    time.sleep(1)
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    check(not d.seen(event="close"), "nothing closed")
    call.hang_up()
    stream.stops()
    stream.stop()
    d.expect(event="close", dir="in", reason="bye")


@scenario()
def somebody_flushes_the_ruleset(net):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(passes(p, m, name(m)), "media")
    net.run("fw", "nft", "flush", "ruleset")
    net.ruleset()
    until(lambda: passes(p, m, name(m), tries=1), 4, "media again")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    closes(p, m)


@scenario()
def a_fragmented_invite(net):
    d = net.pinholed()
    p, m = media(net)
    long = "".join(f"a=x-filler-{i}:{'y' * 60}\r\n" for i in range(40))
    call = Call(signalling(net))
    call.set_up(sdp(PHONE, 4000, extra=long), sdp(PBX, 10000, extra=long))
    d.expect(event="open", dir="in")
    check(passes(p, m, name(m)), "media")


@scenario()
def a_flood_does_not_delay_a_call(net):
    d = net.pinholed()
    wire = signalling(net)
    evil = Wire(net.socket("out", EVIL, 5060), wire.sock["b"])
    flood = Call(evil)
    for i in range(6000):
        flood.call_id = os.urandom(8).hex()
        flood.request("a", "INVITE", sdp(EVIL, 4000), tag=False, arrive=False)
        if i % 50 == 49:
            drain(wire.sock["b"])
    time.sleep(0.2)
    drain(wire.sock["b"])
    p, m = media(net)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(1, event="open", dir="in", src=PHONE)
    check(passes(p, m, name(m)), "media")
    check(not d.seen(event="open", src=EVIL), "nothing for the flood")


@scenario()
def calls_survive_a_restart_of_it_all(net):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    time.sleep(31)
    d.kill_all()
    d = net.pinholed()
    time.sleep(1)
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    stream.stops()
    stream.stop()


@scenario()
def calls_survive_a_stop_and_a_start(net):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(passes(p, m, name(m)), "media")
    d.stop()
    check(any(e["event"] == "close" and e["reason"] == "shutdown"
              for e in d.events), "closed on TERM")
    shut(p, m)
    d = net.pinholed()
    d.expect(event="open", dir="in", call=call.call_id)
    check(passes(p, m, name(m)), "media again")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    closes(p, m)
