# SPDX-License-Identifier: ISC
"""A daemon that leaves its calls to a successor.  Each is one test."""
import signal
import time

from net import PBX, PHONE, Stream, check, conf
from scenarios import media, scenario, shut, signalling
from sip import Call, sdp


def call_with_stream(net, d):
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    return call, stream, (p, m)


def leave(d):
    d.proc.send_signal(signal.SIGUSR2)
    check(d.proc.wait(10) == 0, "it leaves in good order")
    for t in d.threads:
        t.join(2)
    check(not d.seen(event="close"), "nothing closed")


@scenario()
def an_upgrade_loses_no_packet(net):
    """And the successor hears the BYE."""
    d = net.pinholed()
    call, stream, _ = call_with_stream(net, d)
    before = stream.lost()
    leave(d)
    stream.flows()
    time.sleep(1)
    stream.flows()
    d = net.pinholed()
    time.sleep(2)
    stream.flows()
    after = stream.lost()
    check(after == before, f"packets lost: {before}, then {after}")
    check(not d.seen(event="close"), "nothing closed")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye", call=call.call_id)
    stream.stops()
    stream.stop()


@scenario()
def without_a_successor_the_kernel_closes(net):
    d = net.pinholed(conf=conf("\ttimeout idle 3\n"))
    _, stream, _ = call_with_stream(net, d)
    leave(d)
    stream.flows()
    time.sleep(4.2)
    stream.stops()
    stream.stop()


@scenario(egress=False)
def a_stop_that_overtakes_a_leave_closes(net):
    d = net.pinholed()
    _, stream, (p, m) = call_with_stream(net, d)
    fw = d.kill("firewall", signal.SIGSTOP)
    d.proc.send_signal(signal.SIGUSR2)
    time.sleep(0.5)
    stream.flows()
    d.proc.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    d.known.pop("firewall")
    net.run("fw", "kill", "-CONT", str(fw))
    check(d.proc.wait(10) == 0, "it ends")
    stream.stops()
    stream.stop()
    shut(p, m)
    check("inet pinholed" not in net.run("fw", "nft", "list", "tables"),
          "its table is gone")


@scenario()
def a_proxy_does_not_outlive_a_leave(net):
    """Nor is a leave of a daemon that has nothing open an error."""
    d = net.pinholed(conf=conf(
        more="ftp { proxy on 192.0.2.1 port 8021 }\n"))
    leave(d)
    d = net.pinholed()
    d.stop()
    check("inet pinholed" not in net.run("fw", "nft", "list", "tables"),
          "its table is gone")
