#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A call through a firewall that firewalld keeps, with our rule in its chain;
and through `firewall-cmd --reload`.

firewalld and the bus that it needs run in a network namespace, with files of
their own.  Needs root, firewalld and dbus-daemon.

usage: firewalld.py PINHOLED
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "live"))

import net  # noqa: E402
from net import PBX, PHONE, Stream, check, name, passes, until  # noqa: E402
from sip import Call, Wire, sdp  # noqa: E402

CHAIN = "inet firewalld filter_FORWARD"
HOOK = f'firewall nftables hook "{CHAIN}"'
RULE = "kept here by pinholed"
ZONES = {"public": "o0", "internal": "i0"}
# Not the service "sip": that gives calls to the kernel's own helper.
POLICY = """<policy target="CONTINUE">
  <ingress-zone name="public"/><egress-zone name="internal"/>
  <port port="5060" protocol="udp"/>
</policy>
"""


class Firewalld:
    def __init__(self, world, folder):
        self.world, self.folder = world, folder
        self.log = f"{folder}/log"
        self.env = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS="unix:path="
                        f"{folder}/bus")
        self.procs = []
        for sub in "zones", "policies":
            os.makedirs(f"{folder}/etc/{sub}")
        for zone, port in ZONES.items():
            self.write(f"zones/{zone}.xml",
                       f'<zone><interface name="{port}"/></zone>\n')
        self.write("policies/calls.xml", POLICY)
        shutil.copy("/etc/firewalld/firewalld.conf", f"{folder}/etc")
        self.start("dbus-daemon", "--system", "--nofork", "--nopidfile",
                   f"--address=unix:path={folder}/bus")
        until(lambda: os.path.exists(f"{folder}/bus"), 5, "a bus")
        self.start("firewalld", "--nofork", "--nopid", "--system-config",
                   f"{folder}/etc", "--log-file", self.log)
        until(lambda: self.cmd("--state", wrong=True) == "running\n", 30,
              "firewalld running")

    def write(self, path, text):
        with open(f"{self.folder}/etc/{path}", "w", encoding="ascii") as f:
            f.write(text)

    def start(self, *argv):
        self.procs.append(subprocess.Popen(
            [*self.world.enter("fw"), *argv], env=self.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def cmd(self, *argv, wrong=False):
        done = subprocess.run(
            [*self.world.enter("fw"), "firewall-cmd", *argv], env=self.env,
            capture_output=True, text=True, timeout=60, check=False)
        check(wrong or done.returncode == 0, f"{argv}: {done.stderr}")
        return done.stdout

    def close(self):
        for p in reversed(self.procs):
            p.terminate()
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


def first_rule(world):
    lines = world.run("fw", "nft", "list", "chain", *CHAIN.split())
    return lines.splitlines()[3]


def rules_of_ours(world):
    return world.run("fw", "nft", "list", "ruleset").count(RULE)


def check_conf(world, path):
    return subprocess.run([*world.enter("fw"), net.Daemon.binary, "-n", "-f",
                           path], capture_output=True, text=True,
                          check=False).stderr


def conf(hook):
    # No address of the firewall itself, so that one chain is all it takes.
    text = net.conf().replace("192.0.2.0/24 2001:db8:2::/64", PBX)
    return text.replace("firewall nftables", HOOK) if hook else text


def play(world, manager):
    a, b = world.socket("out", PHONE, 4000), world.socket("in", PBX, 10000)
    wire = Wire(world.socket("out", PHONE, 5060),
                world.socket("in", PBX, 5060))
    d = world.pinholed(conf=conf(False))
    call = Call(wire)
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    check(not passes(a, b, name(b)), "without a hook, firewalld drops media")
    call.hang_up()
    said = check_conf(world, d.path)
    check(f'hook {{ "{CHAIN}" }}' in said,
          f"-n says what to write: {said}")
    d.write(conf(True))
    d.proc.send_signal(net.signal.SIGHUP)
    until(lambda: RULE in first_rule(world), 3, "our rule after a reload")
    said = check_conf(world, d.path)
    check("drops" not in said, f"-n is content: {said}")
    check(not passes(a, b, name(b)), "before the call nothing passes")
    call = Call(wire)
    call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    stream = Stream(a, b)
    stream.flows()
    print("media flows")
    manager.cmd("--reload")
    begin = time.monotonic()
    until(lambda: RULE in first_rule(world), 1, "our rule comes back")
    took = time.monotonic() - begin
    stream.flows()
    print(f"and after --reload: our rule {took:.2f} s later, the longest gap "
          f"{max(stream.gap):.2f} s")
    call.hang_up()
    stream.stops()
    stream.stop()
    print("it stops with the BYE")
    d.kill_all()
    check(rules_of_ours(world) == 1, "a killed one leaves its rule")
    d = world.pinholed(conf=conf(True))
    until(lambda: rules_of_ours(world) == 1, 2, "one rule after a start")
    d.write(conf(False))
    d.proc.send_signal(net.signal.SIGHUP)
    until(lambda: rules_of_ours(world) == 0, 3, "no rule without the hook")
    d.write(conf(True))
    d.proc.send_signal(net.signal.SIGHUP)
    until(lambda: rules_of_ours(world) == 1, 3, "and again with it")
    d.stop()
    check(rules_of_ours(world) == 0, "it takes its rule along")
    # firewalld later than we: at boot, the order is anybody's.
    manager.close()
    world.run("fw", "nft", "flush", "ruleset")
    d = world.pinholed(conf=conf(True))
    check(any("there is no chain" in line for line in d.log),
          f"a start says that the chain is missing: {d.log}")
    world.run("fw", "nft", "-f", "-", text="add table inet firewalld\n"
              f"add chain {CHAIN}\n")
    until(lambda: RULE in world.run("fw", "nft", "list", "ruleset"), 1,
          "our rule in a chain that came later")
    d.stop()


def main():
    net.Daemon.binary = sys.argv[1]
    lacks = [t for t in ("firewalld", "dbus-daemon", "firewall-cmd")
             if shutil.which(t) is None]
    if os.geteuid() != 0 or lacks:
        print("skipped:", "no " + ", ".join(lacks) if lacks else "not root")
        return 77
    folder = tempfile.mkdtemp(prefix="pinholed-firewalld.")
    os.chmod(folder, 0o755)
    world = net.Net(egress=False)
    manager = None
    try:
        # No rules but those of firewalld.
        world.run("fw", "nft", "delete", "table", "inet", "filter")
        manager = Firewalld(world, folder)
        play(world, manager)
    except Exception:
        for d in world.daemons:
            print("log:", *d.log[-20:], sep="\n    ")
        if manager is not None and os.path.exists(manager.log):
            with open(manager.log, encoding="utf-8") as f:
                print("firewalld:", f.read()[-2000:])
        raise
    finally:
        if manager is not None:
            manager.close()
        world.close()
        shutil.rmtree(folder)
    print("firewalld.py: OK")
    return 0


if __name__ == "__main__":
    sys.exit(main())
