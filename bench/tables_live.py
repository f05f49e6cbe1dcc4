#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Signed updates into a real nftables set: how many arrive, and what they cost.

usage: tables_live.py PINHOLED [updates a second [updates]]
"""
import hashlib
import hmac
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../tests/live"))

import net  # noqa: E402
import tables  # noqa: E402


def seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def datagrams(key, n):
    now = int(time.time())
    for i in range(n):
        text = struct.pack(">BBxBI32sI", 2, 1, 32, 0x80000000 + i * 7,
                           b"blocked", now)
        yield text + hmac.new(key, text, hashlib.sha1).digest()


def blast(world, w, rate, n):
    sock = world.socket("in", net.PBX, 0)
    ready = list(datagrams(w.key, n))
    start = time.monotonic()
    for i, d in enumerate(ready):
        sock.sendto(d, (net.FW_IN, tables.PORT))
        if i % 100 == 0:
            time.sleep(max(0, start + i / rate - time.monotonic()))
    took = time.monotonic() - start
    last = -1
    while (count := w.counter("entries")) != last:
        last = count
        time.sleep(0.3)
    return took, count


def main():
    net.Daemon.binary = sys.argv[1]
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 50000
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 100000
    world = net.Net()
    try:
        with tables.World(world, more=f"timeout 600\nmax {n}") as w:
            pids = w.d.children()
            before = {role: seconds(pid) for role, pid in pids.items()}
            took, count = blast(world, w, rate, n)
            held = len(w.elements("blocked"))
            print(f"{n} sent in {took:.2f} s ({n / took:.0f} a second), "
                  f"{count} entered, {held} in the kernel's set")
            for role in ("proxy", "firewall"):
                print(f"{role}: {seconds(pids[role]) - before[role]:.2f} s "
                      "of one core")
    finally:
        world.close()


if __name__ == "__main__":
    main()
