#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What pinholectl prints and draws for what it is told.

usage: pinholectl.py PINHOLECTL
"""
import atexit
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = sys.argv[1]
LONG = "x" * 40


class Daemon:
    """It answers each line with the objects for it, which may be a function,
    and keeps what it was asked."""

    def __init__(self, path):
        self.path, self.answers, self.asked = path, {}, []
        self.open()

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen()
        self.clients = []
        threading.Thread(target=self.serve, args=(self.socket,),
                         daemon=True).start()

    def serve(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            self.clients.append(s)
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        try:
            for line in s.makefile("r"):
                self.asked.append(line.rstrip("\n"))
                words = line.split()
                answer = self.answers.get(" ".join(words[:2]),
                                          self.answers.get(words[0], []))
                if callable(answer):
                    answer = answer()
                if not isinstance(answer, bytes):
                    if not answer or "end" not in answer[-1]:
                        answer = [*answer, {"end": "ok"}]
                    answer = "".join(json.dumps(o) + "\n"
                                     for o in answer).encode()
                s.sendall(answer)
                if not answer.rstrip().endswith(b"}"):
                    s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for s in self.clients:
            s.shutdown(socket.SHUT_RDWR)
        os.unlink(self.path)


def run(daemon, *argv):
    done = subprocess.run(
        [PROGRAM, *(["-s", daemon.path] if daemon else []), *argv],
        capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "TZ": "UTC"})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def same(got, want, what):
    if got != want:
        raise AssertionError(f"{what}:\n{got!r}\nwant\n{want!r}")


def hole(**more):
    return {"dir": "in", "proto": "udp", "src": "198.51.100.7",
            "dst": "192.0.2.10", "dport": 4000, "reason": "answer", "id": 7,
            "call": "c1", **more}


def call(state, src, since, media, holes, name):
    return {"state": state, "from": src, "to": "192.0.2.10", "since": since,
            "last_media": media, "pinholes": [0] * holes, "call": name}


CALLS = ("STATE    FROM               TO                   AGE    MEDIA   #  "
         "CALL-ID\n")
HOLES = ("DIR PROTO FROM            PORT     TO              PORTS            "
         "AGE    MEDIA  REASON   ID            CALL-ID\n")
PEERS = "BOX                             STATE   OWNS    CALLS   HEARD\n"


def rows(now):
    """verb, what is answered, what is printed."""
    yield "show summary", [
        {"version": "1.2", "calls": 3, "uptime": 59, "on": True,
         "setup_us": {"p50": 1500, "p99": None}, "held_us": {"max": 20}},
        {"uptime": 60}, {"uptime": 3599}, {"uptime": 3600}, {"uptime": 7325},
    ], ("version          1.2\ncalls            3\nuptime           59s\n"
        "on               -\nsetup p50        1.5 ms\nsetup p99        -\n"
        "held max         0.0 ms\nuptime           1m00s\n"
        "uptime           59m59s\nuptime           1h00m\n"
        "uptime           2h02m\n")
    yield "show calls", [
        call("early", "198.51.100.7", now - 75, 0, 0, "c1"),
        call("accepted", "2001:db8::1", now + 100, now - 5, 2, LONG),
        call("held", "a", 1, 0.5, 1, LONG + "y"), {"since": now - 999999999},
    ], (CALLS +
        "early    198.51.100.7    -> 192.0.2.10         1m15s        -   0  "
        "c1\n"
        "accepted 2001:db8::1     -> 192.0.2.10            0s       5s   2  "
        + LONG + "\n"
        "held     a               -> 192.0.2.10            0s       0s   1  "
        + LONG + "y\n"
        "-        -               -> -               277777h46m        -   0  "
        "-\n")
    yield "show pinholes", [
        hole(ts=now - 60), hole(ts=now, last_media=now - 1, sport=5004,
                                dport_end=4001, form="state"),
        hole(dport_end=4000, sport=0, form_why="no room", form="state"),
    ], (HOLES +
        "in  udp   198.51.100.7    any   -> 192.0.2.10      4000           "
        "1m00s        -  answer   7             c1\n"
        "in  udp   198.51.100.7    5004  -> 192.0.2.10      4000:4001         "
        "0s       1s  answer   7             c1  (a state)\n"
        "in  udp   198.51.100.7    any   -> 192.0.2.10      4000              "
        " -        -  answer   7             c1  (a rule: no room)\n")
    yield "show counters", [
        {"process": "\u0085\u00e9\u009f", "name": "n", "value": 1},
        {"process": "engine", "name": "sip_messages", "value": 12}], (
        "PROCESS  COUNTER                          VALUE\n"
        "??\u00e9??   n" + " " * 32 + "1\n"
        "engine   sip_messages                     12\n")
    yield "show tables", [
        {"table": "bad", "entries": 2},
        {"address": "192.0.2.1", "expires": now + 61},
        {"address": "192.0.2.2", "expires": 0},
        {"address": "192.0.2.3", "expires": now - 5},
        {"address": "192.0.2.4", "expires": 1e300}], (
        "TABLE                           ENTRIES\n"
        "bad                             2\n"
        "  192.0.2.1                     1m01s\n"
        "  192.0.2.2                     for ever\n"
        "  192.0.2.3                     0s\n"
        "  192.0.2.4                     0s\n")
    yield "show peers", [
        {"box": "fw2", "state": "alive", "owns": 3, "calls": 4,
         "heard": now - 2}, {"box": "fw3", "heard": 0}], (
        PEERS +
        "fw2                             alive   3       4       2 s ago\n"
        "fw3                             -       0       0       -\n")
    yield "monitor", [
        hole(event="open", ts=3661.5), hole(event="close", ts=1, sport=9,
                                            dport_end=4003),
        hole(event="refuse", ts=2, sport=9)], (
        "01:01:01 open        7 in  udp 198.51.100.7 -> 192.0.2.10 port 4000 "
        "(answer) c1\n"
        "00:00:01 close       7 in  udp 198.51.100.7 port 9 -> 192.0.2.10 "
        "port 4000:4003 (answer) c1\n"
        "00:00:02 refuse 198.51.100.7 -> 192.0.2.10 port 4000 (answer) c1\n")
    yield "show config", [{"text": "sip {"}, {"text": "\t\tport\t5060"}], (
        "sip {\n                port\\x095060\n")
    # The daemon has escaped a Call-ID, once.
    yield "explain c1", [{"text": "it rang"}, {"text": "call a\\x5cb"},
                         {"text": ""}, {}], (
        "it rang\ncall a\\x5cb\n\n-\n")
    yield "reload", [], "reloaded\n"
    yield "check", [{"text": "fine"}], "fine\nconfiguration OK\n"
    yield "close c1", [], ""


def what_is_told_is_printed(d):
    for n in range(100):
        now = int(time.time())
        verb, answer, want = list(rows(now))[n]
        d.answers = {" ".join(verb.split()[:2]): answer}
        got = run(d, *verb.split())
        if int(time.time()) != now:  # a second more than was meant
            verb, answer, want = list(rows(now := int(time.time())))[n]
            d.answers = {" ".join(verb.split()[:2]): answer}
            got = run(d, *verb.split())
        same(got, (0, want, ""), verb)
        same(d.asked[-1], verb, "asked")
        lines = "".join(json.dumps(o) + "\n" for o in answer)
        same(run(d, "-j", *verb.split()), (0, lines, ""), f"-j {verb}")
        if n + 1 == len(list(rows(now))):
            break


def what_goes_wrong_is_said(d, where):
    d.answers = {"reload": [{"text": "x:1:1: wrong"},
                            {"end": "refused", "error": "no"}],
                 "check": [{"end": "refused"}], "close": b"{\n",
                 "explain": b"{}\n"}
    same(run(d, "reload"), (1, "x:1:1: wrong\n", "pinholectl: no\n"), "reload")
    same(run(d, "check"), (1, "", "pinholectl: refused\n"), "check")
    # No heading of nothing.
    d.answers["show peers"] = [{"end": "refused", "error": "none"}]
    same(run(d, "show", "peers"), (1, "", "pinholectl: none\n"), "peers")
    d.answers["show peers"] = []
    same(run(d, "show", "peers"), (0, PEERS, ""), "peers")
    same(run(d, "show", "calls", "-j")[2].splitlines()[1:],
         ["options stand before the verb"], "-j")
    same(run(d, "show", "calls", "x")[2].count("options stand"), 0, "no option")
    for closed, status, said in ((">/dev/full", 1, "cannot write"),
                                 (">&-", 0, "")):
        d.asked.clear()
        done = subprocess.run(f"{PROGRAM} -s {d.path} show peers {closed}",
                              shell=True, capture_output=True, text=True,
                              timeout=20, check=False)
        same((done.returncode, said in done.stderr), (status, True), closed)
        # Nothing else was written to the socket.
        same(d.asked, ["show peers"], closed)
    gone = "pinholectl: the daemon has gone\n"
    same(run(d, "close", "c1"), (2, "", gone), "half a line")
    # A daemon that is stopped: its socket takes connections, until the kernel
    # has enough of them.
    mute = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mute.bind(where + "/mute")
    mute.listen(1)
    late = "pinholectl: the daemon does not answer\n"
    for want in (late, late,
                 f"pinholectl: cannot connect to {where}/mute: Resource "
                 "temporarily unavailable\n"):
        same(run(None, "-s", where + "/mute", "-t", "1", "show", "peers"),
             (2, "", want), "a daemon that is stopped")
    mute.close()
    for seconds in ("0", "-1", "x", "86401", ""):
        same(run(None, "-t", seconds, "reload"),
             (1, "", f"pinholectl: -t {seconds}: expected seconds, 1 to "
              "86400\n"), f"-t {seconds}")
    for path, why in (
            (where + "/none", "No such file or directory; is pinholed "
             "running?"),
            (where, "Connection refused; is pinholed running?"),
            ("/" + "x" * 107, "File name too long")):
        same(run(None, "-s", path, "reload"),
             (2, "", f"pinholectl: cannot connect to {path}: {why}\n"), path)
    # The read-only socket is for those who may not use the other one.
    assert ".ro" not in run(None, "show", "summary")[2], "the default socket"
    # The longest path that there may be.
    path = "/" + "x" * 106
    same(run(None, "-s", path, "reload")[2].count("No such file"), 1, path)
    for argv in ([], ["-x"], ["show"], ["nonsense"], ["-s"]):
        got = run(None, *argv)
        same((got[0], got[1]), (1, ""), argv)
        assert got[2], argv
    same(run(None, "-V")[0], 0, "-V")
    assert re.fullmatch(r"pinholectl [0-9.]+(-rc[0-9]+)?\n",
                        run(None, "--version")[1]), "--version"
    got = run(None, "--help")
    same((got[0], got[2]), (0, ""), "--help")
    assert "\n  close   ID|CALL-ID " in got[1] and \
        "\n  show    calls      " in got[1], got[1]
    for shell, code in (("bash", 0), ("zsh", 0), ("fish", 1)):
        got = run(None, "--completion", shell)
        same((got[0], got[1] == ""), (code, code != 0), shell)
    got = run(None, "--completion", "zsh")[1]
    assert "\n\t\t'reload:" in got, got
    assert re.findall(r"\n(\w+)\) compadd ([a-z ]+) ;;", got) == [
        ("show", "summary calls pinholes tables peers counters config"),
        ("log", "brief verbose"), ("tables", "address"),
        ("state", "early accepted held ended")], got


class Screen:
    """A terminal that knows nothing but what TERMINFO says of it."""
    LINES, COLUMNS = 20, 100
    TERMINFO = (f"pin|a test,\n\tam, cols#{COLUMNS}, lines#{LINES},\n"
                "\tclear=\\E[H\\E[2J, cup=\\E[%i%p1%d;%p2%dH,\n"
                "\trev=\\E[7m, bold=\\E[1m, sgr0=\\E[m,\n"
                "\tsmcup=\\E[47h, rmcup=\\E[47l,\n"
                "\tkcud1=\\E[B, kcuu1=\\E[A, kbs=\\177,\n")

    def __init__(self, path, where):
        self.clear()
        self.y = self.x = 0
        self.style, self.rest, self.entered = " ", "", False
        with open(os.path.join(where, "ti"), "w", encoding="ascii") as f:
            f.write(self.TERMINFO)
        subprocess.run(["tic", "-o", where, os.path.join(where, "ti")],
                       check=True)
        self.pid, self.tty = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="pin", TERMINFO=where, LINES="20",
                              COLUMNS="100")
            os.execv(PROGRAM, [PROGRAM, "-s", path, "top"])
        atexit.register(self.kill)

    def kill(self):
        if self.pid != 0:
            os.kill(self.pid, signal.SIGKILL)

    def clear(self):
        self.text = [[" "] * self.COLUMNS for _ in range(self.LINES)]
        self.styles = [[" "] * self.COLUMNS for _ in range(self.LINES)]

    def feed(self, data):
        data = self.rest + data
        self.rest = ""
        while data:
            m = re.match(r"\x1b\[([0-9;]*)([A-Za-z])", data)
            if m:
                n = [int(x or 0) for x in m[1].split(";")]
                if m[2] == "H":
                    self.y, self.x = (n + [1])[0] - 1, (n + [1])[1] - 1
                    self.y, self.x = max(self.y, 0), max(self.x, 0)
                elif m[2] == "J":
                    self.clear()
                elif m[2] in "hl":
                    self.entered = m[2] == "h"
                elif m[2] == "m":
                    self.style = {7: "r", 1: "b"}.get(n[0], " ")
                data = data[m.end():]
                continue
            if data[0] == "\x1b":
                self.rest = data
                return
            if data[0] == "\r":
                self.x = 0
            elif data[0] == "\n":
                self.y = min(self.y + 1, self.LINES - 1)
            elif data[0] >= " " and self.x < self.COLUMNS:
                self.text[self.y][self.x] = data[0]
                self.styles[self.y][self.x] = self.style
                self.x += 1
            data = data[1:]

    def read(self):
        if not select.select([self.tty], [], [], 0.05)[0]:
            return False
        try:
            self.feed(os.read(self.tty, 65536).decode())
        except OSError:
            return False
        return True

    def line(self, y):
        return "".join(self.text[y]).rstrip()

    def shows(self, **lines):
        """Soon, line N is this: N is written as l0, l1, ..."""
        end = time.monotonic() + 10
        want = {int(k[1:]): v for k, v in lines.items()}
        while time.monotonic() < end:
            if all(self.line(y) == text for y, text in want.items()):
                return
            self.read()
        raise AssertionError("\n".join(
            [*map(self.line, range(self.LINES)), f"want {want}"]))

    def chosen(self, y):
        """Soon, this line and no other is that of the cursor."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if [i for i, s in enumerate(self.styles) if s[0] == "r"] == [y]:
                return
            self.read()
        raise AssertionError(f"line {y} is not chosen")

    def press(self, keys):
        os.write(self.tty, keys)

    def end(self):
        # What is not read would keep it from ending.
        while self.read():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        os.close(self.tty)
        assert not self.entered, "the terminal is as it was"
        return status


