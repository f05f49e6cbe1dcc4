#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The main job, for people to watch; see ../../demo."""
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import net  # noqa: E402
from net import PBX, PHONE, Stream, conf, name, passes  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PHONE_RTP, PBX_RTP = 4000, 10000  # as in uac.xml and uas.xml


COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
GREEN, RED, BOLD = "32", "31", "1"


def paint(colour, text):
    return f"\033[{colour}m{text}\033[0m" if COLOUR else text


def say(text):
    print(paint(BOLD, text) if text.startswith("==") else text, flush=True)


class Bye(threading.Thread):
    """When a BYE comes by on the inside; the clock is that of Stream."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.at = None
        self.sock = world.inside("in", lambda: socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)))
        self.start()

    def run(self):
        while self.at is None:
            packet = self.sock.recv(65535)
            if b"BYE sip:" in packet[28:36]:
                self.at = time.monotonic()


class Show:
    def __init__(self, world):
        self.world = world
        self.wrong = 0
        self.shown = 0

    def events(self, d):
        for e in d.events[self.shown:]:
            ports = f"{e['dport']}:{e['dport_end']}"
            say(f"      pinholed: {e['event']:5} {e['dir']:3} {e['proto']} "
                f"{e['src']} -> {e['dst']} port {ports}  ({e['reason']})")
        self.shown = len(d.events)

    def observe(self, what, seen, wanted):
        word = paint(GREEN, "passes") if seen else paint(RED, "BLOCKED")
        mark = "" if seen == wanted else "   <- WRONG"
        self.wrong += seen != wanted
        say(f"   {what:34} {word}{mark}")


    def last_packet(self, bye, stream):
        if bye.at is None:
            self.wrong += 1
            say("   there was no BYE   <- WRONG")
            return
        ms = max(0.0, (max(stream.got) - bye.at) * 1000)
        self.wrong += ms > 1000
        say(f"   {'from the BYE to the last packet':34} " +
            paint(BOLD, f"{ms:.0f} ms") + "   (both sides kept sending, "
            "every 10 ms)")


def sipp(world, where, addr, *argv):
    return subprocess.Popen(
        [*world.enter(where), "sipp", "-i", addr,
         "-p", "5060", "-m", "1", "-timeout", "30", *argv],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd="/tmp")


def main():
    net.Daemon.binary = sys.argv[1]
    say("== three hosts: a phone (198.51.100.7), a firewall, a PBX "
        "(192.0.2.10)")
    world = net.Net(egress=False)
    show = Show(world)
    try:
        say("== the firewall forwards SIP (port 5060) and what pinholed "
            "marks, and drops the rest, both ways:")
        for line in world.run("fw", "nft", "list", "chain", "inet", "filter",
                              "forward").splitlines():
            say("      " + line.strip())
        d = world.pinholed(conf=conf())
        phone = world.socket("out", PHONE, PHONE_RTP)
        pbx = world.socket("in", PBX, PBX_RTP)
        say("== before the call")
        show.observe("media from the phone to the PBX",
                     passes(phone, pbx, name(pbx), tries=1), False)
        show.observe("media from the PBX to the phone",
                     passes(pbx, phone, name(phone), tries=1), False)
        bye = Bye(world)
        say("== the phone calls; the PBX answers (sipp at both ends)")
        server = sipp(world, "in", PBX, "-sf", f"{HERE}/uas.xml")
        time.sleep(0.5)
        client = sipp(world, "out", PHONE, "-sf", f"{HERE}/uac.xml",
                      f"{PBX}:5060")
        net.until(lambda: d.seen(event="open", dir="out"), 5, "an answer")
        show.events(d)
        say("== during the call")
        show.observe("media from the phone to the PBX",
                     passes(phone, pbx, name(pbx)), True)
        show.observe("media from the PBX to the phone",
                     passes(pbx, phone, name(phone)), True)
        stranger = world.socket("out", net.EVIL, PHONE_RTP)
        show.observe("media from a stranger to the PBX",
                     passes(stranger, pbx, name(pbx), tries=1), False)
        stream = Stream(phone, pbx)
        stream.flows()
        say("   they talk, RTP both ways, until the phone hangs up")
        net.until(lambda: len(d.seen(event="close")) == 2, 10, "the BYE")
        show.events(d)
        time.sleep(0.5)
        stream.stop()
        say("== after the call")
        show.observe("media from the phone to the PBX",
                     passes(phone, pbx, name(pbx), tries=1), False)
        show.observe("media from the PBX to the phone",
                     passes(pbx, phone, name(phone), tries=1), False)
        show.last_packet(bye, stream)
        if client.wait(10) != 0 or server.wait(10) != 0:
            say("   sipp was not content with the call   <- WRONG")
            show.wrong += 1
        d.stop()
    finally:
        world.close()
    say("== as it should be" if not show.wrong else "== something is wrong")
    say("   read next: README.md (five minutes to a firewall of your own), "
        "man/pinholed.conf.5,\n   doc/sip-behaviour.md (which call opens "
        "what)")
    return 1 if show.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
