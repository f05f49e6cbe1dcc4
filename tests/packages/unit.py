#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The installed units, under the systemd of this machine, as its user would:
a call through pinholed.service, and a file through pinholed-tftp.socket.

The firewall is a network namespace that the units are told to be in; all else
about them is as it was installed.  Writes /etc/pinholed.conf and puts back what
was there.

usage: unit.py [COMMAND]	which is run during the call, as an upgrade
"""
import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "live"))

import net  # noqa: E402
from net import FW_IN, HOST, PBX, PHONE, Stream, check, sh, until  # noqa: E402
from sip import Call, Wire, sdp  # noqa: E402

CONF = "/etc/pinholed.conf"
TFTP_CONF = "/etc/pinholed-tftp.conf"
TEXT = """
interface i0
protect 192.0.2.0/24
"""
TFTP_TEXT = f"""
interface i0
protect 192.0.2.0/24
tftp {{ proxy on {FW_IN} port 6969 timeout 2 }}
firewall nftables table "pinholed-tftp" mark 0x20000
"""
PROXIED = f"""
add rule inet filter forward meta mark & 0x20000 == 0x20000 accept
add rule inet filter input udp dport 6969 accept
table inet proxied {{
    chain prerouting {{
        type nat hook prerouting priority dstnat
        iifname "i0" udp dport 69 redirect to :6969
    }}
}}
"""
STATUS_TEXT = TEXT + "status { listen on 127.0.0.1 port 9508 }\n"
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup",
          "--clear-groups"]
WITH_IP = "/usr/share/pinholed/with-ip.conf"


def say(text):
    print(text, flush=True)


@contextlib.contextmanager
def written(path, text):
    """That file has that text meanwhile."""
    before = None
    if os.path.exists(path):
        with open(path, encoding="ascii") as f:
            before = f.read()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    try:
        yield
    finally:
        if before is None:
            os.unlink(path)
        else:
            with open(path, "w", encoding="ascii") as f:
                f.write(before)


@contextlib.contextmanager
def dropin(unit, text):
    with written(f"/run/systemd/system/{unit}.d/test.conf", text):
        sh("systemctl", "daemon-reload")
        try:
            yield
        finally:
            subprocess.run(["systemctl", "stop", unit], check=False)


def is_active(unit):
    return subprocess.run(["systemctl", "-q", "is-active", unit],
                          check=False).returncode == 0


def show(unit, what):
    return sh("systemctl", "show", "-P", what, unit).strip()


def tables(world):
    return world.run("fw", "nft", "list", "tables")


def media(world):
    a = world.socket("out", PHONE, 4000)
    b = world.socket("in", PBX, 10000)
    return Stream(a, b)


def play_call(world, command):
    unit = "pinholed.service"
    sh("systemctl", "start", unit)
    until(lambda: is_active(unit), 5, f"{unit} is active")
    check("inet pinholed" in tables(world), "its table is in the kernel")
    wire = Wire(world.socket("out", PHONE, 5060),
                world.socket("in", PBX, 5060))
    call = Call(wire)
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    stream = media(world)
    stream.flows()
    say("media flows during the call")
    shown = json.loads(sh("pinholectl", "-j", "show", "calls"))
    check(shown["state"] == "accepted", shown)
    sh(*NOBODY, "pinholectl", "show", "summary")
    guarded()
    say("pinholectl shows the call, and the sum to anybody")
    sh("systemctl", "reload", unit)
    time.sleep(1)
    stream.flows()
    say(f"and after a reload; the longest gap {max(stream.gap):.3f} s")
    if command:
        before = show(unit, "MainPID")
        stream.gap = [0.0, 0.0]
        lost = stream.lost()
        done = subprocess.run(command, shell=True, check=False)
        check(done.returncode == 0, f"{command}: {done.returncode}")
        until(lambda: is_active(unit), 10, "it is active again")
        time.sleep(2)
        check(show(unit, "MainPID") != before, "a new process")
        stream.flows()
        lost = [b - a for a, b in zip(lost, stream.lost())]
        say(f"and after the command; lost {lost} of "
            f"{stream.sent} packets, the longest gap {max(stream.gap):.3f} s")
        check(lost == [0, 0], "media was lost")
    call.hang_up()
    stream.stops()
    say("it stops with the BYE")
    stream.stop()
    check(int(show(unit, "NRestarts")) == 0, "no crash")
    sh("systemctl", "stop", unit)
    check("inet pinholed" not in tables(world), "and closes everything")
    check(show(unit, "Result") == "success", "it ends well")


def play_tftp(world):
    world.run("fw", "nft", "-f", "-", text=PROXIED)
    sh("systemctl", "start", "pinholed-tftp.socket")
    client = world.socket("in", HOST, 3000)
    server = world.socket("out", PHONE, 69)
    port = world.socket("out", PHONE, 3001)
    client.sendto(b"\0\1file\0octet\0", (PHONE, 69))
    data, back = server.recvfrom(512)
    check(data == b"\0\1file\0octet\0", "the request arrives")
    port.sendto(b"\0\3\0\1text", back)
    data, _ = client.recvfrom(512)
    check(data == b"\0\3\0\1text", "and what it asked for")
    say("a file comes by the TFTP proxy on demand")
    until(lambda: not is_active("pinholed-tftp.service"), 20, "it ends")
    check(show("pinholed-tftp.service", "Result") == "success", "well")
    check(is_active("pinholed-tftp.socket"), "the socket stays")


def security(unit, most):
    """The score of systemd-analyze; doc/packaging.md explains what is left."""
    text = sh("systemd-analyze", "security", "--no-pager", unit)
    score = re.search(r"exposure level for \S+ ([0-9.]+)", text)[1]
    say(f"systemd-analyze security: {unit} {score}")
    check(float(score) <= most, "more exposed than it was")


def guarded():
    """No other user of this machine may read or change our files."""
    for top in ("/run/pinholed", "/var/lib/pinholed"):
        for path in [top] + [os.path.join(d, n) for d, dirs, names in
                             os.walk(top) for n in dirs + names]:
            st = os.lstat(path)
            most = {stat.S_IFSOCK: 0o660, stat.S_IFDIR: 0o755}.get(
                stat.S_IFMT(st.st_mode), 0o600)
            if path.endswith(".sock.ro"):
                most = 0o666
            check(st.st_uid == 0 and stat.S_IMODE(st.st_mode) & ~most == 0,
                  f"{path}: owner {st.st_uid}, mode {st.st_mode:o}")
    check(stat.S_IMODE(os.stat("/var/lib/pinholed").st_mode) == 0o700, "state")
    for verb in (["reload"], ["close", "1"], ["log", "verbose"]):
        for sock in ([], ["-s", "/run/pinholed/pinholed.sock.ro"]):
            r = subprocess.run(NOBODY + ["pinholectl", *sock, *verb],
                               check=False, stderr=subprocess.DEVNULL)
            check(r.returncode != 0, f"nobody may {verb} by {sock}")
    say("nobody may change anything")


def play_status(world, where):
    """A statement that needs IP: refused with a word, until it is there."""
    unit = "pinholed.service"
    with written(CONF, STATUS_TEXT):
        with dropin(unit, where):
            r = subprocess.run(["systemctl", "start", unit], check=False)
            check(r.returncode != 0, "it starts without IP")
            said = sh("journalctl", "-n", "20", "--no-pager", "-u", unit)
            check("with-ip.conf" in said, said)
            sh("systemctl", "reset-failed", unit)
        with open(WITH_IP, encoding="ascii") as f:
            with_ip = f.read()
        with dropin(unit, where + with_ip):
            security(unit, 2.5)
            sh("systemctl", "start", unit)
            text = world.run("fw", "python3", "-c", "import urllib.request as u"
                             "; print(u.urlopen('http://127.0.0.1:9508/metrics')"
                             ".read().decode())")
            check("pinholed_calls" in text, text)
    say("metrics come once the service may use IP")


def main():
    security("pinholed.service", 2.0)
    security("pinholed-tftp.service", 2.5)
    world = net.Net(egress=False)
    where = f"[Service]\nNetworkNamespacePath=/run/netns/{world.tag}-fw\n"
    try:
        with written(CONF, TEXT), dropin("pinholed.service", where):
            play_call(world, " ".join(sys.argv[1:]))
        play_status(world, where)
        at = where.replace("Service", "Socket") + \
            f"ListenDatagram=\nListenDatagram={FW_IN}:6969\n"
        with written(TFTP_CONF, TFTP_TEXT), \
                dropin("pinholed-tftp.service", where), \
                dropin("pinholed-tftp.socket", at):
            play_tftp(world)
    except Exception:
        subprocess.run(["journalctl", "-n", "60", "--no-pager"], check=False)
        raise
    finally:
        world.close()
    say("unit.py: OK")


if __name__ == "__main__":
    main()
