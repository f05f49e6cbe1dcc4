# SPDX-License-Identifier: ISC
"""A daemon as a service script starts it: in the background, with syslog."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from net import (Daemon, PBX, PHONE, Stream, check, conf, name, passes,
                 until)
from scenarios import media, scenario, signalling
from sip import Call, sdp

# A /dev of its own, in a private mount namespace: nobody else's log is read.
PRIVATE_DEV = """
mount --make-rprivate /dev 2>&1 || mount --make-rprivate /
mount -t tmpfs none /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/urandom c 1 9
touch /dev/log
mount --bind "$1" /dev/log
shift
exec "$@"
"""


class Background:
    """pinholed without -d, and whoever listens on its /dev/log."""

    def __init__(self, net, text):
        self.net = net
        self.log = []
        self.config = f"/run/{net.tag}.conf"
        self.pidfile = f"/run/{net.tag}.pid"
        self.write(text)
        path = f"/run/{net.tag}.log"
        self.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.syslog.bind(path)
        threading.Thread(target=self._read, daemon=True).start()
        done = subprocess.run(
            ["unshare", "-m", "--propagation", "unchanged", *net.enter("fw"), "sh", "-ec", PRIVATE_DEV, "sh",
             path, os.path.abspath(Daemon.binary), "-o", "json", "-f",
             self.config, "-p", self.pidfile],
            capture_output=True, text=True, timeout=30, check=False)
        check(done.returncode == 0, f"started: {done}")
        with open(self.pidfile, encoding="ascii") as f:
            self.pid = int(f.read())

    def write(self, text):
        with open(self.config, "w", encoding="ascii") as f:
            f.write(text)

    def _read(self):
        while True:
            line = self.syslog.recv(8192).decode()
            # "<30>Nov 21 12:00:00 pinholed[7]: sentence"
            self.log.append(re.sub(r"^<\d+>.*?pinholed\[\d+\]: ", "", line))

    def events(self, **want):
        found = [json.loads(line) for line in self.log if line[0] == "{"]
        return [e for e in found
                if all(e.get(k) == v for k, v in want.items())]

    def says(self, text, times=1, seconds=5):
        until(lambda: sum(text in line for line in self.log) >= times,
              seconds, f"{times} times {text!r} in {self.log}")

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        until(lambda: not os.path.exists(self.pidfile), 10, "TERM ends it")

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


@scenario(needs=("unshare", "mount"))
def the_system_log_hears_everything(net):
    d = Background(net, conf())
    wire = signalling(net)
    try:
        for n in range(3):
            p, m = media(net, phone_port=4000 + 2 * n, pbx_port=10000 + 2 * n)
            call = Call(wire).set_up(sdp(PHONE, 4000 + 2 * n),
                                     sdp(PBX, 10000 + 2 * n))
            until(lambda: passes(p, m, name(m), tries=1), 2, "a call")
            call.hang_up()
            until(lambda: not passes(p, m, name(m), tries=1), 2, "its end")
            for event in ("open", "close"):
                for way in ("in", "out"):
                    until(lambda: len(d.events(event=event, dir=way)) == n + 1,
                          2, f"every {event} {way}: {d.log}")
            if n < 2:
                os.kill(d.pid, signal.SIGHUP)
                d.says("monitor: reloaded", n + 1)
        d.stop()
        d.says("monitor: stopped")
        check(not any("gone" in line for line in d.log), d.log)
    finally:
        d.kill()


@scenario()
def nothing_is_gone_that_was_told_to_go(net):
    d = net.pinholed("-v")
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: any("reloaded" in line for line in d.log), 5, d.log)
    d.stop()
    check(not any("gone" in line for line in d.log), d.log)


@scenario()
def a_process_that_dies_is_named_once(net):
    d = net.pinholed()
    pid = d.kill("firewall")
    until(lambda: any("gone" in line for line in d.log), 5, d.log)
    d.stop()
    check(not any("gone: gone" in line for line in d.log), d.log)
    check(any(f"firewall process {pid} is gone: killed" in line
              for line in d.log), d.log)


@scenario()
def killing_all_loses_no_call(net):
    d = net.pinholed()
    # The first copy of the state is made, and has no call in it.
    time.sleep(2)
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    was = d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    d.kill_all()
    new = net.pinholed()
    stream.flows()
    check(max(stream.gap) < 0.25, f"media never stopped: {stream.gap}")
    check(not new.seen(event="open"), "nothing is opened anew")
    call.hang_up()
    new.expect(event="close", id=was["id"], reason="bye")
    stream.stops()
    stream.stop()


@scenario()
def a_state_file_belongs_to_one(net):
    d = net.pinholed()
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    time.sleep(1.5)
    other = conf().replace("firewall nftables",
                           'firewall nftables table "other" mark 0x20000')
    second = net.pinholed(conf=other, wait=False)
    check(second.proc.wait(10) == 2, "exit status 2")
    until(lambda: any(f"belongs to process {d.proc.pid}" in line
                      for line in second.log), 1, second.log)
    # Neither does one that only tries, which has none at all.
    third = net.pinholed("-b", "dry-run", conf=conf())
    time.sleep(1.5)
    third.stop()
    d.stop()
    for path in net.kept():
        os.unlink(path)
    new = net.pinholed()
    new.expect(2, event="open", dir="in", call=call.call_id)
    check(passes(p, m, name(m)), "the call is where it was")


@scenario()
def what_a_reload_forbids_is_closed_with_an_event(net):
    d = net.pinholed()
    wire = signalling(net)
    p, m = media(net)
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    opened = [d.expect(event="open", dir=way) for way in ("in", "out")]
    stream = Stream(p, m)
    stream.flows()
    # Fewer ports: the pinhole in is forbidden, the call goes on.
    d.write(conf("\tmedia { 192.0.2.0/24 } port 12000:20000\n"))
    d.proc.send_signal(signal.SIGHUP)
    d.expect(5, event="close", id=opened[0]["id"], reason="policy",
             call=call.call_id)
    stream.stops()
    stream.stop()
    # No SIP at all.
    d.write(conf().split("sip {")[0] + "tftp {}\nfirewall nftables\n"
            f'state "/run/{net.tag}.state"\n')
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: sum("reloaded" in line for line in d.log) == 2, 5, d.log)
    d.expect(2, event="close", id=opened[1]["id"], reason="policy")
    d.proc.send_signal(signal.SIGUSR1)
    until(lambda: any("engine: pinholes 0" in line for line in d.log), 2,
          d.log)
    check(not any("refused" in line and not re.search(r"refused\w* 0$", line)
                  for line in d.log), d.log)
    # The call is forgotten: neither a crash nor SIP's return brings it back.
    seen = len(d.events)
    was = d.kill("engine")
    until(lambda: d.children().get("engine") not in (None, was), 5, d.log)
    d.write(conf())
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: sum("reloaded" in line for line in d.log) == 3, 5, d.log)
    time.sleep(0.5)
    check(len(d.events) == seen, f"nothing more: {d.events[seen:]}")
    until(lambda: Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000)) and
          passes(p, m, name(m), tries=1), 3, "the next call")
