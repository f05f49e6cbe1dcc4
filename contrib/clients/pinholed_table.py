#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Change a table of a packet filter elsewhere: pinholed-tables(7), version 3.

    usage: pinholed_table.py [-k FILE] [-n NAME] [-p PORT] [-t SECONDS]
                             HOST TABLE {add,delete,flush} [ADDRESS ...]

or from Python:

    with Tables("192.0.2.1", open("key", "rb").read(), name="mail") as tables:
        tables.add("spammer", "198.51.100.7", "2001:db8:9::/48", timeout=3600)

No dependencies.  Exits with 0: done, 1: refused, 2: wrong usage, 3: no answer.
"""
import argparse
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import sys
import time

PORT, ENTRIES = 56789, 46
ADD, DELETE, FLUSH = 1, 2, 3
STATUS = ["done", "the clocks differ by more than a minute", "no such table",
          "no such command", "a prefix of length 0 is every address",
          "an address that is never entered", "no room for more entries",
          "the packet filter has refused it", "busy; try again"]


class Refused(Exception):
    """Some of it was not done: `status`, and `entries` says which."""

    def __init__(self, status, entries):
        self.status, self.entries = status, entries
        why = STATUS[status] if status < len(STATUS) else f"status {status}"
        super().__init__(" ".join([*map(str, entries), "refused:", why]))


class Tables:
    """A server.  Without a key only one on the same host listens."""

    def __init__(self, host, key=b"", name="", port=PORT, wait=2, tries=3):
        self.key, self.name = key[:64], name.encode()
        self.wait, self.tries = wait, tries
        family, kind, proto, _, self.to = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM)[0]
        self.socket = socket.socket(family, kind, proto)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.socket.close()

    def add(self, table, *addresses, timeout=0):
        self._change(ADD, table, addresses, timeout)

    def delete(self, table, *addresses):
        self._change(DELETE, table, addresses, 0)

    def flush(self, table):
        self._ask(FLUSH, table, [], 0)

    def _change(self, command, table, addresses, timeout):
        networks = [ipaddress.ip_network(a, strict=False) for a in addresses]
        for i in range(0, len(networks), ENTRIES):
            self._ask(command, table, networks[i:i + ENTRIES], timeout)

    def _sign(self, text):
        return hmac.new(self.key, text, hashlib.sha256).digest()

    def _ask(self, command, table, networks, timeout):
        entries = b"".join(
            struct.pack(">BBHI16s", n.version, n.prefixlen, 0, timeout,
                        n.network_address.packed) for n in networks)
        for _ in range(self.tries):
            # The same datagram counts only once: each try is a new one.
            head = struct.pack(">BBBBI8s32s32s", 3, command, 0, len(networks),
                               int(time.time()), os.urandom(8), self.name,
                               table.encode())
            mac = self._sign(head + entries)
            self.socket.sendto(head + entries + mac, self.to)
            reply = self._await(head, mac)
            if reply is None:
                continue
            status, refused = reply
            if status != 0:
                raise Refused(status, [n for i, n in enumerate(networks)
                                       if refused >> i & 1])
            return
        raise TimeoutError("no answer")

    def _await(self, head, mac):
        end = time.monotonic() + self.wait
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                reply = self.socket.recv(2048)
            except (TimeoutError, socket.timeout):
                break
            if len(reply) == 56 and reply[8:16] == head[8:16] and \
                    hmac.compare_digest(reply[24:],
                                        self._sign(reply[:24] + mac)):
                return reply[2], struct.unpack(">Q", reply[16:24])[0]
        return None


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("-k", metavar="FILE", dest="key")
    p.add_argument("-n", metavar="NAME", dest="name", default="")
    p.add_argument("-p", metavar="PORT", dest="port", default=PORT)
    p.add_argument("-t", metavar="SECONDS", dest="timeout", type=int,
                   default=0)
    p.add_argument("host")
    p.add_argument("table")
    p.add_argument("command", choices=["add", "delete", "flush"])
    p.add_argument("address", nargs="*")
    a = p.parse_args()
    key = b""
    try:
        if a.key:
            with open(a.key, "rb") as f:
                key = f.read()
        with Tables(a.host, key, a.name, a.port) as tables:
            if a.command == "add":
                tables.add(a.table, *a.address, timeout=a.timeout)
            elif a.command == "delete":
                tables.delete(a.table, *a.address)
            else:
                tables.flush(a.table)
    except Refused as why:
        print(f"{a.table}: {why}", file=sys.stderr)
        return 1
    except TimeoutError as why:
        print(f"{a.host}: {why}", file=sys.stderr)
        return 3
    except (OSError, ValueError) as why:
        print(why, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
