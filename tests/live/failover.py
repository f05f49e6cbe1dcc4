# SPDX-License-Identifier: ISC
"""A thousand calls with media when one of two firewalls fails, by a scripted
move of the routes and by keepalived's move of the addresses.

Nothing but pinholes lets media pass, in either direction.
"""
import json
import resource
import select
import struct
import subprocess
import threading
import time

from net import PBX, PHONE, check, name, until
from scenarios import scenario
from share import World, opened, set_up
from sip import Call, Wire, sdp
from web import tool

EVERY = 0.1  # seconds between two packets of a stream
LIMITS = "limit calls 5000 per source 5000"


class Streams:
    """Media of many calls, both ways.  A packet says when it was sent."""

    def __init__(self, net, calls):
        self.calls = calls
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        pairs = [(net.socket("out", PHONE, 20000 + 2 * n),
                  net.socket("in", PBX, 10000 + 2 * n)) for n in range(calls)]
        # Side s of call n has the index 2 * n + s.
        self.socks = [s for pair in pairs for s in pair]
        self.to = [name(s) for a, b in pairs for s in (b, a)]
        self.last = [0.0] * len(self.socks)
        self.mark, self.first = float("inf"), {}
        self.at = {s.fileno(): n for n, s in enumerate(self.socks)}
        self.poll = select.epoll()
        for s in self.socks:
            s.setblocking(False)
            self.poll.register(s, select.EPOLLIN)
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=f, daemon=True)
                        for f in (self._send, self._receive)]
        for t in self.threads:
            t.start()

    def _send(self):
        slots = 20
        due = time.monotonic()
        while not self.ended.is_set():
            for slot in range(slots):
                for n in range(slot, len(self.socks), slots):
                    try:
                        self.socks[n].sendto(
                            struct.pack("=d", time.monotonic()), self.to[n])
                    except OSError:
                        pass
                due = max(due + EVERY / slots, time.monotonic() - EVERY)
                time.sleep(max(0, due - time.monotonic()))

    def _receive(self):
        while not self.ended.is_set():
            for fd, _ in self.poll.poll(0.1, 256):
                n = self.at[fd]
                try:
                    sent, = struct.unpack("=d", self.socks[n].recv(64))
                except (OSError, struct.error):
                    continue
                self.last[n] = time.monotonic()
                if sent >= self.mark:
                    self.first.setdefault(n, self.last[n])

    def since(self, mark):
        """Count streams of which a packet arrived that was sent after it."""
        self.first, self.mark = {}, mark

    def all_flow(self, what):
        until(lambda: len(self.first) == len(self.socks), 10,
              f"{what}: {len(self.socks)} streams flow")
        return max(self.first.values()) - self.mark

    def stop(self):
        self.ended.set()
        for t in self.threads:
            t.join(2)
        self.poll.close()


