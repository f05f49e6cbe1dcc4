#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""First packets of media right behind the answer, passive and inline, and
what holding signalling adds to it.

usage: inline_live.py [-f FLOOD] [-b LOOPS] [-w in|out] [-m MODE] [-n PHONES]
       [-c] PINHOLED BENCH_INLINE [rate ...]

MODE: passive, inline, realtime (inline, with that priority) or awake (inline,
with cpu-latency 0).  FLOOD: what a stranger sends meanwhile, a second.  -c:
print our counters as well.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../tests/live"))

import net  # noqa: E402
from scenarios import SERVER  # noqa: E402

REDIRECT = """table ip media { chain pre {
    type nat hook prerouting priority dstnat;
    udp dport 10000-20000 redirect to :9999
    }
}
"""


LIMITS = "\tlimit calls 200000 per source 200000\n"
MODES = {
    "passive": ("", ""),
    "inline": ("\tinline yes\n", ""),
    "realtime": ("\tinline yes\n", "priority realtime\n"),
    "awake": ("\tinline yes\n", "cpu-latency 0\n"),
}


def counters(d):
    """What our processes counted, from their log."""
    before = len(d.log)
    time.sleep(1.2)
    d.proc.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    return [line for line in d.log[before:]
            if re.search("inline|refus|limit", line) and
            not line.endswith(" 0")]


def seconds(d):
    """On a processor, of the engine and of the firewall process."""
    total = []
    for role in ("engine", "firewall"):
        with open(f"/proc/{d.known[role]}/schedstat", encoding="ascii") as f:
            total.append(int(f.read().split()[0]) / 1e9)
    return total


def play(args, rate, mode, way, busy):
    net.Daemon.binary = args.pinholed
    world = net.Net(egress=way == "in")
    loops = []
    try:
        for name in ("in", "out"):
            world.run(name, "nft", "-f", "-", text=REDIRECT)
        for i in range(args.phones):
            world.ip("out", "addr", "add", f"198.51.100.{100 + i}/24", "dev",
                     "eth0")
        sip, more = MODES[mode]
        d = world.pinholed(conf=net.conf(SERVER + LIMITS + sip, more))
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                 for _ in range(busy)]
        out = subprocess.run(
            [args.bench, f"/run/netns/{world.tag}-out",
             f"/run/netns/{world.tag}-in", str(rate),
             str(min(2 * rate, 20000)), way, str(args.flood),
             str(args.phones)],
            capture_output=True, text=True, check=True).stdout.strip()
        used = [t * 1e6 / min(2 * rate, 20000) for t in seconds(d)]
        out += f" CPU us a call {used[0]:.0f} + {used[1]:.0f}"
        with open("/proc/loadavg", encoding="ascii") as f:
            load = f.read().split()[0]
        print(f"{mode:8} {way:3} {rate:5}/s busy {busy} load {load}: {out}",
              flush=True)
        if args.counters:
            for line in counters(d):
                print("   ", line)
    finally:
        for p in loops:
            p.kill()
            p.wait()
        world.close()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-f", "--flood", type=int, default=0)
    p.add_argument("-b", "--busy", type=int, action="append")
    p.add_argument("-w", "--way", choices=("in", "out"), action="append")
    p.add_argument("-m", "--mode", choices=MODES, action="append")
    p.add_argument("-n", "--phones", type=int, default=0)
    p.add_argument("-c", "--counters", action="store_true")
    p.add_argument("pinholed")
    p.add_argument("bench")
    p.add_argument("rates", type=int, nargs="*", default=[500, 2000, 5000])
    args = p.parse_args()
    for busy in args.busy or (0, 2):
        for rate in args.rates:
            for way in args.way or ("in", "out"):
                for mode in args.mode or MODES:
                    play(args, rate, mode, way, busy)


if __name__ == "__main__":
    main()
