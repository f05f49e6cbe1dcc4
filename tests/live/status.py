# SPDX-License-Identifier: ISC
"""The status process: the control sockets, and what a call sees of them."""
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

import ftpworld
import helpers
import tables
import tftpproxy
from net import (Daemon, Failure, PBX, PHONE, Stream, Unable, check, conf, name,
                 passes, until)
from ftpworld import six
from scenarios import media, scenario, signalling
from sip import Call, sdp

KEYS = {
    "calls": ["call", "state", "from", "to", "since", "pinholes", "packets",
              "last_media"],
    "pinholes": ["ts", "event", "id", "dir", "call", "proto", "src", "sport",
                 "dst", "dport", "dport_end", "reason", "packets",
                 "last_media", "expires", "form", "form_why"],
    "summary": ["version", "backend", "uptime", "calls", "pinholes",
                "calls_total", "opens_total", "refusals_total",
                "capture_drops", "setup_us"],
}


def path(read_only=False):
    return f"/run/ph{os.getpid()}.sock" + (".ro" if read_only else "")


class Control:
    """A connection to a control socket."""

    def __init__(self, read_only=False):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path(read_only))
        self.file = self.sock.makefile("rb")

    def send(self, line):
        self.sock.sendall(line.encode() + b"\n")

    def line(self):
        text = self.file.readline()
        if not text:
            raise Failure("the control socket was closed")
        return json.loads(text)

    def ask(self, line):
        """The lines of the answer, and its end."""
        self.send(line)
        lines = [self.line()]
        while "end" not in lines[-1]:
            lines.append(self.line())
        return lines[:-1], lines[-1]

    def show_story(self, which):
        lines, end = self.ask(f"explain {which}")
        check(end == {"end": "ok"}, (end, lines))
        return lines

    def show(self, what):
        lines, end = self.ask(f"show {what}")
        check(end == {"end": "ok"}, end)
        return lines

    def close(self):
        self.file.close()
        self.sock.close()


def connect(read_only=False):
    def there():
        try:
            return Control(read_only)
        except OSError:
            return None
    found = []
    until(lambda: found.append(there()) or found[-1], 5, "a control socket")
    return found[-1]


def ask(line, read_only=False):
    c = connect(read_only)
    try:
        return c.ask(line)
    finally:
        c.close()


def counters():
    c = connect()
    found = {line["name"]: line["value"] for line in c.show("counters")}
    c.close()
    return found


def call_with_media(net):
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    stream = Stream(p, m)
    stream.flows()
    return call, stream


def known(c, n):
    until(lambda: len(c.show("pinholes")) == n, 5, f"{n} pinholes")


@scenario()
def control_shows_calls_and_closes_one(net):
    d = net.pinholed()
    _, stream = call_with_media(net)
    c = connect()
    known(c, 2)
    calls, holes = c.show("calls"), c.show("pinholes")
    check([list(x) for x in calls] == [KEYS["calls"]], calls)
    check(all(list(x) == KEYS["pinholes"] for x in holes), holes)
    check(list(c.show("summary")[0]) == KEYS["summary"], c.show("summary"))
    check(calls[0]["state"] == "accepted" and calls[0]["from"] == PHONE and
          calls[0]["to"] == PBX, calls)
    check(sorted(calls[0]["pinholes"]) == [h["id"] for h in holes], holes)
    check(abs(calls[0]["since"] - time.time()) < 30, calls)
    check(holes[0]["expires"] > time.time() + 100, holes)
    check(len(c.show(f"calls address {PHONE} state acc older 0")) == 1, "")
    check(not c.show("calls address 203.0.113.1"), "another address")
    check(not c.show("calls call nobody"), "another call")
    check(isinstance(calls[0]["packets"], int), calls)
    until(lambda: sum(h["packets"] for h in c.show("pinholes")) >= 10, 30,
          "packets of the pinholes")
    check(c.show("calls")[0]["packets"] >= 10, c.show("calls"))
    check(not c.show("pinholes older 100"), "an older one")
    watch = connect(read_only=True)
    watch.send("monitor")
    check(ask(f"close {holes[0]['id']}")[1] == {"end": "ok"}, "close")
    stream.stops()
    stream.stop()
    d.expect(1, event="close", dir="in", reason="closed")
    check([watch.line()["reason"] for _ in range(2)] == ["closed"] * 2, "")
    until(lambda: not c.show("calls"), 2, "the call is over")
    check(c.show("calls state ended")[0]["state"] == "ended", "remembered")
    check(ask("close 1")[1]["end"] == "refused", "it is closed")


