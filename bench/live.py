#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Calls through pinholed, a sniffer and the kernel's helper, side by side.

usage: live.py [--quick] latency|rate|forward [BUILD]

Needs root.  latency: from the 200 to the pinhole, and how many first packets
pass, for several rates and delays, calm and beside two busy loops.  rate:
calls a second, and what each costs in CPU time of our processes.  forward:
what a packet that is not ours costs.  Programs take turns; medians.
"""
import os
import re
import signal
import statistics
import subprocess
import sys
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(TOP, "tests", "live"))

import net  # noqa: E402
from scenarios import signalling  # noqa: E402
from sip import Call, sdp  # noqa: E402

NPHONES = 100
FIRST_PHONE = "198.51.100.100"
SNIFFER = """
table inet sniffer {
    set udp4_in {
        type ipv4_addr . ipv4_addr . inet_service
        flags timeout
    }
    chain forward {
        type filter hook forward priority filter - 10; policy accept;
        ip saddr . ip daddr . udp dport @udp4_in meta mark set 0x10000
    }
}
"""
HELPER = """
table inet helper {
    ct helper sip { type "sip" protocol udp; }
    chain pre {
        type filter hook prerouting priority -150;
        udp dport 5060 ct helper set "sip"
    }
}
"""
OURS = net.conf("\tlimit calls 200000 per source 200000\n")


def world():
    w = net.Net()
    for i in range(NPHONES):
        w.ip("out", "addr", "add", f"198.51.100.{100 + i}/24", "dev", "eth0")
    # The bench reads media from a packet socket; nobody must refuse it.
    for ns, dport in (("in", "10000-65535"), ("out", "4000")):
        w.run(ns, "nft", "-f", "-", text=f"""
        table inet quiet {{
            chain pre {{
                type filter hook prerouting priority raw;
                udp dport {dport} drop
            }}
        }}
        """)
    return w


class Pinholed:
    name = "pinholed"
    more = ""

    def __init__(self, w):
        self.w = w
        self.daemon = w.pinholed(conf=OURS + self.more)
        self.pids = [*self.daemon.family(), self.daemon.proc.pid]

    def cpu(self):
        """Nanoseconds on a processor, of all our processes."""
        total = 0
        for pid in self.pids:
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total

    def stop(self):
        time.sleep(1.2)  # the firewall process tells its counters each second
        self.daemon.proc.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        self.daemon.stop()
        self.w.daemons.remove(self.daemon)
        found = re.findall(r"setup_us_le_(\d+) (\d+)",
                           "\n".join(self.daemon.log))
        return [(int(le), int(n)) for le, n in found]


class Realtime(Pinholed):
    name = "realtime"
    more = "priority realtime\n"


class Awake(Realtime):
    name = "awake"
    more = "priority realtime\ncpu-latency 0\n"


class Sniffer:
    name = "sniffer"

    def __init__(self, w):
        self.w = w
        w.run("fw", "nft", "-f", "-", text=SNIFFER)
        self.proc = subprocess.Popen(
            [*w.enter("fw"), f"{BUILD}/bench/bench_sniffer", "i0", net.PBX],
            stdout=subprocess.PIPE, text=True)
        assert self.proc.stdout.readline() == "ready\n"

    def cpu(self):
        with open(f"/proc/{self.proc.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])

    def stop(self):
        self.proc.terminate()
        below, found = 0, []
        for line in self.proc.stdout:
            le, n = map(int, line.split())
            below += n
            if le > 0:
                found.append((le, below))
        self.proc.wait(5)
        self.w.run("fw", "nft", "delete", "table", "inet", "sniffer")
        return found


class Helper:
    name = "kernel"

    def __init__(self, w):
        self.w = w
        w.run("fw", "nft", "-f", "-", text=HELPER)

    def cpu(self):
        return 0

    def stop(self):
        self.w.run("fw", "nft", "delete", "table", "inet", "helper")
        return []


PROGRAMS = Pinholed, Realtime, Awake, Sniffer, Helper


def quantile(bounds, share):
    """Within the bucket, as if it were even; None: above the last one."""
    if not bounds or bounds[-1][1] == 0:
        return None
    want, low, below = share * bounds[-1][1], 0, 0
    for le, n in bounds:
        if n >= want:
            return low + (le - low) * (want - below) / max(1, n - below)
        low, below = le, n
    return None


def calls(w, rate, seconds, delay, skip=0):
    words = subprocess.run(
        ["chrt", "-f", "10", f"{BUILD}/bench/bench_calls",
         f"/run/netns/{w.tag}-out", f"/run/netns/{w.tag}-in", net.PBX,
         FIRST_PHONE, str(NPHONES), str(rate), str(seconds), str(delay), str(skip)],
        capture_output=True, text=True, check=True).stdout.split()
    return float(words[0]), *map(int, words[1:])


def busy_loops(n):
    return [subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(n)]


def stop_all(procs):
    for p in procs:
        p.kill()
        p.wait()


def latency(quick):
    rates = (1, 100, 1000) if quick else (1, 100, 1000, 5000)
    rounds = 1 if quick else 3
    rows, histograms = {}, {}
    for _ in range(rounds):
        for busy in (0, 2):
            for n in rates:
                for program in PROGRAMS:
                    key = busy, n, program.name
                    row, histograms[key] = race(program, n, busy)
                    rows.setdefault(key, []).append(row)
    print(f"{'':24}{'p50':>8}{'p99':>9}   first packet passes, sent\n"
          f"{'beside  calls/s':24}{'us':>8}{'us':>9}"
          f"{'at once':>9}{'100 us':>9}{'1 ms':>9}")
    for key, found in rows.items():
        line = f"{key[0]} loops {key[1]:5} {key[2]:9}"
        for column, width, digits in zip(zip(*found), (8, 9, 9, 9, 9),
                                         (0, 0, 1, 1, 1)):
            known = [v for v in column if v is not None]
            line += f"{statistics.median(known):{width}.{digits}f}" if known \
                else f"{'-':>{width}}"
        print(line)
    return histograms


def race(program, n, busy):
    """p50, p99 and how many first packets pass, for each delay."""
    # The kernel's helper takes no connections that others have begun.
    w = world()
    loops = busy_loops(busy)
    try:
        p = program(w)
        share = []
        for i, delay in enumerate((0, 100, 1000)):
            got = calls(w, n, 4 if n < 10 else 1 if n > 1000 else 2, delay,
                        8000 * i)
            share.append(100 * got[2] / got[1])
        bounds = p.stop()
    finally:
        stop_all(loops)
        w.close()
    return [quantile(bounds, 0.5), quantile(bounds, 0.99), *share], bounds


def rate(quick):
    print(f"{'':10}{'asked':>8}{'calls/s':>9}{'first':>8}{'media':>8}"
          f"{'after':>8}{'us a call':>11}")
    for want in (1000, 5000) if quick else (1000, 2000, 5000, 10000):
        for program in PROGRAMS:
            w = world()
            try:
                p = program(w)
                before = p.cpu()
                reached, n, first, middle, after = calls(w, want, 3, 1000)
                cost = (p.cpu() - before) / 1000 / n
                p.stop()
            finally:
                w.close()
            print(f"{p.name:10}{want:8}{reached:9.0f}"
                  f"{100 * first / n:7.1f}%{100 * middle / n:7.1f}%"
                  f"{100 * after / n:7.1f}%{cost:11.1f}", flush=True)


OWN = net.conf()
HOSTS = OWN.replace("192.0.2.0/24 2001:db8:2::/64", f"{net.PBX} {net.HOST}")
ELSEWHERE = HOSTS.replace("interface i0", "interface i1")
OUTWARD = "from inside, "


def flood(w, src="out"):
    ends = {"out": net.PHONE, "in": net.HOST}
    return float(subprocess.run(
        ["chrt", "-f", "10", f"{BUILD}/bench/bench_flood",
         f"/run/netns/{w.tag}-{src}", ends.pop(src), *ends.values(), "300"],
        capture_output=True, text=True, check=True).stdout)


def set_up_calls(w):
    wire = signalling(w)
    for i in range(200):
        Call(wire).set_up(sdp(net.PHONE, 10000 + 2 * i),
                          sdp(net.PBX, 20000 + 2 * i))
    for s in w.sockets:
        s.close()
    w.sockets.clear()


def without_table(w, daemon):
    """What its packet socket costs; nobody may make the table anew."""
    pids = list(daemon.children().values())
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    w.run("fw", "nft", "delete", "table", "inet", "pinholed")
    cost = flood(w)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    return cost


def forward_round(w):
    """Each row's name, and nanoseconds a packet."""
    yield "without pinholed", flood(w)
    yield OUTWARD + "without pinholed", flood(w, "in")
    for name, text in (("no call", HOSTS),
                       ("no call, our own address protected", OWN),
                       ("no call, another interface listened to",
                        ELSEWHERE)):
        daemon = w.pinholed(conf=text)
        yield name, flood(w)
        if text == HOSTS:
            yield OUTWARD + name, flood(w, "in")
            set_up_calls(w)
            yield "200 calls of another host", flood(w)
        if text != ELSEWHERE:
            yield name.replace("no call", "its socket, without its table"), \
                without_table(w, daemon)
        daemon.stop()
        w.daemons.remove(daemon)