def asked(d, line):
    end = time.monotonic() + 10
    while line not in d.asked:
        if time.monotonic() > end:
            raise AssertionError(f"{line!r} not in {d.asked[-5:]}")
        time.sleep(0.02)


HEAD = "calls 3  pinholes 4  calls/s {}  opens/s {}  refusals/s {}"
KEYS = "q: quit  s: sort  /: filter  Enter: the story of a call"
THREE = [("held", "10.0.0.3", 100, "cc"), ("early", "10.0.0.1", 300, "aa"),
         ("held", "10.0.0.2", 200, "bb")]


def summaries(d):
    n = [0]

    def summary():
        n[0] += 1
        return [{"version": "1.2", "backend": "nft", "uptime": 3725,
                 "calls": 3, "pinholes": 4, "capture_drops": 6,
                 "calls_total": 5 * n[0], "opens_total": 7 * n[0],
                 "refusals_total": 9 * n[0],
                 "setup_us": {"p50": 1500, "p99": None}}]
    d.answers["show summary"] = summary


def order(screen, names):
    """The calls from the first line on, by the end of their lines."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        got = [screen.line(5 + i).split()[-1:] for i in range(len(names))]
        if got == [[n] for n in names]:
            return
        screen.read()
    raise AssertionError((got, names))


def top_shows_calls(d, where):
    # A clock of long ago, so that no age changes: all are "0s" but for 0.
    summaries(d)
    d.answers["show calls"] = lambda: [
        dict(call(state, src, n, 0, 1, name), to=f"192.0.2.{n}")
        for state, src, n, name in THREE]
    d.answers["explain"] = [{"text": f"line {i}"} for i in range(30)]
    s = Screen(d.path, where)
    s.shows(l0="pinholed 1.2, nft, up 1h02m", l1=HEAD.format(0, 0, 0),
            l2="drops 6  setup p50 1.5 ms, p99 -   sort age   filter",
            l3=KEYS, l4=CALLS.rstrip(), l8="")
    order(s, ["cc", "bb", "aa"])
    s.chosen(5)
    # Once a second.
    s.shows(l1=HEAD.format(5, 7, 9))
    s.press(b"s")
    s.shows(l2="drops 6  setup p50 1.5 ms, p99 -   sort state   filter")
    order(s, ["aa", "cc", "bb"])
    s.press(b"s")
    order(s, ["aa", "bb", "cc"])
    s.press(b"s")
    order(s, ["cc", "bb", "aa"])
    s.press(b"s")
    s.shows(l2="drops 6  setup p50 1.5 ms, p99 -   sort age   filter")
    for keys, y in ((b"k", 5), (b"j", 6), (b"j", 7), (b"j", 7), (b"\x1b[A", 6),
                    (b"\x1b[B", 7), (b"k", 6), (b"k", 5),
                    (b"j", 6)):
        s.press(keys)
        s.chosen(y)
    s.press(b"\n")
    s.shows(l3="q: back", l4="", l5="line 0", l19="line 14")
    asked(d, "explain bb")
    # Enter does nothing there; and a story may be longer than the screen.
    s.press(b"\n" + b"j" * 3)
    s.shows(l5="line 3", l19="line 17")
    s.press(b"j" * 16)
    s.shows(l5="line 15", l19="line 29")
    s.press(b"b")
    s.shows(l5="line 0", l19="line 14")
    s.press(b" ")
    s.shows(l5="line 15", l19="line 29")
    s.press(b"q")
    # Nothing of a line is cut off.
    d.answers["explain"] = [{"text": "    " + "word " * 25},
                            {"text": "x" * 190}, {"text": "end"}]
    s.press(b"\n")
    s.shows(l5="    " + "word " * 18 + "word", l6=" " * 14 + "word " * 5
            + "word", l7="x" * 100, l8=" " * 14 + "x" * 86, l9=" " * 14
            + "x" * 4, l10="end")
    s.press(b"q")
    s.shows(l3=KEYS, l4=CALLS.rstrip())
    s.press(b"/a\x7f\x7f")
    s.shows(l2="drops 6  setup p50 1.5 ms, p99 -   sort age   filter _")
    s.press(b"\n")
    # The same filter, anew.
    s.press(b"/ab\x01 cd\x7f\x7fx")
    s.shows(l2="drops 6  setup p50 1.5 ms, p99 -   sort age   filter abx_")
    s.press(b"\n")
    s.shows(l2="drops 6  setup p50 1.5 ms, p99 -   sort age   filter abx")
    asked(d, "show calls call abx")
    s.press(b"/\x7f10.0.0.0/8\n")
    asked(d, "show calls address 10.0.0.0/8")
    s.press(b"/2001:db8::/32\n")
    asked(d, "show calls address 2001:db8::/32")
    s.press(b"/1234\n")
    asked(d, "show calls call 1234")
    s.press(b"/" + b"y" * 70 + b"\n")
    asked(d, "show calls call " + "y" * 63)
    s.press(b"q")
    same(s.end(), 0, "exit status")


def top_scrolls_and_waits(d, where):
    summaries(d)
    d.answers["show calls"] = [
        call("held", "10.0.0.1", 100 + i / 4, 0, 1, f"n{i}")
        for i in reversed(range(40))]
    s = Screen(d.path, where)
    order(s, [f"n{i}" for i in range(15)])
    s.press(b"j" * 14)
    s.chosen(19)
    order(s, ["n0"])
    s.press(b"j")
    order(s, [f"n{i}" for i in range(1, 16)])
    s.press(b"j" * 100)
    order(s, [f"n{i}" for i in range(25, 40)])
    s.chosen(19)
    # The daemon goes, and comes back.
    d.close()
    s.shows(l0=f"waiting for pinholed at {d.path}")
    order(s, ["n25"])
    d.open()
    s.shows(l0="pinholed 1.2, nft, up 1h02m")
    # The story of a call far down begins at its beginning.
    d.answers["explain"] = [{"text": "call n39"}, {"text": "it rang"}]
    s.press(b"\n")
    s.shows(l5="call n39", l6="it rang")
    s.press(b"q")
    # Fewer calls than before: those are shown, and no story of none.
    d.answers["show calls"] = [call("held", "10.0.0.1", 1, 0, 1, "left")]
    order(s, ["left"])
    s.chosen(5)
    d.answers["show calls"] = []
    s.shows(l5="")
    # The cursor is on the first of those that come next.
    s.press(b"j")
    time.sleep(0.3)
    d.answers["show calls"] = [
        call("held", "10.0.0.1", i, 0, 1, f"m{i}") for i in (1, 2)]
    order(s, ["m1", "m2"])
    s.chosen(5)
    d.answers["show calls"] = []
    s.shows(l5="")
    before = len([x for x in d.asked if x.startswith("explain")])
    s.press(b"\n")
    time.sleep(0.3)
    same(len([x for x in d.asked if x.startswith("explain")]), before, "asked")
    s.press(b"q")
    same(s.end(), 0, "exit status")


def main():
    with tempfile.TemporaryDirectory() as where:
        d = Daemon(os.path.join(where, "s"))
        what_is_told_is_printed(d)
        what_goes_wrong_is_said(d, where)
        d.answers = {}
        got = run(d, "top")
        same((got[0], got[2]), (1, "pinholectl: top needs a terminal\n"), "top")
        same(Screen(where + "/none", where).end(), 2, "nobody to show")
        top_shows_calls(d, where)
        d.answers = {}
        top_scrolls_and_waits(d, where)


main()
