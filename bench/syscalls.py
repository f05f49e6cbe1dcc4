#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""System calls of each process for each call, one call after the other.

usage: syscalls.py PINHOLED [CALLS]

Needs root and strace(1).  Five messages a call and ten milliseconds between
them, so that each is a turn of its own: what is left is the price of a
message and of a commit when nothing can be gathered.
"""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "tests", "live"))

import net  # noqa: E402
from scenarios import signalling  # noqa: E402
from sip import Call, sdp  # noqa: E402

PAUSE = 0.01


def play(world, calls):
    wire = signalling(world)
    for n in range(calls):
        call = Call(wire)
        offer = sdp(net.PHONE, 4000 + 2 * n)
        call.request("a", "INVITE", offer, tag=False)
        invite = call.last
        time.sleep(PAUSE)
        call.answer(200, sdp(net.PBX, 10000 + 2 * n), to=invite)
        time.sleep(PAUSE)
        call.request("a", "ACK", cseq=invite[2])
        time.sleep(PAUSE)
        call.request("a", "BYE")
        time.sleep(PAUSE)
        call.answer(200)
        time.sleep(PAUSE)


def counts(path):
    with open(path, encoding="ascii") as f:
        for line in f:
            row = re.match(r" *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$",
                           line)
            if row and row[2] != "total":
                yield row[2], int(row[1])


def main():
    net.Daemon.binary = sys.argv[1]
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    world = net.Net()
    try:
        daemon = world.pinholed()
        traces = {}
        for role, pid in daemon.children().items():
            path = f"/tmp/{world.tag}.{role}"
            traces[role] = path, subprocess.Popen(
                ["strace", "-c", "-o", path, "-p", str(pid)],
                stderr=subprocess.DEVNULL)
        time.sleep(1)
        play(world, calls)
        for role, (path, tracer) in traces.items():
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
            rows = sorted(counts(path), key=lambda row: -row[1])
            print(f"{role:9} {sum(n for _, n in rows) / calls:5.1f} a call: " +
                  ", ".join(f"{name} {n / calls:.1f}" for name, n in rows
                            if n >= calls / 10))
            os.unlink(path)
    finally:
        world.close()


if __name__ == "__main__":
    main()