def forward(quick):
    """The ratio is the median of those of each round."""
    w, found, ratios = world(), {}, {}
    try:
        w.ruleset(extra="udp dport 40000-41000 accept")
        w.run("out", "nft", "add", "rule", "inet", "quiet", "pre", "udp",
              "dport", "40000-41000", "drop")
        w.ip("fw", "link", "add", "i1", "type", "veth", "peer", "name", "i1x")
        w.ip("fw", "link", "set", "i1", "up")
        for _ in range(3 if quick else 7):
            base = {}
            for name, cost in forward_round(w):
                base.setdefault(name.startswith(OUTWARD), cost)
                found.setdefault(name, []).append(cost)
                ratios.setdefault(name, []).append(
                    cost / base[name.startswith(OUTWARD)])
    finally:
        w.close()
    for name, values in found.items():
        print(f"{name:52}{statistics.median(values):7.0f} ns a packet "
              f"{statistics.median(ratios[name]):6.3f}")


def plot(histograms, path):
    """Share of pinholes that are open after so many microseconds."""
    series = [(key, [(le, n / bounds[-1][1]) for le, n in bounds])
              for key, bounds in histograms.items()
              if key[0] == 0 and key[1] in (100, 1000) and bounds and
              bounds[-1][1]]
    colours = {"pinholed": "#06c", "realtime": "#090", "sniffer": "#c60"}
    edges = sorted({le for _, line in series for le, _ in line if le <= 5000})
    if not edges:
        return
    x = {le: 60 + 560 * i / (len(edges) - 1) for i, le in enumerate(edges)}
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="680" height="360" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="680" height="360" fill="#fff"/>']
    for i in range(6):
        y = 300 - 52 * i
        out.append(f'<path d="M60 {y}H620" stroke="#ddd"/>'
                   f'<text x="52" y="{y + 4}" text-anchor="end">{20 * i} %'
                   '</text>')
    for le in edges:
        out.append(f'<text x="{x[le]:.0f}" y="316" text-anchor="middle">{le}'
                   '</text>')
    out.append('<text x="340" y="338" text-anchor="middle">microseconds from '
               'the time stamp of the 200 to the open pinhole</text>')
    for n, (key, line) in enumerate(series):
        points = " ".join(f"{x[le]:.0f},{300 - 260 * share:.0f}"
                          for le, share in line if le in x)
        dash = ' stroke-dasharray="5 3"' if key[1] == 100 else ""
        colour = colours[key[2]]
        out.append(f'<polyline points="{points}" fill="none" '
                   f'stroke="{colour}" stroke-width="2"{dash}/>'
                   f'<path d="M430 {200 + 18 * n}h30" stroke="{colour}" '
                   f'stroke-width="2"{dash}/><text x="466" '
                   f'y="{204 + 18 * n}">{key[2]}, {key[1]} calls/s</text>')
    out.append("</svg>\n")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(out))


def main():
    global BUILD
    words = [word for word in sys.argv[1:] if word != "--quick"]
    quick = "--quick" in sys.argv
    BUILD = os.path.abspath(words[1] if len(words) > 1 else "build-bench")
    net.Daemon.binary = f"{BUILD}/src/pinholed"
    if words[0] == "latency":
        histograms = latency(quick)
        if not quick:
            plot(histograms, os.path.join(TOP, "doc", "latency.svg"))
    elif words[0] == "rate":
        rate(quick)
    else:
        forward(quick)


if __name__ == "__main__":
    main()
