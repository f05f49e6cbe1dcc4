#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""All processes of a daemon, without privilege.

usage: daemon.py DAEMON

DAEMON is pinholed without its sandbox and without a capture.  The packet
filter is a dry run, and signalling comes as if a PBX mirrored it.
"""
import hashlib
import hmac
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "pcaps"))
from wire import hep  # noqa: E402 pylint: disable=wrong-import-position

PHONE, PBX = "198.51.100.7", "192.0.2.10"
KEY = b"0123456789" * 4
ROLES = ["engine", "firewall", "proxy", "status"]


def check(ok, what):
    if not ok:
        raise AssertionError(what)


def until(f, what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = f()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


given = set()


def port():
    """Free for UDP and TCP, given to nobody else here, and below those that
    clients get from Linux."""
    while True:
        n = random.randrange(20000, 32000)
        if n in given:
            continue
        given.add(n)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("127.0.0.1", n))
        except OSError:
            continue
        return n


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Daemon:
    def __init__(self, binary, where, *argv, more=""):
        self.binary, self.where = binary, where
        self.ports = {n: port() for n in (
            "hep", "tables", "tftp", "status", "ftp")}
        self.sock = os.path.join(where, "sock")
        self.path = os.path.join(where, "conf")
        self.pidfile = os.path.join(where, "pid")
        key = os.path.join(where, "key")
        with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
            f.write(KEY)
        self.text = f"""protect {{ 192.0.2.0/24 127.0.0.2 }}
