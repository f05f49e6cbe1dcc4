# SPDX-License-Identifier: ISC
"""Processes that die, are replaced, are told to go.  Each is one test."""
import contextlib
import os
import signal
import socket
import subprocess
import time

from net import (Daemon, FW_IN, Failure, PBX, PHONE, Stream, check, conf, name, passes,
                 sh, until)
from scenarios import closes, media, scenario, signalling
from sip import Call, sdp
from status import counters


def call_with_media(net, d):
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    return call, stream


def next_call(net, wire, port=4100):
    q, n = media(net, phone_port=port, pbx_port=port + 6000)
    Call(wire).set_up(sdp(PHONE, port), sdp(PBX, port + 6000))
    until(lambda: passes(q, n, name(n), tries=1), 2, "the next call")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def ended(pids, seconds=5):
    until(lambda: not any(alive(p) for p in pids), seconds,
          f"the end of {pids}")


def tables(net):
    return net.run("fw", "nft", "list", "tables")


def orphans(net, d):
    pids = d.children()
    d.kill("monitor")
    d.proc.wait(5)
    until(lambda: sum("carrying on" in line for line in d.log) == 2, 2,
          f"both say so: {d.log}")
    return pids


@scenario()
def a_new_daemon_takes_over_from_orphans(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    left = orphans(net, d)
    stream.flows()
    stream.stop()
    new = net.pinholed()
    ended(left.values())
    check(any("taking over" in line for line in new.log), new.log)
    next_call(net, call.wire)
    new.stop()
    check("pinholed" not in tables(net), "TERM removes what is ours")


@scenario()
def a_second_daemon_is_refused(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    second = net.pinholed(wait=False)
    check(second.proc.wait(5) == 2, "exit status 2")
    until(lambda: any(f"already running as process {d.proc.pid}" in line
                      for line in second.log), 1, second.log)
    stream.flows()
    call.hang_up()
    stream.stops()
    stream.stop()


@scenario(egress=False)
def orphans_can_be_told_to_close(net):
    d = net.pinholed()
    _, stream = call_with_media(net, d)
    left = orphans(net, d)
    os.kill(left["engine"], signal.SIGTERM)
    d.expect(2, event="close", dir="in", reason="shutdown")
    os.kill(left["firewall"], signal.SIGTERM)
    ended(left.values())
    stream.stops()
    stream.stop()
    check("pinholed" not in tables(net), "nothing of ours is left")


@scenario()
def children_heed_term_only_without_a_monitor(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    before = d.children()
    for pid in before.values():
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGHUP)
    time.sleep(0.5)
    check(d.children() == before, "they are the monitor's to stop")
    stream.flows()
    call.hang_up()
    stream.stops()
    stream.stop()


@scenario(egress=False)
def the_last_process_closes_and_goes(net):
    d = net.pinholed(conf=conf("\ttimeout idle 3\n"))
    _, stream = call_with_media(net, d)
    left = d.children()
    d.kill("monitor")
    os.kill(left["engine"], signal.SIGKILL)
    stream.flows()
    ended(left.values(), 10)
    stream.stops()
    stream.stop()
    check("pinholed" not in tables(net), "nothing of ours is left")


@scenario()
def both_children_die_at_once(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    before = d.children()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(d.children()) == 2 and
          not set(d.children().values()) & set(before.values()), 3,
          f"two others; log {d.log}")
    time.sleep(0.5)
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    call.hang_up()
    d.expect(2, event="close", dir="in", reason="bye")
    stream.stops()
    stream.stop()


@scenario()
def who_hangs_is_replaced(net):
    """An engine and a proxy are stopped: after 22 seconds others have taken
    their places, the call never lost its media, and its BYE is heard."""
    d = net.pinholed(conf=conf(more=f"ftp {{ proxy on {FW_IN} port 8021 }}\n"))
    call, stream = call_with_media(net, d)
    hung = {role: d.kill(role, signal.SIGSTOP)
            for role in ("engine", "proxy")}
    begin = time.monotonic()
    until(lambda: all(d.children().get(r, pid) != pid
                      for r, pid in hung.items()), 40, "others")
    took = time.monotonic() - begin
    check(15 < took, f"{took} s")
    check(not d.seen(event="close"), "nothing closed")
    stream.flows()
    for role in hung:
        check(any(f"the {role} process took too long" in line
                  for line in d.log), role)
    next_call(net, call.wire)
    call.hang_up()
    d.expect(event="close", reason="bye")
    stream.stop()


@scenario()
def who_keeps_dying_waits_longer(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    end = time.monotonic() + 3
    killed = set()
    while time.monotonic() < end:
        pid = d.children().get("engine")
        if pid is not None:
            # The last one that was killed may be gone only now.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        time.sleep(0.01)
    check(3 <= len(killed) <= 8, f"{len(killed)} engines in 3 s")
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    until(lambda: "engine" in d.children(), 15, "in the end there is one")
    time.sleep(1)
    next_call(net, call.wire)
    stream.stop()


@scenario()
def a_reload_may_change_the_table(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    d.write(conf().replace("firewall nftables",
                           'firewall nftables table "second"'))
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: any("reloaded" in line for line in d.log), 5, d.log)
    found = tables(net)
    check("second" in found and "pinholed" not in found, found)
    stream.flows()
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    stream.stops()
    stream.stop()


@scenario()
def reloads_do_not_get_in_each_others_way(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    for _ in range(5):
        d.proc.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    time.sleep(2)
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    check(len(d.children()) == 2, "two children")
    # A reload whose processes cannot be started changes nothing.
    before = d.children()
    found = tables(net)
    d.write(conf().replace("interface i0", "interface nope0")
            .replace("firewall nftables",
                     'firewall nftables table "second"'))
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: any("not reloaded" in line for line in d.log), 5, d.log)
    time.sleep(0.3)
    check(d.children() == before, "the old ones are still there")
    check(tables(net) == found, f"and nothing new: {tables(net)}")
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    call.hang_up()
    d.expect(event="close", dir="in", reason="bye")
    stream.stops()
    stream.stop()


def run_once(net, text, *argv):
    path = f"/run/{net.tag}.once.conf"
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    done = subprocess.run([*net.enter("fw"), Daemon.binary, "-f", path, *argv],
                          capture_output=True, text=True, timeout=30,
                          check=False)
    return done.returncode, done.stderr.replace(path, "F")


@scenario()
def a_check_finds_what_a_start_would(net):
    mine = net.socket("fw", FW_IN, 6969)
    net.run("fw", "nft", "add", "table", "inet", "taken")
    before = net.run("fw", "nft", "list", "ruleset")
    proxy = 'tftp {{ proxy on {} }}'.format
    for text, said in (
            (conf().replace("interface i0", "interface nope0"),
             "F:2:11: no such interface: nope0"),
            (conf(more="user nope1"), "F:10:1: no such user: nope1"),
            (conf().replace("interface i0", "").replace(
                "192.0.2.0/24 2001:db8:2::/64", "203.0.113.0/24"),
             "F:3:1: no interface reaches the hosts of `protect`"),
            (conf().replace("firewall nftables",
                            'firewall nftables table "taken"'),
             "there is a table inet taken that is not ours"),
            (conf(more=proxy(f"{FW_IN} port 6969")),
             f"F:10:17: tftp proxy: cannot listen on {FW_IN}:6969"),
            (conf(more='tables { listen on 127.0.0.1 port 5353 allow a\n'
                  'key "/nonexistent" }'),
             "F:11:5: /nonexistent: No such file")):
        code, why = run_once(net, text, "-n")
        check(code == 1 and said in why, f"{said}: exit {code}, {why}")
        code, why = run_once(net, text, "-d")
        check(code != 0, f"it starts, though: {said}")
        check(said in why, f"a start says otherwise: {why}")
    check(net.run("fw", "nft", "list", "ruleset") == before, "nothing changed")
    mine.close()
    good = conf(more=proxy(f"{FW_IN} port 6969"))
    code, why = run_once(net, good, "-n")
    check(code == 0, why)
    # -n does not mind sockets that a running daemon of the same kind uses.
    net.pinholed(conf=good)
    code, why = run_once(net, good, "-n")
    check(code == 0, why)
    # An address that may come later.
    code, why = run_once(net, conf(more=proxy("203.0.113.9 port 6969")), "-n")
    check(code == 0 and "F:10:17: no interface of this host has the address "
          "203.0.113.9" in why, why)


@scenario()
def the_kernels_own_helper_for_sip_is_told_of(net):
    said = "nf_conntrack_sip, nf_nat_sip) is at work"
    _, why = run_once(net, conf(), "-n")
    check(said not in why, why)
    net.run("fw", "nft", "-f", "-", text="""
        table inet helped {
            ct helper calls { type "sip" protocol udp; }
            chain prerouting {
                type filter hook prerouting priority filter
                udp dport 5060 ct helper set "calls"
            }
        }
        """)
    code, why = run_once(net, conf(), "-n")
    check(code == 0, f"it is a warning: {why}")
    check(said in why, why)
    check('    udp dport 5060 ct helper set "calls"\n' in why, why)
    d = net.pinholed()
    until(lambda: any(said in line for line in d.log), 5, d.log)
    _, why = run_once(net, conf().replace("sip {", "ftp {"), "-n")
    check(said not in why, why)


@scenario(extra="accept")
def what_protect_and_port_lack_is_said(net):
    def said(d, text):
        until(lambda: any(text in line for line in d.log), 9, d.log)
    d = net.pinholed(conf=conf().replace(
        "192.0.2.0/24 2001:db8:2::/64", "203.0.113.0/24"))
    wire = signalling(net)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    Call(wire).set_up(sdp(PHONE, 4002), sdp(PBX, 10002))
    said(d, "none to or from a protected host: ")
    check(not d.events, d.events)
    time.sleep(6)
    hints = [line for line in d.log if "protected host" in line]
    check(len(hints) == 1, hints)
    d.stop()
    d = net.pinholed(conf=conf("\tport 5070\n"))
    Call(wire).set_up(sdp(PHONE, 4004), sdp(PBX, 10004))
    said(d, "SIP messages on ports that are not in `port`: 5060")
    d.stop()
    # Strangers' messages are no reason for a hint if we have calls of our own.
    d = net.pinholed()
    Call(wire).set_up(sdp(PHONE, 4006), sdp(PBX, 10006))
    time.sleep(6)
    check(not any("SIP messages" in line for line in d.log), d.log)


@scenario()
def in_the_background(net):
    pidfile = f"/run/{net.tag}.pid"
    config = f"/run/{net.tag}.conf"
    binary = os.path.abspath(Daemon.binary)

    def start():
        return subprocess.run(
            [*net.enter("fw"), binary, "-f", config,
             "-p", pidfile], cwd="/tmp", capture_output=True, text=True,
            timeout=30, check=False)
    with open(config, "w", encoding="ascii") as f:
        f.write(conf().replace("interface i0", "interface nope0"))
    done = start()
    check(done.returncode == 1, f"no such interface: {done}")
    check("nope0" in done.stderr, done.stderr)
    with open(config, "w", encoding="ascii") as f:
        f.write(conf())
    done = start()
    check(done.returncode == 0, f"started: {done}")
    with open(pidfile, encoding="ascii") as f:
        pid = int(f.read())
    try:
        # When the parent says so, it works.
        next_call(net, signalling(net))
        again = start()
        check(again.returncode == 2 and str(pid) in again.stderr, again)
        for fd in os.listdir(f"/proc/{pid}/fd"):
            where = os.readlink(f"/proc/{pid}/fd/{fd}")
            check("pipe" not in where and "tty" not in where,
                  f"descriptor {fd} is {where}")
        os.kill(pid, signal.SIGTERM)
        until(lambda: not os.path.exists(pidfile), 5, "TERM ends it")
        check("pinholed" not in tables(net), "and closes everything")
    finally:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        os.unlink(config)


@scenario()
def the_service_manager_is_told(net):
    path = f"/run/{net.tag}.notify"
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(path)
    told.settimeout(5)
    os.environ["NOTIFY_SOCKET"] = path
    try:
        d = net.pinholed()
        check(told.recv(200) == b"READY=1\n", "ready")
        d.proc.send_signal(signal.SIGHUP)
        check(told.recv(200).startswith(b"RELOADING=1\nMONOTONIC_USEC="),
              "reloading")
        check(told.recv(200) == b"READY=1\n", "ready again")
        d.stop()
        check(told.recv(200) == b"STOPPING=1\n", "stopping")
        os.environ["WATCHDOG_USEC"] = "600000"
        d = net.pinholed()
        alive = []
        until = time.monotonic() + 2
        while time.monotonic() < until:
            alive.append(told.recv(200))
        check(4 <= alive.count(b"WATCHDOG=1\n") <= 9,
              f"alive every 0.3 s: {alive}")
        check(set(alive) == {b"READY=1\n", b"WATCHDOG=1\n"}, f"{alive}")
        d.stop()
    finally:
        os.environ.pop("WATCHDOG_USEC", None)
        del os.environ["NOTIFY_SOCKET"]
        told.close()
        os.unlink(path)


@scenario()
def an_interface_goes_and_comes_back(net):
    d = net.pinholed()
    wire = signalling(net)
    next_call(net, wire)
    fw, inside = f"{net.tag}-fw", f"{net.tag}-in"
    before = d.children()["engine"]
    net.ip("fw", "link", "del", "i0")
    time.sleep(3)
    check("firewall" in d.children(), "the firewall process stays")
    check(d.proc.poll() is None, "the monitor stays")
    sh("ip", "link", "add", "i0", "netns", fw, "type", "veth", "peer", "name",
       "eth0", "netns", inside)
    for where, dev, addr in (("fw", "i0", "192.0.2.1/24"),
                             ("in", "eth0", f"{PBX}/24")):
        net.ip(where, "addr", "add", addr, "dev", dev)
        net.ip(where, "link", "set", dev, "up")
    net.ip("in", "route", "add", "default", "via", "192.0.2.1")
    until(lambda: d.children().get("engine") not in (None, before), 6,
          f"another engine; {d.log}")
    time.sleep(1)
    next_call(net, wire, 4200)


@scenario()
def counters_on_request(net):
    d = net.pinholed()
    call_with_media(net, d)[1].stop()
    # The firewall process tells the engine its counters every second.
    time.sleep(1.5)
    d.proc.send_signal(signal.SIGUSR1)
    until(lambda: any("filter_open 2" in line for line in d.log), 2,
          d.log)


GAUGES = ("calls", "calls_accepted", "pinholes", "pinholes_in_filter",
          "sip_bytes", "filter_open", "filter_wanted")


def not_back(before, done, when):
    """From now until `done`, and then for a second, nothing is less."""
    end = None
    for _ in range(200):
        after = counters()
        for k, v in after.items():
            check(v >= before.get(k, 0) or k in GAUGES,
                  f"{k} {when}: {v} after {before.get(k)}")
        if end is None and done(after):
            end = time.monotonic() + 1
        if end and time.monotonic() > end:
            break
        time.sleep(0.05)
    check(end is not None, f"what was to happen {when}: {after}")
    check(before.keys() == after.keys(), f"the same names {when}")
    for k in ("calls_total", "pinholes_opened", "pinholes",
              "pinholes_in_filter"):
        check(after[k] == before[k], f"{k} {when}: {after[k]}, {before[k]}")
    return after


@scenario()
def counters_do_not_go_back(net):
    d = net.pinholed()
    call, stream = call_with_media(net, d)
    until(lambda: counters().get("filter_open", 0) > 0, 3, "what fw counted")
    seen = counters()
    check(seen["calls_total"] == 1 and seen["sip_messages"] >= 2 and
          seen["pinholes"] == seen["pinholes_opened"] >= 2, seen)
    check(seen["filter_commits"] == seen["commit_us_count"] >= 1 and
          1 <= seen["setup_us_count"] <= 2 and
          0 < seen["setup_us_sum"] < 1000000, seen)

    d.proc.send_signal(signal.SIGHUP)
    seen = not_back(seen, lambda _: any("reloaded" in x for x in d.log),
                    "over a reload")
    for n in range(2):
        pid = d.kill("engine")
        seen = not_back(seen, lambda _, p=pid: d.children().get("engine", p) !=
                        p, f"over kill -9 number {n + 1}")
    d.kill("firewall")
    was = seen["filter_commits"]
    seen = not_back(seen, lambda now: now.get("filter_commits", 0) > was,
                    "over kill -9 of the firewall process")

    call.hang_up()
    stream.stops()
    stream.stop()
    d.expect(event="close", dir="in")
    until(lambda: counters()["pinholes"] == 0 and
          counters()["pinholes_in_filter"] == 0, 3, "what has closed")
    seen = counters()
    check(seen["pinholes_closed"] == seen["pinholes_opened"], seen)
    d.stop()
    net.pinholed()
    not_back(seen, lambda now: "filter_commits" in now, "over a restart")


@scenario()
def term_while_starting(net):
    for wait in (0, 0.02, 0.05, 0.1, 0.2):
        d = net.pinholed(wait=False)
        time.sleep(wait)
        d.proc.send_signal(signal.SIGTERM)
        d.proc.wait(10)
        check(d.proc.returncode in (0, -signal.SIGTERM), d.proc.returncode)
        try:
            check("pinholed" not in tables(net), f"after {wait} s")
        except Failure:
            print(d.log)
            raise


@scenario()
def two_capabilities_less(net):
    """Without CAP_SYS_CHROOT, Landlock takes the files away; without CAP_KILL,
    a process that hangs is ended nevertheless."""
    less = ["setpriv", "--bounding-set=-sys_chroot,-kill"]
    d = net.pinholed(before=less)
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(passes(p, m, name(m)), "a call")
    engine = d.kill("engine", signal.SIGSTOP)
    d.proc.send_signal(signal.SIGTERM)
    check(d.proc.wait(15) == 0, "it ends")
    check(not os.path.exists(f"/proc/{engine}"), "so does what hangs")
    until(lambda: any("took too long" in line for line in d.log), 1, "told")
    closes(p, m)

