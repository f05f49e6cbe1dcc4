#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A call through a firewall that ufw keeps, with the lines that contrib/
examples/ufw has for it; and through `ufw reload`.

For a system that can be thrown away: it changes /etc/ufw.  Needs root, ufw and
an installed pinholed.  The firewall is a network namespace.

usage: ufw.py
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "live"))

import net  # noqa: E402
from net import PBX, PHONE, Stream, check, name, passes  # noqa: E402
from sip import Call, Wire, sdp  # noqa: E402

EXAMPLES = os.path.join(HERE, "..", "..", "contrib", "examples", "ufw")
RULES = "before.rules", "before6.rules"
PLACE = "# End required lines\n"


def set_lines(rules, wanted):
    with open(f"{EXAMPLES}/{rules}", encoding="ascii") as f:
        lines = f.read()
    with open(f"/etc/ufw/{rules}", encoding="ascii") as f:
        text = f.read().replace(lines, "")
    check(PLACE in text, f"/etc/ufw/{rules} has no {PLACE}")
    with open(f"/etc/ufw/{rules}", "w", encoding="ascii") as f:
        f.write(text.replace(PLACE, PLACE + lines) if wanted else text)


def play(world):
    for rules in RULES:
        set_lines(rules, False)
    # No rules but those of ufw.
    world.run("fw", "nft", "delete", "table", "inet", "filter")
    for argv in (["--force", "enable"],
                 ["route", "allow", "proto", "udp", "to", "any", "port",
                  "5060"]):
        world.run("fw", "ufw", *argv)
    a, b = world.socket("out", PHONE, 4000), world.socket("in", PBX, 10000)
    wire = Wire(world.socket("out", PHONE, 5060),
                world.socket("in", PBX, 5060))
    d = world.pinholed()
    call = Call(wire)
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(not passes(a, b, name(b)), "without the lines, ufw drops media")
    call.hang_up()
    for rules in RULES:
        set_lines(rules, True)
    world.run("fw", "ufw", "reload")
    check(not passes(a, b, name(b)), "before the call nothing passes")
    said = subprocess.run([*world.enter("fw"), net.Daemon.binary, "-n", "-f",
                           d.path], capture_output=True, text=True,
                          check=True).stderr
    check("accepts our packets" not in said, f"-n sees the lines: {said}")
    call = Call(wire)
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    stream = Stream(a, b)
    stream.flows()
    print("media flows")
    world.run("fw", "ufw", "reload")
    stream.flows()
    print(f"and after ufw reload; the longest gap {max(stream.gap):.3f} s")
    call.hang_up()
    stream.stops()
    stream.stop()
    print("it stops with the BYE")


def main():
    net.Daemon.binary = "/usr/sbin/pinholed"
    world = net.Net(egress=False)
    try:
        play(world)
    except Exception:
        for d in world.daemons:
            print("log:", *d.log[-20:], sep="\n    ")
        raise
    finally:
        world.close()
    print("ufw.py: OK")


if __name__ == "__main__":
    main()