interface lo
control "{self.sock}"
sip {{ }}
hep {{ listen on 127.0.0.1 port {self.ports["hep"]} from 127.0.0.1 }}
status {{ listen on 127.0.0.1 port {self.ports["status"]} }}
tables {{ listen on 127.0.0.1 port {self.ports["tables"]}
\tkey "{key}" allow {{ bad good }} }}
tftp {{ proxy on 127.0.0.1 port {self.ports["tftp"]} }}
ftp {{ proxy on 127.0.0.1 port {self.ports["ftp"]} }}
{more}"""
        self.write(self.text)
        self.events, self.log = [], []
        self.proc = subprocess.Popen(
            [binary, "-b", "dry-run", "-o", "json", "-f", self.path, "-p",
             self.pidfile, *(argv or ["-d"])], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.pid = self.proc.pid
        for f, to in ((self.proc.stdout, self.events),
                      (self.proc.stderr, self.log)):
            threading.Thread(target=lambda f=f, to=to: [
                to.append(x.rstrip()) for x in f], daemon=True).start()
        self.hep = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.hep.connect(("127.0.0.1", self.ports["hep"]))

    def write(self, text):
        with open(self.path, "w", encoding="ascii") as f:
            f.write(text)

    def said(self, pattern, n=1, seconds=10):
        """The n-th line of the log that is like this."""
        def found():
            hits = [x for x in self.log if re.search(pattern, x)]
            return hits[n - 1] if len(hits) >= n else None
        return until(found, f"{pattern!r} in {self.log}", seconds)

    def children(self):
        """role -> pid, by the title each process gives itself."""
        found = {}
        for pid in os.listdir("/proc"):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                    ppid = int(f.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    title = f.read().replace(b"\0", b" ").decode()
            except (OSError, ValueError):
                continue
            for role in ROLES:
                if ppid == self.pid and re.search(rf"\b{role}\b", title):
                    found[role] = int(pid)
        return found

    def ready(self):
        self.said("running: dry-run")
        until(lambda: len(self.children()) == len(ROLES), "all processes")
        until(lambda: self.ask("show summary"), "a control socket")
        return self

    def ask(self, line, read_only=False):
        """The lines of the answer; None: nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(self.sock + (".ro" if read_only else ""))
                s.sendall(line.encode() + b"\n")
                lines, f = [], s.makefile("rb")
                while not lines or not ("end" in lines[-1] or
                                        "error" in lines[-1]):
                    lines.append(json.loads(f.readline()))
                return lines
        except (OSError, ValueError):
            return None

    def counters(self):
        return {x["name"]: x["value"]
                for x in self.ask("show counters") or [] if "name" in x}

    def counted(self, **want):
        now = {}

        def right():
            now.update(self.counters())
            return all(now.get(k) == v for k, v in want.items())
        try:
            until(right, "counters", 5)
        except AssertionError:
            raise AssertionError({k: now.get(k) for k in want}) from None

    def say(self, src, dst, text):
        self.hep.send(hep(src, dst, text.encode(), sport=5060, dport=5060,
                          proto=17))

    def invite(self, call, method="INVITE", cseq=1, totag="", sdp=True):
        body = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n" \
               "m=audio 4000 RTP/AVP 0\r\n".format(PHONE) if sdp else ""
        self.say(PHONE, PBX, f"{method} sip:x@{PBX} SIP/2.0\r\n"
                 f"Via: SIP/2.0/UDP {PHONE};branch=z9hG4bK{call}{cseq}\r\n"
                 f"From: <sip:y@{PHONE}>;tag=a\r\nTo: <sip:x@{PBX}>{totag}\r\n"
                 f"Call-ID: {call}\r\nCSeq: {cseq} {method}\r\n"
                 f"Contact: <sip:y@{PHONE}>\r\nMax-Forwards: 70\r\n"
                 + ("Content-Type: application/sdp\r\n" if sdp else "") +
                 f"Content-Length: {len(body)}\r\n\r\n{body}")

    def answer(self, call, method="INVITE", cseq=1, sdp=True):
        body = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n" \
               "m=audio 10000 RTP/AVP 0\r\n".format(PBX) if sdp else ""
        self.say(PBX, PHONE, "SIP/2.0 200 OK\r\n"
                 f"Via: SIP/2.0/UDP {PHONE};branch=z9hG4bK{call}{cseq}\r\n"
                 f"From: <sip:y@{PHONE}>;tag=a\r\n"
                 f"To: <sip:x@{PBX}>;tag=b\r\n"
                 f"Call-ID: {call}\r\nCSeq: {cseq} {method}\r\n"
                 f"Contact: <sip:x@{PBX}>\r\n"
                 + ("Content-Type: application/sdp\r\n" if sdp else "") +
                 f"Content-Length: {len(body)}\r\n\r\n{body}")

    def call(self, call):
        n = len(self.seen(event="open"))
        self.invite(call)
        self.answer(call)
        until(lambda: len(self.seen(event="open")) >= n + 2,
              f"a call opens; {self.events}")

    def bye(self, call, reason="bye"):
        self.invite(call, "BYE", 2, ";tag=b", sdp=False)
        self.answer(call, "BYE", 2, sdp=False)
        until(lambda: len(self.seen(event="close", call=call,
                                    reason=reason)) == 2,
              f"{call} closes; {self.events} {self.log}")

    def seen(self, **want):
        events = [json.loads(x) for x in list(self.events)]
        return [e for e in events
                if all(e.get(k) == v for k, v in want.items())]

    def kill(self, role):
        """Kill the process of a role: another replaces it, the others stay."""
        before = self.children()
        os.kill(before[role], signal.SIGKILL)
        after = {}

        def replaced():
            after.update(self.children())
            return after.get(role, before[role]) != before[role]
        until(replaced, f"another {role} process")
        until(lambda: self.ask("show summary"), "a control socket")
        check({**before, role: 0} == {**after, role: 0}, (before, after))

    def stop(self, sig=signal.SIGTERM, status=0):
        self.proc.send_signal(sig)
        check(self.proc.wait(10) == status, "exit status")
        check(not os.path.exists(self.pidfile), "the pid file stays")
        check(not os.path.exists(self.sock), "the control socket stays")

    def end(self):
        """Of whatever is left."""
        kill_all(self)
        self.proc.wait(5)


