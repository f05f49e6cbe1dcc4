#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""pinholectl, and a status process that was taken over: usage: hostile.py
pinholectl"""
import fcntl
import json
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

EVIL = "\x1b]0;owned\x07\x9b2J\x7f\r\u202e"
WORDS = ("call", "state", "from", "to", "src", "dst", "reason", "dir",
         "proto", "form", "form_why", "event", "text", "table", "process",
         "name", "version", "backend")
VERBS = ("show summary", "show calls", "show pinholes", "show tables",
         "show counters", "show config", "monitor", "explain x", "close x",
         "reload", "check")


def answers():
    """Answers of a hostile daemon, and the exit code that each calls for."""
    odd = {w: EVIL for w in WORDS}
    odd.update({n: 1e308 for n in ("ts", "id", "sport", "since", "value")})
    even = dict(odd, since=-1e308, dport=True, pinholes={}, setup_us=EVIL)
    end = json.dumps({"end": "refused", "error": EVIL})
    raw = json.dumps({"text": "\x7f\x9b"}, ensure_ascii=False)
    for first in (json.dumps(odd), json.dumps(even), raw, "{}"):
        yield f"{first}\n{end}\n".encode(), 1
    deep = "[" * 3000 + "]" * 3000
    for junk in ("", "\n", "{", "[1]", '{"end":', "x" * 100000, deep,
                 '{"text":"\x00"}', '{"text":"' + "y" * 70000 + '"}\n'):
        yield junk.encode(), 2


def top(path, rows, columns):
    """The output of top at a terminal of that size, while keys are pressed."""
    pid, tty = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.argv[1], [sys.argv[1], "-s", path, "top"])
    fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
    said = b""
    end = time.monotonic() + 10
    for keys in (b"", b"jjjkk", b"s", b"\n", b"j", b"q", b"/\xff x9\x7f\n",
                 b"qqq"):
        os.write(tty, keys)
        while time.monotonic() < end and select.select([tty], [], [], 0.1)[0]:
            try:
                said += os.read(tty, 65536)
            except OSError:
                break
            fcntl.ioctl(tty, termios.TIOCSWINSZ,
                        struct.pack("4H", columns, rows, 0, 0))
    os.close(tty)
    status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) == 0, (rows, columns, status, said)
    return said


def main():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "s")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        answer = [b""]

        def serve():
            while True:
                s, _ = listener.accept()
                try:
                    s.recv(4096)
                    s.sendall(answer[0])
                except OSError:
                    pass
                s.close()
        threading.Thread(target=serve, daemon=True).start()
        done = subprocess.run([sys.argv[1], "-s", path, "top"],
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=20, check=False)
        assert done.returncode == 1 and b"terminal" in done.stderr, done
        ok = json.dumps({"end": "ok"})
        odd = json.dumps({w: EVIL for w in WORDS})
        answer[0] = f"{odd}\n{odd}\n{ok}\n".encode()
        for size in ((24, 80), (1, 1), (500, 3)):
            said = top(path, *size)
            assert b"\x1b]0" not in said and b"\x9b" not in said, said
        # A value that is not known yet is no number, and lists have a heading.
        new = json.dumps({"version": "1", "setup_us": {"p50": None,
                                                       "p99": None}})
        answer[0] = f"{new}\n{ok}\n".encode()
        said = top(path, 150, 150)
        assert b"setup p50 -, p99 -" in said and b"CALL-ID" in said, said
        for verb in VERBS:
            for answer[0], code in answers():
                for options in ([], ["-j"]):
                    got = subprocess.run(
                        [sys.argv[1], *options, "-s", path, *verb.split()],
                        capture_output=True, timeout=20, check=False)
                    said = got.stdout + got.stderr
                    text = said.decode()
                    assert got.returncode == code, (verb, answer[0], got)
                    bad = [c for c in text if c != "\n" and
                           (ord(c) < 32 or 0x7f <= ord(c) < 0xa0)]
                    assert not bad, (verb, options, bad, said)


main()
