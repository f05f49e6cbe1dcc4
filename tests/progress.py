#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""While a large capture is read, a person at a terminal sees how far; nobody
else does, and what comes out is the same.

usage: progress.py PINHOLED
"""
import os
import pty
import re
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(TOP, "tests/pcaps"))

from many import many  # noqa: E402

PINHOLED = sys.argv[1]


def check(cond, what):
    if not cond:
        sys.exit(f"progress: {what}")


def at_terminal(argv, stdout):
    """The program's output to a terminal; its standard output may be elsewhere."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=theirs,
                          stdout=theirs if stdout is None else stdout) as p:
        os.close(theirs)
        text = b""
        try:
            while more := os.read(ours, 65536):
                text += more
        except OSError:
            pass  # the other end is closed
    os.close(ours)
    check(p.returncode == 0, f"exit status {p.returncode}: {text[-300:]}")
    return text.decode()


def main():
    with tempfile.TemporaryDirectory() as d:
        capture = os.path.join(d, "many.pcap")
        # So many that it takes more than half a second.
        for calls in (4000, 16000, 64000):
            many(capture, calls)
            argv = [PINHOLED, "-r", capture, "-D", "protect=192.0.2.0/24"]
            piped = subprocess.run(argv, capture_output=True, check=True)
            check(piped.stderr == b"", f"said to nobody: {piped.stderr[:300]}")
            with open(os.path.join(d, "out"), "w+b") as out:
                seen = at_terminal(argv, out)
                out.seek(0)
                check(out.read() == piped.stdout, "other events")
            if seen:
                break
        check(re.search(r"\r\x1b\[K[0-9.]+ of [0-9.]+ MB, \d+ messages, \d+ "
                        r"calls, \d+ s left", seen), f"on a terminal: {seen!r}")
        check(seen.endswith("\r\x1b[K"), f"the line stays: {seen[-99:]!r}")
        # Events on the same terminal are whole lines.
        both = at_terminal(argv, None)
        lines = [re.sub(r"^.*\r\x1b\[K", "", line.rstrip("\r"))
                 for line in both.split("\n")]
        events = piped.stdout.decode().split("\n")
        check(lines == events, "events and the line are mixed up")


if __name__ == "__main__":
    sys.exit(main())