def kill_all(d):
    """The monitor stops first, or it replaces the others."""
    if alive(d.pid):
        os.kill(d.pid, signal.SIGSTOP)
    for pid in [*d.children().values(), d.pid]:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def table_request(d, nonce, table="bad", address="203.0.113.9"):
    """Version 3 of the protocol: add one address, and the answer's status."""
    head = struct.pack("!BBBBIQ32s32s", 3, 1, 0, 1, int(time.time()), nonce,
                       b"", table.encode())
    entry = struct.pack("!BBHI16s", 4, 32, 0, 60,
                        socket.inet_aton(address) + bytes(12))
    mac = hmac.new(KEY, head + entry, hashlib.sha256).digest()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect(("127.0.0.1", d.ports["tables"]))
        s.send(head + entry + mac)
        return s.recv(100)[2]


def http(d, path):
    with urllib.request.urlopen(
            f"http://127.0.0.1:{d.ports['status']}{path}", timeout=10) as r:
        return r.read().decode()


def greet(d):
    """Somebody inside comes to the FTP proxy, without a redirection."""
    with socket.socket() as s:
        s.settimeout(5)
        s.bind(("127.0.0.2", 0))
        s.connect(("127.0.0.1", d.ports["ftp"]))
        check(s.recv(100) == b"421 The server cannot be reached\r\n", "ftp")


def a_call_lives_and_ends(d):
    d.call("c1")
    # The status process hears of a call later than the log.
    until(lambda: sorted(x["dir"] for x in d.ask("show pinholes")
                         if "id" in x) == ["in", "out"], "two pinholes")
    until(lambda: [x for x in d.ask("show calls")
                   if x.get("state") == "accepted"], "a call")
    calls = [x for x in d.ask("show calls") if "call" in x]
    check(len(calls) == 1 and calls[0]["state"] == "accepted", calls)
    check(d.ask("show calls", read_only=True) == d.ask("show calls"), "ro")
    check("read-only" in d.ask("reload", read_only=True)[0]["error"], "ro")
    d.bye("c1")
    until(lambda: len(d.ask("show pinholes")) == 1, "no pinhole")
    d.counted(pinholes=0, pinholes_opened=2, pinholes_closed=2)
    # A person ends a call, and a story is told of it.
    d.call("c2")
    story = d.ask("explain c2")
    check(any("INVITE" in x.get("text", "") for x in story), story)
    check(d.ask("close c2")[-1] == {"end": "ok"}, "close")
    until(lambda: len(d.seen(event="close", reason="closed")) == 2, "closed")
    check(d.ask("close c2")[-1]["end"] == "refused", "closed before")


def who_is_killed_is_replaced(d):
    d.call("k1")
    # The journal gathers records for some milliseconds before it writes them.
    time.sleep(0.3)
    for n, role in enumerate(("engine", "firewall", "status", "proxy")):
        d.kill(role)
        d.said(f"the {role} process [0-9]+ is gone: killed by signal 9")
        until(lambda: len([x for x in d.ask("show calls") or []
                           if x.get("call") == "k1"]) == 1, f"after {role}")
        d.call(f"k{role}")
        # The status process hears of a call later than the log.
        summary = until(lambda: [x for x in d.ask("show summary") or []
                                 if x.get("calls") == n + 2],
                        f"{n + 2} calls")[0]
        check(summary["backend"] == "dry-run", summary)
    check(not d.seen(event="close"), d.events)
    for role in ROLES:
        d.bye(f"k{role}")
    d.bye("k1")