@scenario()
def control_closes_by_call_id(net):
    d = net.pinholed()
    call, stream = call_with_media(net)
    c = connect()
    known(c, 2)
    name = c.show("calls")[0]["call"]
    story, end = c.ask(f"explain {name}")
    check(end == {"end": "ok"} and any("INVITE" in x["text"] for x in story),
          story)
    check(c.ask(f"close {name}")[1] == {"end": "ok"}, "close")
    stream.stops()
    stream.stop()
    d.expect(2, event="close", dir="in", reason="closed")
    check(c.ask("close nobody@example")[1]["end"] == "refused", "no such call")
    check(call is not None, "")


@scenario()
def control_reads_only_what_it_may(net):
    net.pinholed()
    check(os.stat(path()).st_mode & 0o777 in (0o660, 0o600), "mode")
    check(os.stat(path(True)).st_mode & 0o777 == 0o666, "mode of .ro")
    for line in ("close 1", "reload", "log verbose", "check"):
        check("read-only" in ask(line, read_only=True)[1]["error"], line)
    check(ask("sh su", read_only=True)[0][0]["backend"] == "nftables", "")
    why = ask("frobnicate")[1]["error"]
    check(all(x in why for x in ("show", "monitor", "close", "check")), why)
    c = connect()
    c.sock.sendall(b"x" * 65536 + b"\n")
    check("too long" in c.line()["error"], "a line of 64 KiB")
    c.close()


@scenario()
def control_survives_a_reload(net):
    d = net.pinholed()
    _, stream = call_with_media(net)
    c = connect()
    known(c, 2)
    check(c.ask("reload")[1] == {"end": "ok"}, "a good one")
    stream.flows()
    known(c, 2)
    d.write(conf("\tport banana\n"))
    lines, end = c.ask("reload")
    check(end["end"] == "refused", end)
    check(any("banana" in x["text"] for x in lines), lines)
    lines, end = c.ask("check")
    check(end["end"] == "refused", end)
    check(any("banana" in x["text"] for x in lines), lines)
    d.write(conf())
    check(c.ask("check")[1] == {"end": "ok"}, "check")
    check(c.ask("reload")[1] == {"end": "ok"}, "a good one again")
    engine = d.kill("engine")
    until(lambda: d.children().get("engine") not in (None, engine), 5, "")
    known(c, 2)
    check(len(c.show("calls")) == 1, "the new engine tells of the call")
    stream.flows()
    stream.stop()


@scenario()
def a_control_socket_can_be_switched_off(net):
    d = net.pinholed()
    call_with_media(net)[1].stop()
    connect().close()
    here = f'control "{path()}"'
    check(here in conf(), "the statement")
    d.write(conf().replace(here, "control no"))
    check(ask("reload")[1] == {"end": "ok"}, "the last command")
    until(lambda: not os.path.exists(path()), 5, f"{path()} is gone")
    until(lambda: not os.path.exists(path(True)), 5, f"{path(True)} is gone")
    until(lambda: status_pid(d) is None, 5, "no status process")
    check(run("show", "summary")[0] == 2, "pinholectl finds no daemon")
    check(not d.seen(event="close"), "the call goes on")
    # SIGHUP is the way back.
    d.write(conf())
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: os.path.exists(path()), 5, "it is there again")
    known(connect(), 2)
    d.stop()
    net.pinholed(conf=conf().replace(here, "control no"))
    check(not os.path.exists(path()), "none from the start")
    check(run("show", "summary")[0] == 2, "nor does pinholectl find it")


