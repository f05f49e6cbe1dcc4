#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Many calls at once: memory, a restart that adopts them, a mass hang-up.

usage: scale.py PINHOLED [calls [calls a second]]

Needs root.  Prints one line for each measurement.  The program must be named
pinholed, for its processes are found by that.
"""
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "tests", "live"))

import net  # noqa: E402
from net import GATEWAY, PBX, PHONE, Stream, conf  # noqa: E402
from scenarios import media  # noqa: E402
from sip import sdp  # noqa: E402

SERVERS = (PBX, GATEWAY)
FIRST = 10000  # RTP of a server's first call, and RTCP behind it
EACH = 25000   # calls of one server


def message(first, n, server, method, body="", to_tag=True, cseq=1):
    tag = f";tag=b{n:08x}" if to_tag else ""
    text = (f"{first}\r\n"
            f"Via: SIP/2.0/UDP {PHONE}:5060;branch=z9hG4bK{n:x}{cseq}\r\n"
            f"From: <sip:{n}@{PHONE}>;tag=a{n:08x}\r\n"
            f"To: <sip:x@{server}>{tag}\r\nCall-ID: {n:012x}@scale\r\n"
            f"CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n")
    if body:
        text += "Content-Type: application/sdp\r\n"
    return (text + f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


class Call:
    """The five datagrams of a call, and who sends each."""

    def __init__(self, n):
        self.server = SERVERS[n // EACH % len(SERVERS)]
        at = f"sip:x@{self.server} SIP/2.0"
        offer = sdp(PHONE, FIRST + 2 * (n % EACH))
        answer = sdp(self.server, FIRST + 2 * (n % EACH))

        def make(*args, **more):
            return message(args[0], n, self.server, *args[1:], **more)

        self.begin = [(True, make(f"INVITE {at}", "INVITE", offer,
                                  to_tag=False)),
                      (False, make("SIP/2.0 200 OK", "INVITE", answer)),
                      (True, make(f"ACK {at}", "ACK"))]
        self.end = [(True, make(f"BYE {at}", "BYE", cseq=2)),
                    (False, make("SIP/2.0 200 OK", "BYE", cseq=2))]


class Players:
    def __init__(self, world):
        self.phone = world.socket("out", PHONE, 5060)
        self.server = {a: world.socket("in", a, 5060) for a in SERVERS}
        for s in (self.phone, *self.server.values()):
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def send(self, call, datagrams):
        for from_phone, data in datagrams:
            if from_phone:
                self.phone.sendto(data, (call.server, 5060))
            else:
                self.server[call.server].sendto(data, (PHONE, 5060))

    def play(self, calls, what, rate):
        """How long it took."""
        start = time.monotonic()
        for i, call in enumerate(calls):
            self.send(call, getattr(call, what))
            if i % 20 == 0:
                wait = start + i / rate - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
        return time.monotonic() - start


def role(pid):
    """By the title that the process gives itself."""
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
        title = f.read()
    for name in ("engine", "firewall", "status"):
        if name in title:
            return name
    return "monitor"


def memory(d):
    """Bytes that each process has to itself, and its shares."""
    used = {}
    for pid in (d.proc.pid, *d.family()):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                if line.startswith("Pss:"):
                    used[role(pid)] = int(line.split()[1]) * 1024
    return used


def cpu(d):
    """CPU seconds of each process."""
    tick = os.sysconf("SC_CLK_TCK")
    used = {}
    for role, pid in d.children().items():
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        used[role] = (int(fields[11]) + int(fields[12])) / tick
    return used


def show_cpu(what, n, before, after):
    print(f"CPU for each {what}: " + ", ".join(
        f"{role} {(after[role] - before[role]) / n * 1e6:.0f} us"
        for role in sorted(after)), flush=True)


class Counters:
    """What SIGUSR1 makes the processes write to the log."""

    def __init__(self, d):
        self.d = d

    def read(self, name):
        """The counter of that name; -1: nobody has said."""
        at = len(self.d.log)
        self.d.proc.send_signal(signal.SIGUSR1)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for line in self.d.log[at:]:
                words = line.split()
                if words[-2:-1] == [name]:
                    return int(words[-1])
            time.sleep(0.01)
        return -1

    def wait(self, name, value, seconds):
        """Until it is so: how long that took."""
        start = time.monotonic()
        seen = -1
        while time.monotonic() < start + seconds:
            seen = self.read(name)
            if seen == value:
                return time.monotonic() - start
        print(f"{name} is {seen} and not {value} after {seconds} s")
        return None


def told(seconds):
    return "not" if seconds is None else f"within {seconds:.2f} s"


def restart(world, d, n, text):
    """USR2 to the old one, then a new one: no packet of media may be lost."""
    stream = Stream(*media(world, phone_port=FIRST, pbx_port=FIRST))
    stream.flows()
    before = stream.lost()
    d.proc.send_signal(signal.SIGUSR2)
    start = time.monotonic()
    d.proc.wait(30)
    left = time.monotonic()
    d = world.pinholed(conf=text, wait=False)
    adopted = Counters(d)
    while not any("running:" in line for line in d.log):
        time.sleep(0.005)
    adopted.wait("calls_accepted", n, 30)
    end = time.monotonic()
    time.sleep(1)
    stream.flows()
    print(f"restart: the old one left within {left - start:.2f} s, all calls "
          f"adopted {end - left:.2f} s later, "
          f"{sum(stream.lost()) - sum(before)} packets lost; CPU " +
          ", ".join(f"{role} {t:.2f} s" for role, t in cpu(d).items()))
    stream.stop()
    return d


def main():
    net.Daemon.binary = sys.argv[1]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 50000
    rate = float(sys.argv[3]) if len(sys.argv) > 3 else 1500
    text = conf(f"\tserver {{ {' '.join(SERVERS)} }}\n"
                f"\tlimit calls {n + 1000}\n")
    world = net.Net()
    try:
        d = world.pinholed(conf=text)
        players, calls = Players(world), [Call(i) for i in range(n)]
        idle, before = memory(d), cpu(d)
        took = players.play(calls, "begin", rate)
        counters = Counters(d)
        counters.wait("calls_accepted", n, 30)
        each = {name: (b - idle[name]) / n for name, b in memory(d).items()}
        print(f"{n} calls at {n / took:.0f} a second: "
              f"{sum(idle.values()) / 1e6:.1f} MB idle, "
              f"{sum(each.values()):.0f} bytes a call in all processes: " +
              ", ".join(f"{name} {b:.0f}" for name, b in each.items()),
              flush=True)
        show_cpu("call that begins", n, before, cpu(d))
        d = restart(world, d, n, text)
        counters, before = Counters(d), cpu(d)
        took = players.play(calls, "end", n)
        print(f"{n} hang-ups sent in {took:.2f} s: all pinholes closed "
              f"{told(counters.wait('pinholes_in_filter', 0, 10))} of the "
              f"last; {counters.read('sip_bye')} seen, "
              f"{counters.read('packets_dropped_by_kernel')} packets dropped",
              flush=True)
        show_cpu("call that ends", n, before, cpu(d))
    finally:
        world.close()


if __name__ == "__main__":
    main()