def a_reload_keeps_calls(d):
    d.call("r1")
    before = d.children()
    d.write(d.text + "sip { nonsense }\n")
    d.proc.send_signal(signal.SIGHUP)
    d.said("not reloaded: the configuration has errors")
    lines = d.ask("reload")
    check(lines[-1]["end"] == "refused", lines)
    check(any("nonsense" in x.get("text", "") for x in lines), lines)
    lines = d.ask("check")
    check(lines[-1]["end"] == "refused", lines)
    check(d.children() == before, "nothing has changed")
    d.write(d.text)
    # A dry run has no lock that tells the check whose the sockets are.
    lines = d.ask("check")
    check(all(re.search("already in use|no user|: listening on lo", x["text"])
              for x in lines[:-1]), lines)
    check(lines[-1]["end"] == "refused", lines)
    d.write(d.text + "user nobody-at-all\n")
    lines = d.ask("reload")
    check(lines[-1]["end"] == "refused" and
          any("no such user" in x.get("text", "") for x in lines), lines)
    d.write(d.text)
    d.proc.send_signal(signal.SIGHUP)
    d.said("monitor: reloaded$")
    until(lambda: len(d.children()) == 4, "all processes")
    after = d.children()
    check(after["status"] == before["status"], "the status process stays")
    check(not {after[r] for r in ROLES[:3]} & set(before.values()), after)
    check(d.ask("reload")[-1] == {"end": "ok"}, "by the socket")
    d.said("monitor: reloaded$", 2)
    # Two at once are one after the other.
    d.proc.send_signal(signal.SIGHUP)
    d.said("following:", 4)
    d.proc.send_signal(signal.SIGHUP)
    d.said("monitor: reloaded$", 4)
    check(len([x for x in d.ask("show calls") if "call" in x]) == 1, "r1")
    config = "\n".join(x.get("text", "") for x in d.ask("show config"))
    check('control "' + d.sock in config and "timeout" in config, config)
    check(not d.seen(event="close"), d.events)
    d.bye("r1")
    # Without a proxy there is no proxy process.
    d.write(re.sub(r"(?s)status.*", "", d.text))
    d.proc.send_signal(signal.SIGHUP)
    d.said("monitor: reloaded$", 5)
    until(lambda: "proxy" not in d.children(), "no proxy")
    check(len(d.ask("show tables")) == 1, d.ask("show tables"))


def others_ask_the_proxy(d):
    check(table_request(d, 1) == 0, "added")
    check(table_request(d, 2, "worse") == 2, "no such table")
    check(table_request(d, 3, address="192.0.2.1") == 5, "never")
    tables = d.ask("show tables address 203.0.113.0/24")
    check([x.get("entries") for x in tables if "entries" in x] == [1, 0],
          tables)
    check(any(x.get("address") == "203.0.113.9" for x in tables), tables)
    d.counted(entries=1, tables_added=1)
    d.kill("proxy")
    until(lambda: any(x.get("address") == "203.0.113.9"
                      for x in d.ask("show tables address 203.0.113.9")), "adopted")
    d.proc.send_signal(signal.SIGHUP)
    d.said("monitor: reloaded$")
    check(table_request(d, 9, "good") == 0, "after a reload")
    until(lambda: sum(x.get("entries", 0) for x in
                      d.ask("show tables") or []) == 2, "both entries")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.bind(("127.0.0.2", 0))
        s.connect(("127.0.0.1", d.ports["tftp"]))
        s.send(b"\0\1boot\0octet\0")
        check(s.recv(100) == b"\0\5\0\0proxy: cannot reach the server\0",
              "no filter, no server")
    with socket.socket() as s:
        s.settimeout(5)
        s.bind(("127.0.0.3", 0))
        s.connect(("127.0.0.1", d.ports["ftp"]))
        check(s.recv(100) == b"421 Sorry, not a protected client\r\n", "ftp")