@scenario()
def a_control_socket_moves_and_is_tried_again(net):
    d = net.pinholed()
    c = connect()
    old, new = path(), f"/run/ph{os.getpid()}b.sock"
    d.write(conf().replace(old, new))
    check(c.ask("reload")[1] == {"end": "ok"}, "it moves")
    until(lambda: os.path.exists(new) and os.path.exists(new + ".ro"), 5, new)
    until(lambda: not os.path.exists(old), 5, f"{old} is gone")
    check(not os.path.exists(old + ".ro"), f"{old}.ro is gone")
    other = socket.socket(socket.AF_UNIX)
    other.bind(old)
    other.listen()
    d.write(conf())
    check(c.ask("reload")[1] == {"end": "ok"}, "its path is somebody's")
    until(lambda: any(f"{old}: in use" in line for line in d.log), 5, d.log)
    other.close()
    check(c.ask("reload")[1] == {"end": "ok"}, "nobody has its path")
    check(ask("show summary")[1] == {"end": "ok"}, "it is there again")
    check(not os.path.exists(new), f"{new} is gone")


def status_pid(d):
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                title = f.read()
        except (OSError, ValueError):
            continue
        if parent == d.proc.pid and b"status" in title:
            return int(pid)
    return None


def setup_time(wire, ports, d):
    """Seconds from an INVITE to the event that its pinholes are open."""
    times = []
    for port in ports:
        before = len(d.events)
        call = Call(wire)
        start = time.monotonic()
        call.set_up(sdp(PHONE, port), sdp(PBX, port + 6000))
        while len(d.events) < before + 2 and time.monotonic() < start + 5:
            time.sleep(0.0002)
        times.append(time.monotonic() - start)
        call.hang_up()
    return sorted(times)[len(times) // 2]


@scenario()
def a_dead_or_hung_status_process_costs_no_call(net):
    d = net.pinholed()
    until(lambda: status_pid(d), 5, "a status process")
    wire = signalling(net)
    usual = setup_time(wire, range(4000, 4040, 2), d)
    pid = status_pid(d)
    os.kill(pid, signal.SIGSTOP)
    hung = setup_time(wire, range(4100, 4140, 2), d)
    os.kill(pid, signal.SIGKILL)
    dead = setup_time(wire, range(4200, 4240, 2), d)
    until(lambda: status_pid(d) not in (None, pid), 5, "another one")
    pid = status_pid(d)
    os.kill(pid, signal.SIGSTOP)
    until(lambda: status_pid(d) not in (None, pid), 30, "one for the hung")
    check(any("the status process took too long" in line for line in d.log),
          d.log)
    print(f"median call: usual {usual * 1e3:.2f} ms, hung {hung * 1e3:.2f} "
          f"ms, dead {dead * 1e3:.2f} ms")
    check(hung < usual + 0.01 and dead < usual + 0.01, (usual, hung, dead))
    until(lambda: ask("show summary")[1] == {"end": "ok"}, 5, "it answers")


@scenario()
def a_thousand_connections_leave_it_serving(net):
    d = net.pinholed()
    connect().close()
    wire = signalling(net)
    before = setup_time(wire, range(4000, 4020, 2), d)
    crowd = []
    for read_only in (False, True):
        for _ in range(1000):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path(read_only))
            crowd.append(s)
    check(ask("show summary")[1] == {"end": "ok"}, "it serves")
    check(ask("show summary", read_only=True)[1] == {"end": "ok"}, ".ro")
    flooded = setup_time(wire, range(4100, 4120, 2), d)
    for s in crowd:
        s.close()
    print(f"median call: {before * 1e3:.2f} ms, with 2,000 connections "
          f"{flooded * 1e3:.2f} ms")
    check(flooded < before + 0.01, (before, flooded))


@scenario()
def a_slow_reader_is_dropped(net):
    net.pinholed()
    wire = signalling(net)
    watch = connect()
    watch.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    watch.send("monitor")
    slow = connect()
    slow.send("show counters\n" * 3000)
    for port in range(4000, 4100, 2):
        Call(wire).set_up(sdp(PHONE, port), sdp(PBX, port + 6000))
    check(ask("show summary")[1] == {"end": "ok"}, "others are served")

    def gone():
        try:
            slow.sock.sendall(b"show summary\n" * 100)
        except OSError:
            return True
        return False
    until(gone, 40, "the end of the one that does not read")
    watch.close()


