#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Calls of two firewalls that share them: what a call costs, how late a peer
opens, and how long a third one takes to have them all.

usage: share_live.py PINHOLED [calls [calls a second]]
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../tests/live"))

import net  # noqa: E402
import share  # noqa: E402
import sip  # noqa: E402
from net import PBX, PHONE, until  # noqa: E402


def seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1])


def blast(wire, n, rate):
    """Calls that are set up, at a steady rate, as fast as sockets allow."""
    start = time.monotonic()
    for i in range(n):
        c = sip.Call(wire)
        port = 10000 + 2 * (i % 5000)
        c.request("a", "INVITE", sip.sdp(PHONE, 4000 + 2 * (i % 5000)),
                  tag=False, arrive=False)
        invite = c.last
        c.answer(200, sip.sdp(PBX, port), to=invite, arrive=False)
        c.request("a", "ACK", cseq=invite[2], arrive=False)
        for s in wire.sock.values():
            net.drain(s)
        late = start + (i + 1) / rate - time.monotonic()
        if late > 0:
            time.sleep(late)
    return time.monotonic() - start


def main():
    net.Daemon.binary = sys.argv[1]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    rate = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    world = net.Net()
    world.egress = True
    try:
        w = share.World(world, boxes=3)
        one, two, three = w.boxes
        one.start(sip="limit calls 50000 per source 1000000")
        two.start(sip="limit calls 50000 per source 1000000")
        wire = share.signalling(world)
        pids = {(b.n, role): pid for b in (one, two)
                for role, pid in b.daemon.children().items()}
        before = {k: seconds(p) for k, p in pids.items()}
        cpu = seconds(w.server.pid)
        took = blast(wire, n, rate)
        until(lambda: (two.counter("share_calls") or 0) >= n, 60, "all known")
        print(f"{n} calls in {took:.1f} s, {n / took:.0f} a second")
        for k, p in sorted(pids.items()):
            print(f"box {k[0]} {k[1]}: "
                  f"{(seconds(p) - before[k]) / n * 1e6:.0f} us of CPU a call,"
                  f" {rss(p)} KiB")
        print(f"server: {(seconds(w.server.pid) - cpu) / n * 1e6:.0f} us of "
              "CPU a call")
        for line in w.redis("INFO", "memory").splitlines():
            if line.startswith("used_memory:"):
                print(f"server: {int(line[12:]) / n:.0f} bytes of memory a "
                      "call, with the stream")
        for name in ("share_bytes", "share_writes", "share_lag_us"):
            print(f"box 1 {name}: {one.counter(name) / n:.2f} a call")
        at = {e["call"]: e["ts"] for e in one.daemon.events
              if e["event"] == "open" and e["dir"] == "in"}
        late = sorted((e["ts"] - at[e["call"]]) * 1000
                      for e in two.daemon.events if e["event"] == "open" and
                      e["dir"] == "in" and e["call"] in at)
        print(f"a peer opens after: median {statistics.median(late):.1f} ms, "
              f"99% {late[len(late) * 99 // 100]:.1f} ms, "
              f"{len(late)} calls")
        three.start(sip="limit calls 50000 per source 1000000", wait=False)
        three.daemon.ready()
        start = time.monotonic()
        until(lambda: (three.counter("share_adopted") or 0) >= n, 60, "joined")
        print(f"a late joiner has {n} calls in "
              f"{time.monotonic() - start:.1f} s after it is ready")
        time.sleep(21)
        cpu = seconds(w.server.pid)
        before = one.counter("share_bytes")
        time.sleep(20)
        print(f"at rest, 20 s: server {seconds(w.server.pid) - cpu:.2f} s of "
              f"CPU, box 1 {one.counter('share_bytes') - before} bytes")
    finally:
        world.close()


if __name__ == "__main__":
    main()