def counters_are_told(d):
    d.call("n1")
    d.proc.send_signal(signal.SIGUSR1)
    d.said("engine: .*sip_messages")
    d.said("proxy: open=0")
    until(lambda: re.search(r"(?m)^pinholed_pinholes 2$", http(d, "/metrics")),
          "metrics")
    check("<html" in http(d, "/"), "a page")
    check(d.ask("log verbose")[-1] == {"end": "ok"}, "log")
    d.call("n2")
    greet(d)
    d.said("ftp: #1 accepted connection from 127.0.0.2")
    check(d.ask("log brief")[-1] == {"end": "ok"}, "log")
    greet(d)
    d.counted(sip_messages=4, pinholes=4)
    check(not any("#2 accepted" in x for x in d.log), d.log)
    d.kill("engine")
    d.counted(sip_messages=4, pinholes=4, pinholes_opened=4)
    # Both calls have the same pinholes, of which the filter has one each.
    commits = d.counters()["filter_commits"]
    d.kill("firewall")
    until(lambda: d.counters()["filter_commits"] > commits, "told anew")
    d.counted(filter_wanted=2, filter_open=2)


def the_end_closes_everything(d):
    d.call("e1")
    children = d.children()
    d.stop()
    check(len(d.seen(event="close", call="e1", reason="shutdown")) == 2,
          d.events)
    check(not any(alive(p) for p in children.values()), children)


def leaving_keeps_everything(d):
    d.call("l1")
    d.stop(signal.SIGUSR2)
    d.said("leaving: pinholes stay open for a successor")
    check(not d.seen(event="close"), d.events)


def without_a_monitor_the_others_carry_on(d):
    d.call("w1")
    children = d.children()
    d.proc.kill()
    d.proc.wait(5)
    d.said("engine: the monitor is gone")
    d.call("w2")
    d.bye("w1")
    os.kill(children["engine"], signal.SIGTERM)
    until(lambda: len(d.seen(event="close", call="w2",
                             reason="shutdown")) == 2, "the engine ends")
    os.kill(children["proxy"], signal.SIGTERM)
    until(lambda: not any(alive(p) for p in children.values()),
          "nobody is left")


def what_keeps_dying_waits(d):
    began = time.monotonic()
    for n in range(1, 4):
        d.kill("engine")
        d.said("the engine process .* is gone", n)
    # At once, after 0.1 s and after 0.2 s.
    check(time.monotonic() - began > 0.25, "it waits")
    d.call("x1")


def in_the_background(binary, where):
    d = Daemon(binary, where, "-v")
    check(d.proc.wait(10) == 0, d.log)
    with open(d.pidfile, encoding="ascii") as f:
        d.pid = int(f.read())
    try:
        until(lambda: len(d.children()) == len(ROLES), "all processes")
        until(lambda: d.ask("show summary"), "a control socket")
        again = subprocess.run(
            [binary, "-b", "dry-run", "-f", d.path, "-p", d.pidfile],
            capture_output=True, text=True, check=False)
        check(again.returncode == 2 and
              f"already running as process {d.pid}" in again.stderr, again)
        d.invite("b1")
        d.answer("b1")
        until(lambda: len(d.ask("show pinholes")) == 3, "a call")
        os.kill(d.pid, signal.SIGTERM)
        until(lambda: not alive(d.pid), "the end")
        check(not os.path.exists(d.pidfile), "the pid file stays")
    finally:
        kill_all(d)


def main():
    binary = sys.argv[1]
    plays = [a_call_lives_and_ends, who_is_killed_is_replaced,
             a_reload_keeps_calls, others_ask_the_proxy, counters_are_told,
             the_end_closes_everything, leaving_keeps_everything,
             without_a_monitor_the_others_carry_on, what_keeps_dying_waits]
    wanted = sys.argv[2:]
    for play in plays:
        if wanted and play.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory() as where:
            began = time.monotonic()
            d = Daemon(binary, where)
            try:
                play(d.ready())
                print(f"{time.monotonic() - began:4.1f} s", play.__name__)
            except AssertionError as why:
                print("FAILED", play.__name__, why, *d.log[-30:], sep="\n  ")
                return 1
            finally:
                d.end()
    if not wanted or "in_the_background" in wanted:
        with tempfile.TemporaryDirectory() as where:
            in_the_background(binary, where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
