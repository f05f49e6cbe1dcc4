#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The same packets in every format of a file say the same.

usage: formats.py PINHOLED FOLDER	(of test-pcaps, with a plain pcap)
"""
import struct
import subprocess
import sys

PINHOLED, FOLDER = sys.argv[1:]


def packets():
    with open(f"{FOLDER}/input.pcap", "rb") as f:
        data = f.read()
    link, at = struct.unpack_from("<I", data, 20)[0], 24
    found = []
    while at < len(data):
        sec, usec, size, _ = struct.unpack_from("<IIII", data, at)
        found.append((sec, usec, data[at + 16:at + 16 + size]))
        at += 16 + size
    return link, found


LINK, PACKETS = packets()


def pcap(order="<", nano=False):
    magic, unit = (0xa1b23c4d, 1000) if nano else (0xa1b2c3d4, 1)
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, LINK)
    for sec, usec, data in PACKETS:
        # Less than a microsecond is not seen.
        out += struct.pack(order + "IIII", sec, usec * unit + unit // 2,
                           len(data), len(data)) + data
    return out


def pcapng(order="<", resolutions=(6,)):
    """Packets go round the interfaces, each with its own resolution: a power
    of ten or, with the highest bit, of two."""
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size
    out = block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    for r in resolutions:
        out += block(1, struct.pack(order + "HHIHHB3xHH", LINK, 0, 262144,
                                    9, 1, r, 0, 0))
    for n, (sec, usec, data) in enumerate(PACKETS):
        i = n % len(resolutions)
        r = resolutions[i]
        per = 1 << (r & 0x7f) if r & 0x80 else 10 ** r
        # Rounded up, so that what is cut off later gives the same.
        ts = sec * per + -(-usec * per // 1000000)
        out += block(6, struct.pack(order + "IIIII", i, ts >> 32,
                                    ts & 0xffffffff, len(data), len(data))
                     + data)
    return out


def run(data):
    """From standard input."""
    done = subprocess.run(
        [PINHOLED, "-r", "-", "-f", f"{FOLDER}/pinholed.conf", "-o", "json"],
        input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


def check(what, ok, *seen):
    print("ok" if ok else "FAILED", what)
    if not ok:
        print(*seen)
        sys.exit(1)


with open(f"{FOLDER}/expected", "rb") as expected:
    WANT = expected.read()
check("the capture says something", WANT.count(b"\n") > 2, WANT)

for name, file in {
        "standard input": pcap(),
        "big-endian": pcap(">"),
        "nanoseconds": pcap("<", True),
        "big-endian nanoseconds": pcap(">", True),
        "pcapng": pcapng(),
        "pcapng, big-endian": pcapng(">"),
        "pcapng, nanoseconds": pcapng("<", (9,)),
        "pcapng, units of 2^-30 s": pcapng("<", (0x80 | 30,)),
        "pcapng, three interfaces": pcapng("<", (6, 9, 0x80 | 30)),
}.items():
    rc, out, err = run(file)
    check(name, rc == 0 and out == WANT, rc, out.decode(), err.decode())

def until_the_end(text):
    """The events, without the closes that the end of a cut file brings early."""
    return b"".join(line for line in text.splitlines(True)
                    if b'"reason":"shutdown"' not in line)


# Cut anywhere, a file tells what was in it up to there, and that it was cut.
for name, file in {"pcap": pcap(), "pcapng": pcapng()}.items():
    whole = len(PACKETS[-1][2])
    for less in (1, 7, whole // 2, whole, whole + 5, len(file) // 2):
        rc, out, err = run(file[:-less])
        check(f"{name} without its last {less} bytes",
              rc == 2 and WANT.startswith(until_the_end(out)) and err != b"",
              rc, out.decode(), err.decode())
for name, file in {"nothing": b"", "a head cut off": pcap()[:20],
                   "no capture": b"INVITE sip:bob@example.com\r\n" * 9}.items():
    rc, out, err = run(file)
    check(name, rc not in (0, -11, -6) and out == b"" and err != b"",
          rc, out, err)
