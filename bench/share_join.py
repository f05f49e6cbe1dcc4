#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""How long a firewall takes to have all calls of a large group, and what the
server and its own processes keep of them.

5,000 calls are played; their records are written again and again under other
Call-IDs.  That needs a group without a key.

usage: share_join.py PINHOLED [calls]
"""
import os
import socket
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../tests/live"))

import net  # noqa: E402
import share  # noqa: E402
from net import until  # noqa: E402
from share_live import blast, rss, seconds  # noqa: E402

PLAYED = 5000
LIMIT = "limit calls 1000000 per source 1000000"


class Server:
    """As much of a client as writing many keys needs."""

    def __init__(self, world):
        self.sock = world.inside("db", lambda: socket.create_connection(
            (share.SERVER, 6379)))
        self.got = self.sock.makefile("rb")

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        return b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(w), w) for w in words)

    def values(self, names):
        self.sock.sendall(self.send("MGET", *names))
        self.got.readline()
        found = []
        for _ in names:
            n = int(self.got.readline()[1:])
            if n >= 0:
                found.append(self.got.read(n + 2)[:-2])
        return found

    def write(self, pairs):
        self.sock.sendall(b"".join(
            self.send("SET", k, v, "EX", 900) for k, v in pairs))
        for _ in pairs:
            if self.got.readline() != b"+OK\r\n":
                sys.exit("the server does not write")


def another(record, n):
    """The same call by another Call-ID, and its key."""
    body = record[:-4].replace(b"@live", b"@%04x" % n)
    key = os.urandom(16)
    at = 4 + 2 + 32 + 32
    body = body[:at] + key + body[at + 16:]
    return (b"pinholed:{test}:call:" + key.hex().encode(),
            body + zlib.crc32(body).to_bytes(4, "big"))


def main():
    net.Daemon.binary = sys.argv[1]
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
    world = net.Net()
    world.egress = True
    try:
        w = share.World(world)
        one, two = w.boxes
        one.start(sip=LIMIT)
        blast(share.signalling(world), PLAYED, 500)
        until(lambda: one.counter("share_owned") >= PLAYED - 20, 20, "played")
        until(lambda: one.counter("share_waiting") == 0, 20, "written")
        server = Server(world)
        names = w.redis("--raw", "KEYS", "*call*").split()
        records = server.values(names)
        # A firewall that runs would renew these records, or end them.
        one.kill()
        for n in range(1, calls // len(records) + 1):
            server.write([another(r, n) for r in records])
        n = int(w.redis("DBSIZE")) - 1
        for line in w.redis("INFO", "memory").splitlines():
            if line.startswith("used_memory:"):
                used = int(line[12:])
        print(f"server: {n} keys, {used / 1e6:.0f} MB, {used / n:.0f} bytes "
              f"a call; a record has {len(records[0])}")
        cpu = seconds(w.server.pid)
        two.start(sip=LIMIT, wait=False)
        two.daemon.ready()
        start = time.monotonic()
        known = adopted = 0
        while not adopted and time.monotonic() - start < 100:
            time.sleep(0.2)
            now = time.monotonic() - start
            if not known and (two.counter("share_calls") or 0) >= n:
                known = now
            if (two.counter("share_adopted") or 0) >= n:
                adopted = now
        print(f"the share process has all after {known:.1f} s, the engine "
              f"after {adopted:.1f} s; {two.counter('share_adopted')} adopted; "
              f"server: {seconds(w.server.pid) - cpu:.2f} s of CPU")
        for role, pid in sorted(two.daemon.children().items()):
            print(f"{role}: {rss(pid) / 1024:.0f} MB, {seconds(pid):.1f} s of "
                  "CPU")
    finally:
        world.close()


if __name__ == "__main__":
    main()