def resident(pid):
    """Its memory in bytes."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@scenario()
def answers_that_nobody_reads_are_bounded(net):
    d = net.pinholed()
    until(lambda: status_pid(d), 5, "a status process")
    crowd = [connect(read_only=True) for _ in range(16)]
    before = resident(status_pid(d))
    end = time.monotonic() + 8
    for c in crowd:
        c.sock.setblocking(False)
    while time.monotonic() < end:
        for c in crowd:
            try:
                c.sock.send(b"x\n" * 4096)
            except OSError:
                pass
        time.sleep(0.001)
    grown = resident(status_pid(d)) - before
    print(f"16 clients that do not read cost {grown >> 10} KiB")
    check(grown < 16 << 20, f"{grown} bytes")
    check(ask("show summary", read_only=True)[1] == {"end": "ok"}, "it serves")


def cpu_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@scenario()
def questions_take_a_small_part_of_the_engine(net):
    d = net.pinholed(conf=conf("\tlimit calls 50000 per source 50000\n"))
    wire = signalling(net)
    for i in range(1000):
        Call(wire).set_up(sdp(PHONE, 4000 + 2 * i), sdp(PBX, 10000 + 2 * i))
        if i % 50 == 49:
            until(lambda n=i: len(d.events) >= 2 * n, 20, "the engine")
    crowd = [connect(read_only=True) for _ in range(32)]
    for c in crowd:
        c.sock.setblocking(False)
    engine = d.children()["engine"]
    before, start, told = cpu_time(engine), time.monotonic(), 0
    while time.monotonic() < start + 4:
        for c in crowd:
            try:
                c.sock.send(b"explain nobody\n")
            except OSError:
                pass
            try:
                told += c.sock.recv(65536).count(b'"end"')
            except OSError:
                pass
        time.sleep(0.001)
    took = (cpu_time(engine) - before) / (time.monotonic() - start)
    print(f"{told} stories took {took:.0%} of the engine's time")
    check(told > 10 and took < 0.25, (told, took))
    start = time.monotonic()
    check(ask("explain nobody")[1]["end"] == "refused", "no such call")
    check(time.monotonic() - start < 3, "those who may change come first")


@scenario()
def every_answer_is_json(net):
    net.pinholed()
    c = connect(read_only=True)
    for begin in ("", "show ", "show summary ", "show calls state ",
                  "show calls address ", "show calls call ", "explain "):
        for byte in (b'"', b"\\", b"\x80", b"\xc2\x9b", b"\0", b"\x1b"):
            c.sock.sendall(begin.encode() + byte * (1000 // len(byte)) + b"\n")
            end = c.line()
            while "end" not in end:
                end = c.line()
    check(c.ask("show summary")[1] == {"end": "ok"}, "it serves")
    c.close()


@scenario()
def ten_thousand_calls_are_listed_in_a_second(net):
    d = net.pinholed(conf=conf("\tlimit calls 50000 per source 50000\n"
                           "\tmedia 192.0.2.0/24 port 1024:65535\n"))
    wire = signalling(net)
    # More events wait for it than may.
    watch = connect().sock
    watch.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    watch.sendall(b"monitor\n")
    for i in range(10000):
        Call(wire).set_up(sdp(PHONE, 2000 + 2 * (i % 30000)),
                          sdp(PBX, 2000 + 2 * (i % 30000)))
        if i % 50 == 49:
            until(lambda n=i: len(d.events) >= 2 * n, 20, "the engine")
    c = connect()
    until(lambda: len(c.show("calls")) == 10000, 30, "ten thousand calls")
    watch.settimeout(20)
    try:
        while watch.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        raise Failure("one that does not read events is kept") from None
    start = time.monotonic()
    n = len(c.show("calls"))
    took = time.monotonic() - start
    print(f"{n} calls listed in {took:.2f} s")
    check(took < 1, f"{n} calls took {took} s")
    start = time.monotonic()
    code, out, _ = run("show", "calls")
    took = time.monotonic() - start
    print(f"by pinholectl in {took:.2f} s")
    check(code == 0 and out.count("accepted") == n, (code, len(out)))
    check(took < 2, f"pinholectl took {took} s")  # sanitizers slow it down


def pinholectl(*argv, sock=None):
    tool = os.path.join(os.path.dirname(Daemon.binary), "..", "pinholectl",
                        "pinholectl")
    if not os.access(tool, os.X_OK):
        raise Unable("no pinholectl in this build")
    return [tool, "-s", sock or path(), *argv]


def run(*argv, sock=None):
    done = subprocess.run(pinholectl(*argv, sock=sock), capture_output=True,
                          text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


@scenario()
def pinholectl_says_it_in_words_and_exit_codes(net):
    code, _, err = run("show", "summary")
    check(code == 2 and path() in err, f"no daemon: {err}")
    d = net.pinholed()
    call, stream = call_with_media(net)
    known(connect(), 2)
    code, out, err = run("sh", "ca")
    check(code == 0 and PHONE in out and "accepted" in out, (code, out, err))
    # A heading above each list, and its words above the columns.
    for what, words in (("calls", "STATE FROM TO AGE MEDIA # CALL-ID"),
                        ("pinholes", "DIR PROTO FROM PORT TO PORTS AGE "
                         "MEDIA REASON ID CALL-ID"),
                        ("counters", "PROCESS COUNTER VALUE"),
                        ("tables", "TABLE ENTRIES")):
        head, *rows = run("show", what)[1].splitlines()
        check(head.split() == words.split(), head)
        for row in rows:
            last = head.rindex(words.rsplit(None, 1)[1])
            check(row[last - 1] == " " and row[last] != " ", (head, row))
    code, out, _ = run("-j", "show", "calls", "address", PHONE)
    check(code == 0 and list(json.loads(out)) == KEYS["calls"], out)
    code, _, err = run("frobnicate")
    check(code == 1 and "monitor" in err, err)
    code, _, err = run("close", "999999")
    check(code == 1 and "no such call" in err, err)
    code, _, err = run("reload", sock=path(True))
    check(code == 1 and "read-only" in err, err)
    code, out, err = run("show", "config")
    check(code == 0 and "protect { 192.0.2.0/24" in out, (out, err))
    with open(d.path + ".shown", "w", encoding="ascii") as f:
        f.write(out)
    net.run("fw", Daemon.binary, "-n", "-f", d.path + ".shown")
    code, out, err = run("explain", call.call_id)
    check(code == 0 and "INVITE" in out, (out, err))
    check(run("log", "verbose")[0] == 0, "log verbose")
    Call(call.wire).set_up(sdp(PHONE, 4100), sdp(PBX, 10100))
    check(run("log", "brief")[0] == 0, "log brief")
    code, out, err = run("reload")
    check((code, out) == (0, "reloaded\n"), (code, out, err))
    code, out, err = run("check")
    check(code == 0 and out.endswith("configuration OK\n"), (code, out))
    d.write(conf("\tport banana\n"))
    for verb in ("reload", "check"):
        code, out, err = run(verb)
        check(code == 1 and "banana" in out + err, (verb, code, out, err))
    check(run("close", call.call_id)[0] == 0, "close")
    stream.stops()
    stream.stop()
    d.stop()


@scenario()
def top_lives_through_a_restart(net):
    d = net.pinholed()
    _, stream = call_with_media(net)
    known(connect(), 2)
    argv = pinholectl("top")
    pid, tty = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(argv[0], argv)
    seen = []

    def shows(text):
        while select.select([tty], [], [], 0)[0]:
            try:
                seen.append(os.read(tty, 65536).decode(errors="replace"))
            except OSError:
                raise Failure("it ended: " + "".join(seen)) from None
        return text in "".join(seen)
    try:
        until(lambda: shows("calls 1  pinholes 2"), 5, "".join(seen))
        until(lambda: shows("accepted"), 5, "the call")
        os.write(tty, b"s")
        until(lambda: shows("state"), 5, "sorted by state")
        os.write(tty, b"\r")
        until(lambda: shows("INVITE"), 5, "the story of the call")
        os.write(tty, b"q")
        check(ask("reload")[1] == {"end": "ok"}, "a reload")
        del seen[:]
        os.write(tty, b"s")
        until(lambda: shows("from"), 5, "sorted by another column")
        os.write(tty, b"/203.0.113.1\r")
        time.sleep(3)  # it asks every second
        shows("")  # read all
        del seen[:]
        # curses sends only changes of the screen: the call was not on it before.
        os.write(tty, b"/\r")
        until(lambda: shows("accepted"), 5, "all calls")
        d.stop()
        until(lambda: shows("waiting for pinholed"), 5, "no daemon")
        del seen[:]
        net.pinholed()
        until(lambda: shows("pinholed"), 5, "the next daemon")
        os.write(tty, b"q")
        until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, 5, "its end")
    finally:
        os.close(tty)
        stream.stop()


@scenario()
def control_shows_when_a_pinhole_was_opened(net):
    """Also to one who asks only when another engine is at work."""
    d = net.pinholed()
    _, stream = call_with_media(net)
    opened = [(e["id"], e["ts"], e["reason"]) for e in d.events
              if e["event"] == "open"]
    check(len(opened) == 2, d.events)
    for disturb, said in ((lambda: d.proc.send_signal(signal.SIGHUP),
                           "reloaded"),
                          (lambda: d.kill("engine"), "the engine")):
        # Until the status process has dropped what it was told.
        time.sleep(0 if said == "reloaded" else 12)
        disturb()
        until(lambda text=said: any(text in line for line in d.log), 10, said)
        d.ready()
        c = connect()
        known(c, 2)
        shown = [(h["id"], h["ts"], h["reason"]) for h in c.show("pinholes")]
        check(shown == opened, (shown, opened))
        c.close()
    stream.stop()


def close_the_only(d, **what):
    """The one pinhole that is shown, by its id; its event says why."""
    c = connect()
    known(c, 1)
    hole = c.show("pinholes")[0]
    check(hole["call"] is None and hole["reason"] == "request", hole)
    check(c.ask(f"close {hole['id']}")[1] == {"end": "ok"}, "close")
    d.expect(event="close", reason="closed", id=hole["id"], **what)
    known(c, 0)
    check(c.ask(f"close {hole['id']}")[1]["end"] == "refused", "it is closed")
    c.close()


@scenario(needs=helpers.NEEDS, **helpers.CLOSED)
def control_closes_a_transfer_of_the_ftp_helper(net):
    with helpers.World(net, server_inside=True) as w:
        control = helpers.Control(w)
        ftpworld.listening(net, "in", PBX, 40000)
        control.client(b"PASV\r\n")
        control.server(b"227 (%s)\r\n" % six(PBX, 40000))
        w.d.expect(event="open", dport=40000)
        called = f"ftp/{PHONE}:{control.c.getsockname()[1]}/{PBX}:21"
        hole = w.d.seen(event="open", dport=40000)[0]["id"]
        for which in (called, str(hole)):
            story = [x["text"] for x in connect().show_story(which)]
            check(story[0] == called and
                  any("the server waits for the data" in x for x in story) and
                  any(f"opened {hole}: tcp" in x for x in story), story)
        close_the_only(w.d, dport=40000)
        story = [x["text"] for x in connect().show_story(called)]
        check(any("an administrator has closed it" in x for x in story), story)
        check(ftpworld.shut_out(net, "out", PHONE, (PBX, 40000)), "shut")
        # The session goes on, and may ask again.
        control.client(b"PASV\r\n")
        control.server(b"227 (%s)\r\n" % six(PBX, 40000))
        w.d.expect(2, event="open", dport=40000)
        check(ftpworld.connects(net, "out", PHONE, (PBX, 40000)), "again")
        w.clean()


@scenario(needs=helpers.TFTP_NEEDS, **helpers.CLOSED)
def control_closes_a_transfer_of_the_tftp_helper(net):
    with helpers.World(net) as w:
        phone = net.socket("in", PBX, 20000)
        server = net.socket("out", PHONE, 30000)
        net.socket("out", PHONE, 69)
        phone.sendto(b"\0\1SEP1\0octet\0", (PHONE, 69))
        w.d.expect(event="open", dst=PBX, dport=20000, src=PHONE)
        check(passes(server, phone, name(phone)), "the server")
        story = [x["text"] for x in connect().show_story(f"tftp/{PBX}:20000")]
        check(story[0] == f'tftp/{PBX}:20000/{PHONE} reads "SEP1"' and
              any("opened" in x for x in story), story)
        close_the_only(w.d, dport=20000)
        check(not passes(server, phone, name(phone), tries=1), "shut")
        w.clean()


@scenario(needs=ftpworld.NEEDS, nat=True, egress=False)
def control_closes_a_transfer_of_the_ftp_proxy(net):
    with ftpworld.World(net) as w:
        wire = ftpworld.Wire(w)
        ftpworld.listening(net, "out", PHONE, 40000)
        to = wire.passive()
        w.d.expect(event="open", proto="tcp")
        close_the_only(w.d, proto="tcp")
        check(ftpworld.shut_out(net, "in", PBX, to), "shut")
        wire.client(b"NOOP\r\n")
        wire.server(b"200 ok\r\n")
        to = wire.passive()
        check(ftpworld.connects(net, "in", PBX, to), "again")
        wire.close()
        w.clean()


@scenario(needs=tftpproxy.NEEDS, nat=True, egress=False)
def control_closes_a_transfer_of_the_tftp_proxy(net):
    with tftpproxy.World(net, options="timeout 30") as w:
        client = tftpproxy.Client(net, PBX, PHONE)
        client.fetch("SEP0014F2.cnf.xml")
        check(client.got == w.data["SEP0014F2.cnf.xml"], "the file")
        w.d.expect(event="open", dir="in", proto="udp")
        check(w.elements() > 0, "it is in the packet filter")
        hole = w.d.seen(event="open", dir="in")[0]["id"]
        # The status process hears of a pinhole up to 20 ms later.
        until(lambda: "the proxies have no stories" in
              ask(f"explain {hole}")[1]["error"], 1, "which is said")
        close_the_only(w.d, proto="udp")
        until(lambda: w.elements() == 0, 5, "it has left the packet filter")
        # Another one is not in the way of what was closed.
        again = tftpproxy.Client(net, PBX, PHONE).fetch("empty")
        check(again.error is None, again.error)
        w.d.expect(2, event="open", dir="in", proto="udp")


@scenario()
def pinholectl_shows_tables_and_their_entries(net):
    with tables.World(net) as w:
        for which, what in (("spammer", "203.0.113.7"),
                            ("spammer", "203.0.113.0/24"),
                            ("spammer", "100.64.0.0/10"),
                            ("blocked", "203.0.113.7")):
            w.client(which, "add", what)
        c = connect()

        def counts():
            return {x["table"]: x["entries"] for x in c.show("tables")}
        until(lambda: counts() == {"spammer": 3, "blocked": 1, "plain": 0}, 5,
              "the entries")
        shown = [x for x in c.show("tables address 203.0.113.7")
                 if "address" in x]
        check([(x["table"], x["address"]) for x in shown] ==
              [("spammer", "203.0.113.0/24"), ("spammer", "203.0.113.7"),
               ("blocked", "203.0.113.7")], shown)
        check(list(shown[0]) == ["table", "address", "expires"], shown)
        check(0 < shown[0]["expires"] - time.time() <= 600, shown)
        check(len(c.show("tables address 0.0.0.0/0")) == 3 + 4, "all of IPv4")
        out = run("show", "tables", "address", "100.64.0.1")[1]
        lines = [line.split() for line in out.splitlines()]
        check(lines[0] == ["TABLE", "ENTRIES"] and
              lines[1] == ["spammer", "3"] and
              lines[2][0] == "100.64.0.0/10" and
              re.match(r"9m5.s|10m00s", lines[2][1]), lines)
        w.client("spammer", "flush")
        until(lambda: counts()["spammer"] == 0, 5, "flushed")
