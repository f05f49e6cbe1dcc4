# SPDX-License-Identifier: ISC
"""A small world in network namespaces: outside, a firewall, inside.

Everything is real: the kernel forwards and filters, pinholed listens and
opens.  Only the people are played, by sockets that this process owns in each
namespace, so that a test says exactly who sends what, and when.

    outside  198.51.100.0/24  2001:db8:1::/64   eth0 of `out`
    inside   192.0.2.0/24     2001:db8:2::/64   eth0 of `in`
    the firewall is .1 (::1) on both sides: `o0` outside, `i0` inside
"""
import ctypes
import glob
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time

PHONE, PROXY, EVIL = "198.51.100.7", "198.51.100.9", "198.51.100.66"
PBX, GATEWAY, HOST = "192.0.2.10", "192.0.2.20", "192.0.2.77"
PHONE6, PBX6 = "2001:db8:1::7", "2001:db8:2::10"
FW_OUT, FW_IN = "198.51.100.1", "192.0.2.1"
MARK = "meta mark & 0x10000 == 0x10000 accept"
CLONE_NEWNET = 0x40000000
SO_NETNS_COOKIE = 71
SO_NETNS_COOKIE = 71

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    pass


class Unable(Exception):
    """This machine cannot play it; says why."""


def sh(*argv, text=None):
    done = subprocess.run(argv, input=text, capture_output=True, text=True,
                          timeout=30)
    if done.returncode != 0:
        raise Failure(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def check(cond, what):
    if not cond:
        raise Failure(what)


def until(cond, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if cond():
            return
        time.sleep(0.02)
    raise Failure(f"not within {seconds} s: {what}")


def netns_cookie():
    with socket.socket() as s:
        return s.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)


class Net:
    """Three namespaces, joined; removed with everything in them at the end."""

    def __init__(self, egress=True, nat=False, dnat=False, extra=""):
        self.tag = f"ph{os.getpid()}"
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.ns, self.sockets, self.daemons = {}, [], []
        try:
            self._build(egress, nat, dnat, extra)
        except Exception:
            self.close()
            raise

    def _build(self, egress, nat, dnat, extra):
        for name in ("out", "fw", "in"):
            full = f"{self.tag}-{name}"
            sh("ip", "netns", "add", full)
            self.ns[name] = os.open(f"/run/netns/{full}", os.O_RDONLY)
            self.ip(name, "link", "set", "lo", "up")
            self.run(name, "sysctl", "-qw",
                     "net.ipv6.conf.default.accept_dad=0")
        self._cable("out", "o0", "198.51.100", "2001:db8:1::",
                    (PHONE, PROXY, EVIL), (PHONE6,))
        self._cable("in", "i0", "192.0.2", "2001:db8:2::",
                    (PBX, GATEWAY, HOST), (PBX6,))
        self.run("fw", "sysctl", "-qw", "net.ipv4.ip_forward=1",
                 "net.ipv6.conf.all.forwarding=1")
        self.ruleset(egress, nat, dnat, extra)

    def _cable(self, name, port, v4, v6, hosts4, hosts6):
        full, fw = f"{self.tag}-{name}", f"{self.tag}-fw"
        sh("ip", "link", "add", port, "netns", fw, "type", "veth", "peer",
           "name", "eth0", "netns", full)
        for where, dev, addrs in (
                ("fw", port, [f"{v4}.1/24", f"{v6}1/64"]),
                (name, "eth0", [f"{h}/24" for h in hosts4] +
                 [f"{h}/64" for h in hosts6])):
            for a in addrs:
                more = ["nodad"] if ":" in a else []
                self.ip(where, "addr", "add", a, "dev", dev, *more)
            self.ip(where, "link", "set", dev, "up")
        self.ip(name, "route", "add", "default", "via", f"{v4}.1")
        self.ip(name, "-6", "route", "add", "default", "via", f"{v6}1")

    def ruleset(self, egress=True, nat=False, dnat=False, extra=""):
        out = 'iifname "i0" accept' if egress else ""
        text = f"""
        flush table inet filter
        table inet filter {{
            chain forward {{
                type filter hook forward priority filter; policy drop;
                {MARK}
                ct state established,related accept
                meta l4proto {{ tcp, udp }} th dport 5060 accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                {out}
                {extra}
            }}
            chain input {{
                type filter hook input priority filter; policy drop;
                {MARK}
                iif lo accept
                ct state established,related accept
                meta l4proto {{ tcp, udp }} th dport 5060 accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
            }}
        }}
        """
        nats = ""
        if nat:
            nats += """
            chain post {
                type nat hook postrouting priority srcnat;
                oifname "o0" masquerade
            }
            """
        if dnat:
            # "sip": the media ports are left for pinholed to redirect.
            media = "" if dnat == "sip" else \
                f'iifname "o0" ip daddr {FW_OUT} udp dport 10000-20000 ' \
                f"dnat ip to {PBX}"
            nats += f"""
            chain pre {{
                type nat hook prerouting priority dstnat;
                iifname "o0" ip daddr {FW_OUT} udp dport 5060 dnat ip to {PBX}
                {media}
            }}
            """
        if nats:
            text += f"table inet xlate {{ {nats} }}"
        self.run("fw", "nft", "-f", "-",
                 text="table inet filter {}\n" + text)

    def ip(self, name, *argv):
        return self.run(name, "ip", *argv)

    def run(self, name, *argv, text=None):
        return sh(*self.enter(name), *argv, text=text)

    def enter(self, name):
        """What to put before a command for it to run in a namespace.  Not
        `ip netns exec`, which remounts / and fails in a plain chroot."""
        return ["nsenter", f"--net=/run/netns/{self.tag}-{name}"]

    def inside(self, name, call):
        """Do something in a namespace, in this process."""
        def enter(fd):
            if _libc.setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        enter(self.ns[name])
        try:
            return call()
        finally:
            enter(self.home)

    def socket(self, name, addr, port, kind=socket.SOCK_DGRAM):
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET

        def make():
            s = socket.socket(family, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((addr, port))
            return s
        s = self.inside(name, make)
        s.settimeout(2)
        self.sockets.append(s)
        return s

    def pinholed(self, *argv, conf=None, wait=True, before=()):
        d = Daemon(self, argv, conf, before)
        self.daemons.append(d)
        if wait:
            d.ready()
        return d

    def kept(self):
        """What daemons of this world keep beside their locks."""
        def cookie():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                return s.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        try:
            number = int.from_bytes(self.inside("fw", cookie), sys.byteorder)
        except OSError:
            number = os.fstat(self.ns["fw"]).st_ino
        return glob.glob(f"/var/run/pinholed/*-{number:x}.*")

    def close(self):
        for d in self.daemons:
            d.kill_all()
        for path in self.kept() if "fw" in self.ns else []:
            os.unlink(path)
        for s in self.sockets:
            s.close()
        # Locks are named after the network.
        if "fw" in self.ns:
            cookie = int.from_bytes(self.inside("fw", netns_cookie), "little")
            for path in glob.glob(f"/var/run/pinholed/*-{cookie:x}.lock"):
                os.unlink(path)
        for fd in self.ns.values():
            os.close(fd)
        for name in self.ns:
            subprocess.run(["ip", "netns", "del", f"{self.tag}-{name}"],
                           check=False)
        run = f"/run/{self.tag}"
        for path in glob.glob(f"{run}[.-]*") + glob.glob(run):
            os.unlink(path)


CONF = """
interface i0
protect {{ 192.0.2.0/24 2001:db8:2::/64 }}
sip {{
{sip}
}}
firewall nftables
state "{state}"
control "/run/ph{pid}.sock"
{more}
"""


def conf(sip="", more="", state=None):
    state = state or f"/run/ph{os.getpid()}.state"
    return CONF.format(sip=sip, more=more, state=state, pid=os.getpid())


def with_inline(text):
    """The same configuration, with signalling held: INLINE=1."""
    if "inline yes" in text:
        return text
    if re.search(r"\bsip *{", text):
        return re.sub(r"\bsip *{", "sip {\n inline yes\n", text, count=1)
    if re.search(r"\b(ftp|tftp|tables) *{", text):
        return text
    return text + "\nsip { inline yes }\n"


class Daemon:
    """pinholed, live in the firewall's namespace."""
    binary = None

    def __init__(self, net, argv, text, before=()):
        self.net = net
        self.path = f"/run/{net.tag}.conf"
        text = text if text is not None else conf()
        self.write(text)
        self.roles = ["engine", "firewall"]
        if re.search(r"proxy on|tables *{", text):
            self.roles.append("proxy")
        self.events, self.log = [], []
        self.proc = subprocess.Popen(
            [*net.enter("fw"), *before, self.binary, "-d", "-o",
             "json", "-f", self.path, *argv], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.threads = [
            threading.Thread(target=self._events, daemon=True),
            threading.Thread(target=self._log, daemon=True)]
        for t in self.threads:
            t.start()
        self.known = {}

    def write(self, text):
        # Never the one of the system.
        if os.environ.get("INLINE"):
            text = with_inline(text)
        if "state \"" not in text:
            text += f'\nstate "/run/{self.net.tag}.state"\n'
        with open(self.path, "w", encoding="ascii") as f:
            f.write(text)

    def _events(self):
        for line in self.proc.stdout:
            self.events.append(json.loads(line))

    def _log(self):
        for line in self.proc.stderr:
            self.log.append(line.rstrip())

    def ready(self):
        def listening():
            check(self.proc.poll() is None, "pinholed ended: " +
                  "\n".join(self.log))
            return len(self.children()) == len(self.roles) and any(
                "running:" in line for line in self.log)
        until(listening, 10, "pinholed ready: " + "\n".join(self.log))
        time.sleep(0.1)

    def children(self):
        """role -> pid, by the title each process gives itself."""
        found = {}
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                    ppid = int(f.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    title = f.read().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if ppid == self.proc.pid:
                for role in self.roles:
                    if re.search(rf"\b{role}\b", title):
                        found[role] = int(pid)
        if len(found) == len(self.roles):
            self.known.update(found)
        return found

    def kill(self, role, sig=signal.SIGKILL):
        pid = self.proc.pid if role == "monitor" else self.children()[role]
        os.kill(pid, sig)
        return pid

    def family(self):
        """All processes of it, whatever their titles say."""
        found = []
        for pid in os.listdir("/proc"):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                    ppid = int(f.read().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if ppid == self.proc.pid:
                found.append(int(pid))
        return found

    def kill_all(self):
        # A monitor that runs replaces who is killed before it.
        self.proc.send_signal(signal.SIGSTOP)
        for pid in [*self.family(), self.proc.pid, *self.known.values()]:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if b"pinholed" not in f.read():
                        continue
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.proc.wait(5)

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait(10)
        for t in self.threads:
            t.join(2)

    def seen(self, **want):
        return [e for e in self.events
                if all(e.get(k) == v for k, v in want.items())]

    def expect(self, seconds=1, **want):
        until(lambda: self.seen(**want), seconds,
              f"event {want}; got {self.events}; log {self.log}")
        return self.seen(**want)[-1]

    def quiet(self, seconds=0.3, **want):
        time.sleep(seconds)
        check(not self.seen(**want), f"event {want} should not be")


def passes(src, dst, to, frm=None, tries=3, wait=0.25):
    """Does a datagram from socket src arrive at socket dst?  `to` is where
    src sends it; `frm`, if given, is what dst must see as its source."""
    token = os.urandom(12)
    drain(dst)
    for _ in range(tries):
        try:
            src.sendto(token, to)
        except OSError:
            return False
        end = time.monotonic() + wait
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([dst], [], [], left)[0]:
                break
            data, peer = dst.recvfrom(65535)
            if data == token:
                return frm is None or peer[:2] == frm
    return False


def drain(s):
    while select.select([s], [], [], 0)[0]:
        s.recvfrom(65535)


def name(s):
    return s.getsockname()[:2]


class Stream:
    """RTP of a kind, both ways, every 10 ms, until stopped; tells when each
    side last received, and the longest that it did not, less the time in
    which we did not run ourselves."""

    def __init__(self, a, b, a_to=None, b_to=None, begin=None):
        self.socks = (a, b)
        self.to = (a_to or name(b), b_to or name(a))
        self.got = [0.0, 0.0]
        self.gap = [0.0, 0.0]
        self.ran = time.monotonic()
        self.stalled, self.stalled_at = 0.0, [0.0, 0.0]
        self.sent, self.received = [0, 0], [0, 0]
        self.stopped = self.paused = False
        self.mute = None
        self.begin = begin
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _tick(self):
        now = time.monotonic()
        if now - self.ran > 0.03:
            self.stalled += now - self.ran
        self.ran = now
        return now

    def _run(self):
        while not self.stopped:
            self._tick()
            for i in (0, 1):
                if i == self.mute or self.paused:
                    continue
                if self.begin is not None and i != self.begin and \
                        self.got[i] == 0:
                    continue
                try:
                    self.socks[i].sendto(b"rtp", self.to[i])
                    self.sent[i] += 1
                except OSError:
                    pass
            end = time.monotonic() + 0.01
            while True:
                left = end - time.monotonic()
                ready = select.select(self.socks, [], [], max(left, 0))[0]
                self._tick()
                for s in ready:
                    i = self.socks.index(s)
                    try:
                        s.recvfrom(2048)
                    except OSError:
                        continue
                    now = self._tick()
                    self.received[i] += 1
                    if self.got[i]:
                        self.gap[i] = max(
                            self.gap[i], now - self.got[i] -
                            (self.stalled - self.stalled_at[i]))
                    self.got[i] = now
                    self.stalled_at[i] = self.stalled
                if left <= 0:
                    break

    def flows(self, seconds=2):
        start = time.monotonic()
        until(lambda: all(g > start for g in self.got), seconds,
              f"media both ways, got {self.got}")

    def lost(self):
        """How many packets of each side did not arrive so far."""
        self.paused = True
        time.sleep(0.1)
        lost = [self.sent[0] - self.received[1],
                self.sent[1] - self.received[0]]
        self.paused = False
        return lost

    def stops(self, seconds=1.0):
        """Neither side receives anything any more."""
        start = time.monotonic()
        until(lambda: max(self.got) < time.monotonic() - 0.3, seconds + 0.3,
              "media stopped")
        check(max(self.got) - start <= seconds, "media stopped too late")

    def stop(self):
        self.stopped = True
        self.thread.join(2)