def set_up_all(w, calls):
    """Calls through the first box that the second one knows."""
    for b in w.boxes:
        b.start(sip=LIMITS)
    made = []
    # These calls repeat no packet that a busy machine did not see.
    while len(made) < calls:
        made += [set_up(w, 20000 + 2 * n, 10000 + 2 * n)
                 for n in range(len(made), len(made) + calls // 20)]
        until(lambda: (w.boxes[1].counter("share_adopted") or 0) >= len(made),
              10, f"the second box has {len(made)} calls")
    return made


def media_of(net, made):
    streams = Streams(net, len(made))
    streams.since(time.monotonic())
    streams.all_flow("before the move")
    return streams


def close_all(box, made, streams):
    """Ends every call; how late the last packet and the last event was."""
    ends = {}  # call -> by both clocks, the time of its BYE
    for call in made:
        ends[call.call_id] = (time.monotonic(), time.time())
        call.hang_up()
        time.sleep(0.005)
    until(lambda: len({e["call"] for e in box.daemon.seen(
        event="close", dir="in", reason="bye")}) == len(made), 5,
        "every BYE closes")
    until(lambda: box.holes() == 0, 2, "no pinhole is left")
    time.sleep(0.5)
    streams.stop()
    media = max(streams.last[2 * n + side] - ends[call.call_id][0]
                for n, call in enumerate(made) for side in (0, 1))
    events = max(e["ts"] - ends[e["call"]][1]
                 for e in box.daemon.seen(event="close", reason="bye"))
    return media, events


def judge(two, made, streams, moved):
    """What must hold on the survivor; `moved` is the time of the move."""
    streams.since(moved)
    gap = streams.all_flow("after the move")
    print(f"{len(made)} calls, {len(streams.socks)} streams: all flow "
          f"{gap:.3f} s after the move")
    check(gap < 1, f"media goes on within a second, not {gap:.3f}")
    check(not two.daemon.seen(event="close"), "a living call closed")
    media, events = close_all(two, made, streams)
    print(f"after its BYE, a call's last packet passed within {media:.3f} s, "
          f"and it was closed within {events:.3f} s")
    check(media < 1 and events < 1, "every BYE closes within a second")


@scenario(egress=False, needs=("redis-server", "redis-cli"))
def share_a_thousand_calls_outlive_a_killed_firewall(net):
    w = World(net)
    one, two = w.boxes
    made = set_up_all(w, 1000)
    streams = media_of(net, made)
    one.kill()
    moved = time.monotonic()
    w.move(2)
    judge(two, made, streams, moved)
    opened(two, set_up(w))


def cut(box):
    """Packets vanish in both directions; no cable says that it is dead."""
    box.world.net.run(box.ns, "nft", "-f", "-", text="""table inet cut {
        chain in { type filter hook prerouting priority -400;
            iifname { "o0", "i0", "m0" } drop; };
        chain out { type filter hook postrouting priority 400;
            oifname { "o0", "i0", "m0" } drop; }; }""")


@scenario(egress=False, needs=("redis-server", "redis-cli"))
def share_a_thousand_calls_outlive_a_cut_network(net):
    """And when it is mended, the calls that are over go from the first box,
    which has not heard of their ends."""
    w = World(net)
    one, two = w.boxes
    made = set_up_all(w, 1000)
    streams = media_of(net, made)
    cut(one)
    moved = time.monotonic()
    w.move(2)
    judge(two, made, streams, moved)
    more = set_up(w)
    opened(two, more)
    check(one.holes() > len(made), "the first box has heard of no end")
    one.run("nft", "delete", "table", "inet", "cut")
    mended = time.monotonic()
    opened(one, more, 20)
    until(lambda: one.holes() <= two.holes(), 10, "its old pinholes are gone")
    print("mended, the first box is up to date after "
          f"{time.monotonic() - mended:.1f} s")
    for b in w.boxes:
        check(not b.daemon.seen(event="close", call=more.call_id),
              "the living call goes on")


def ecmp(net, boxes, turn=0, table="main"):
    """Each flow by the box that the kernel's hash of its addresses and ports
    chooses; with `turn`, what comes back takes another one."""
    for host, prefix, src in (("out", "198.51", PHONE), ("in", "192.0", PBX)):
        hops = []
        for b in boxes:
            via = f"{prefix}.{100 + b.n}.1" if b.n > 1 else \
                ("198.51.100.1" if host == "out" else "192.0.2.1")
            hops.append(["nexthop", "via", via, "dev",
                         f"eth{b.n if b.n > 1 else 0}"])
        if host == "in":
            hops = hops[turn:] + hops[:turn]
        net.run(host, "sysctl", "-qw", "net.ipv4.fib_multipath_hash_policy=1")
        net.ip(host, "route", "replace", "default", "table", table, "src", src,
               *[word for hop in hops for word in hop])


def seen_by(box):
    text = box.run("ip", "-j", "-s", "link", "show", "dev", "o0")
    return json.loads(text)[0]["stats64"]["rx"]["packets"]


@scenario(egress=False, needs=("redis-server", "redis-cli"))
def share_three_firewalls_behind_ecmp(net):
    """Calls are signalled by all three, the media of each passes by any two,
    each direction by another; then one of them dies."""
    w = World(net, boxes=3)
    for b in w.boxes:
        b.start(sip=LIMITS)
    for host, addr in (("out", PHONE), ("in", PBX)):
        # The kernel prefers the cable that has the source's address.
        net.run(host, "sysctl", "-qw",
                "net.ipv4.conf.eth0.promote_secondaries=1")
        net.ip(host, "addr", "del", f"{addr}/24", "dev", "eth0")
        net.ip(host, "addr", "add", f"{addr}/32", "dev", "lo")
        net.ip(host, "rule", "add", "ipproto", "udp", "dport", "10000-40000",
               "table", "7")
    ecmp(net, w.boxes)
    ecmp(net, w.boxes, 1, "7")
    pbx = net.socket("in", PBX, 5060)
    made = []
    for n in range(60):
        # Nobody here repeats a packet: not too fast for a busy machine.
        wire = Wire(net.socket("out", PHONE, 6000 + n), pbx)
        made.append(Call(wire).set_up(sdp(PHONE, 20000 + 2 * n),
                                      sdp(PBX, 10000 + 2 * n)))
        time.sleep(0.01)
    until(lambda: all(b.counter("share_calls") == len(made)
                      for b in w.boxes), 10, "all boxes know all calls")
    owned = [b.counter("share_owned") for b in w.boxes]
    check(min(owned) > 5, f"each box has heard calls: {owned}")
    before = [seen_by(b) for b in w.boxes]
    streams = media_of(net, made)
    time.sleep(1)
    for b, n in zip(w.boxes, before):
        check(seen_by(b) - n > 100, "media passes through each box")
    w.boxes[2].kill()
    moved = time.monotonic()
    ecmp(net, w.boxes[:2])
    ecmp(net, w.boxes[:2], 1, "7")
    streams.since(moved)
    gap = streams.all_flow("by two")
    print(f"{len(made)} calls: all flow {gap:.3f} s after the move")
    check(gap < 1, "media goes on within a second")
    for b in w.boxes[:2]:
        check(not b.daemon.seen(event="close"), "a living call closed")
    for box in w.boxes[1::-1]:
        if box.n == 2:
            media, events = close_all(box, made, streams)
            print(f"closed within {media:.3f} s, told within {events:.3f} s")
            check(media < 1 and events < 1, "every BYE closes in a second")
        until(lambda b=box: b.holes() == 0, 2, "no pinhole is left")


@scenario(egress=False, needs=("redis-server", "redis-cli"))
def share_a_dead_firewall_comes_back_without_its_calls(net):
    """Its journal, and its packet filter, have calls that are over."""
    w = World(net)
    one, two = w.boxes
    made = set_up_all(w, 200)
    one.kill()
    w.move(2)
    for call in made:
        call.hang_up()
        time.sleep(0.005)
    until(lambda: two.holes() == 0, 5, "the survivor has no pinhole")
    more = set_up(w)
    opened(two, more)
    check(one.holes() > len(made), "the dead one has pinholes")
    one.start(sip=LIMITS)
    opened(one, more, 2)
    until(lambda: one.holes() <= two.holes(), 45, "its old pinholes are gone")
    check(not one.daemon.seen(event="close", call=more.call_id) and
          not two.daemon.seen(event="close", call=more.call_id),
          "the living call goes on")


def bridge(net, host, dev, addr):
    """All boxes on one wire with the host, which has its address there."""
    net.ip(host, "link", "add", "wire", "type", "bridge")
    for port in ("eth0", "eth2"):
        net.ip(host, "addr", "flush", "dev", port)
        net.ip(host, "link", "set", port, "master", "wire")
    net.ip(host, "link", "set", "wire", "up")
    net.ip(host, "addr", "add", f"{addr}/24", "dev", "wire")
    prefix = addr.rsplit(".", 1)[0]
    for n, fw in ((1, "fw"), (2, "fw2")):
        net.ip(fw, "addr", "flush", "dev", dev)
        net.ip(fw, "addr", "add", f"{prefix}.{200 + n}/24", "dev", dev)
    net.ip(host, "route", "replace", "default", "via", f"{prefix}.1")


def keepalived(box, priority):
    """Both addresses move together, as in doc/howto/two-firewalls.md."""
    net = box.world.net
    text = "global_defs { vrrp_version 3 }\n" \
        "vrrp_sync_group G { group { outside inside } }\n"
    for which, dev, id_, addr in (("outside", "o0", 51, "198.51.100.1"),
                                  ("inside", "i0", 52, "192.0.2.1")):
        text += (f"vrrp_instance {which} {{\n state BACKUP\n interface {dev}\n"
                 f" virtual_router_id {id_}\n priority {priority}\n"
                 " advert_int 0.1\n"
                 f" virtual_ipaddress {{ {addr}/24 }}\n}}\n")
    base = f"/run/{net.tag}.{box.ns}"
    with open(f"{base}.keepalived", "w", encoding="ascii") as f:
        f.write(text)
    box.run("nft", "insert", "rule", "inet", "filter", "input", "ip",
            "protocol", "vrrp", "accept")
    return Runs(subprocess.Popen(
        [*box.enter("fw"), tool("keepalived"), "--dont-fork", "--vrrp",
         "--log-console", f"--use-file={base}.keepalived",
         f"--pid={base}.pid", f"--vrrp_pid={base}.vrrp"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), net)


class Runs:
    """A program that the world ends."""
    log, events = (), ()

    def __init__(self, proc, net):
        self.proc = proc
        net.daemons.append(self)

    def kill_all(self):
        self.proc.terminate()
        self.proc.wait(10)


def has(box, addr):
    return f" {addr}/" in box.run("ip", "-4", "addr", "show")


@scenario(egress=False, needs=("redis-server", "redis-cli"))
def share_keepalived_moves_the_addresses(net):
    w = World(net)
    one, two = w.boxes
    bridge(net, "out", "o0", PHONE)
    bridge(net, "in", "i0", PBX)
    for box, priority in ((one, 150), (two, 100)):
        keepalived(box, priority)
    until(lambda: has(one, "198.51.100.1") and has(one, "192.0.2.1") and
          not has(two, "192.0.2.1"), 10, "the first box is the master")
    made = set_up_all(w, 200)
    streams = media_of(net, made)
    one.power_off()
    dead = time.monotonic()
    until(lambda: has(two, "198.51.100.1") and has(two, "192.0.2.1"), 10,
          "the second box has both addresses")
    moved = time.monotonic()
    print(f"keepalived moved the addresses after {moved - dead:.3f} s")
    judge(two, made, streams, moved)
