#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Pictures of the status page for doc/: of a daemon with calls of some minutes.

usage: screenshots.py PINHOLED FOLDER [MINUTES]

Needs root and chromium, as the live tests do; makes status-light.png and
status-dark.png, with fewer colours where there is pngquant.
"""
import math
import random
import shutil
import sys
import time

import net
from net import PBX, PHONE
from scenarios import signalling
from sip import Call, sdp
from web import PORT, Browser, daemon, shows

TURN = 0.25  # seconds


def busy(world, minutes):
    """Calls come and go, more of them in the middle of the time."""
    random.seed(7)
    wire, calls, port = signalling(world), [], 0
    begin = time.monotonic()
    while (at := (time.monotonic() - begin) / (60 * minutes)) < 1:
        want = 4 + 14 * math.sin(math.pi * at) ** 2 + 3 * math.sin(21 * at)
        if len(calls) < want and random.random() < 0.6:
            port = (port + 2) % 2000
            answer = PBX if random.random() > 0.04 else "192.0.2.77"
            call = Call(wire)
            call.call_id = f"{random.getrandbits(64):016x}@198.51.100.7"
            calls.append(call.set_up(sdp(PHONE, 4000 + port),
                                     sdp(answer, 10000 + port)))
        elif calls and random.random() < 0.4:
            calls.pop(0).hang_up()
        time.sleep(TURN)


def main():
    net.Daemon.binary, folder = sys.argv[1:3]
    minutes = float(sys.argv[3]) if len(sys.argv) > 3 else 6
    world = net.Net()
    world.egress = True
    try:
        daemon(world)
        page = Browser(world.enter("fw"))
        try:
            page.open(f"http://127.0.0.1:{PORT}/")
            shows(page, "#link", "live", 10)
            busy(world, minutes)
            for name, dark in (("light", False), ("dark", True)):
                page.look(1000, 880, dark)
                time.sleep(0.3)
                path = f"{folder}/status-{name}.png"
                page.picture(path)
                if shutil.which("pngquant"):
                    net.sh("pngquant", "--force", "--strip", "--output", path,
                           "64", path)
        finally:
            page.close()
    finally:
        world.close()


if __name__ == "__main__":
    main()
