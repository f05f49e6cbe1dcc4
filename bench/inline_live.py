#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""First packets of media right behind the answer, passive and inline, and
what holding signalling adds to it.

usage: inline_live.py PINHOLED BENCH_INLINE [rate ...]
"""
import os
import subprocess
import sys

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


def play(pinholed, bench, inline, way, rate, busy):
    net.Daemon.binary = pinholed
    world = net.Net(egress=way == "in")
    loops = []
    try:
        for name in ("in", "out"):
            world.run(name, "nft", "-f", "-", text=REDIRECT)
        d = world.pinholed(conf=net.conf(
            SERVER + ("\tinline yes\n" if inline else "")))
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                 for _ in range(busy)]
        out = subprocess.run(
            [bench, f"/run/netns/{world.tag}-out", f"/run/netns/{world.tag}-in",
             str(rate), str(min(2 * rate, 20000)), way],
            capture_output=True, text=True, check=True).stdout.strip()
        print(f"{'inline ' if inline else 'passive'} {way:3} {rate:5}/s "
              f"busy {busy}: {out}", flush=True)
        for line in d.log[8:]:
            print("   ", line)
    finally:
        for p in loops:
            p.kill()
            p.wait()
        world.close()


def main():
    pinholed, bench = sys.argv[1:3]
    rates = [int(r) for r in sys.argv[3:]] or [500, 2000, 5000]
    for busy in (0, 2):
        for rate in rates:
            for way in ("in", "out"):
                for inline in (False, True):
                    play(pinholed, bench, inline, way, rate, busy)


if __name__ == "__main__":
    main()
