# SPDX-License-Identifier: ISC
"""Several firewalls that share their calls by a real redis-server.

The firewall of net.py is the first box.  The others have cables of their own
to `out` and `in`, and all have one to `db`, where the server is.  Which box
a packet goes through is a route of `out` and `in`, as after a move of an
address or with ECMP.
"""
import json
import os
import signal
import subprocess
import time
import zlib

import net as lab
from net import PBX, PHONE, Daemon, Stream, check, name, passes, sh, until
from scenarios import media, scenario, shut, signalling
from sip import Call, sdp

SERVER = "10.9.0.100"

# The last record of the stream, which is a sign of life, as hexadecimal.
TAKE_HELLO = """
local v = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][2][2]
return (v:gsub('.', function(c) return string.format('%02x', c:byte()) end))
"""
PUT_RECORD = """
redis.call('XADD', KEYS[1], '*', 'r', (KEYS[2]:gsub('..', function(c)
    return string.char(tonumber(c, 16)) end)))
"""


class Box:
    """One box, as the part of a world that Daemon needs to know."""

    def __init__(self, world, n):
        self.world, self.n = world, n
        self.ns = "fw" if n == 1 else f"fw{n}"
        self.tag = f"{world.net.tag}-{n}"
        self.sock = f"/run/{self.tag}.sock"
        self.daemon = None

    def enter(self, _name):
        return self.world.net.enter(self.ns)

    def run(self, *argv):
        return self.world.net.run(self.ns, *argv)

    def conf(self, share="", sip="", at=f"{SERVER}:6379"):
        return (f"interface i0\nprotect 192.0.2.0/24\nsip {{\n{sip}\n}}\n"
                f"firewall nftables\nstate \"/run/{self.tag}.state\"\n"
                f"control \"{self.sock}\"\n"
                f"share redis \"{at}\" group \"test\" "
                f"name \"fw{self.n}\" {share}\n")

    def start(self, wait=True, **more):
        self.daemon = Daemon(self, (), self.conf(**more))
        self.daemon.roles += ["share", "status"]
        self.world.net.daemons.append(self.daemon)
        if wait:
            self.daemon.ready()
            self.joined()
        return self.daemon

    def joined(self, seconds=15):
        until(lambda: self.said("sharing calls"), seconds,
              "joined: " + "\n".join(self.daemon.log))

    def said(self, text):
        """How many lines of the log have this text."""
        return sum(text in line for line in self.daemon.log)

    def ask(self, *words):
        ctl = os.path.join(os.path.dirname(Daemon.binary), "..", "pinholectl",
                           "pinholectl")
        out = sh(ctl, "-j", "-s", self.sock, *words)
        return [json.loads(line) for line in out.splitlines()]

    def counter(self, which):
        return {c["name"]: c["value"] for c in self.ask("show", "counters")
                if c["process"] == "share"}.get(which)

    def power_off(self):
        """No process of it and no packet any more, at once."""
        for dev in ("o0", "i0", "m0"):
            self.run("ip", "link", "set", dev, "down")
        self.kill()

    def kill(self):
        # The monitor first, which would start the others anew.
        for pid in [self.daemon.proc.pid, *self.daemon.family()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.daemon.proc.wait(5)

    def holes(self):
        try:
            text = self.run("nft", "-j", "list", "table", "inet", "pinholed")
        except lab.Failure:
            return 0
        return text.count('"elem"')


class World:
    def __init__(self, net, boxes=2, server=(), port="6379"):
        self.net, self.server, self.signalling = net, None, None
        self.arguments, self.port = server, port
        net.share = self
        self.add("db")
        net.run("db", "ip", "link", "add", "br0", "type", "bridge")
        net.ip("db", "addr", "add", f"{SERVER}/24", "dev", "br0")
        net.ip("db", "link", "set", "br0", "up")
        self.boxes = [Box(self, n + 1) for n in range(boxes)]
        for b in self.boxes:
            self.wire(b)
        self.start_server()

    def add(self, short):
        full = f"{self.net.tag}-{short}"
        sh("ip", "netns", "add", full)
        self.net.ns[short] = os.open(f"/run/netns/{full}", os.O_RDONLY)
        self.net.ip(short, "link", "set", "lo", "up")

    def cable(self, a, dev, b, peer):
        sh("ip", "link", "add", dev, "netns", f"{self.net.tag}-{a}", "type",
           "veth", "peer", "name", peer, "netns", f"{self.net.tag}-{b}")
        self.net.ip(a, "link", "set", dev, "up")
        self.net.ip(b, "link", "set", peer, "up")

    def wire(self, b):
        net, n = self.net, b.n
        if n > 1:
            self.add(b.ns)
            for dev, host, at, far in (("o0", "out", f"198.51.{100 + n}",
                                        "198.51.100"),
                                       ("i0", "in", f"192.0.{100 + n}",
                                        "192.0.2")):
                self.cable(b.ns, dev, host, f"eth{n}")
                net.ip(b.ns, "addr", "add", f"{at}.1/24", "dev", dev)
                net.ip(host, "addr", "add", f"{at}.2/24", "dev", f"eth{n}")
                net.ip(b.ns, "route", "add", f"{far}.0/24", "via", f"{at}.2")
            net.run(b.ns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            net.run(b.ns, "nft", "-f", "-",
                    text=net.run("fw", "nft", "list", "ruleset"))
        self.cable(b.ns, "m0", "db", f"m{n}")
        net.ip("db", "link", "set", f"m{n}", "master", "br0")
        net.ip(b.ns, "addr", "add", f"10.9.0.{n}/24", "dev", "m0")
        net.run(b.ns, "nft", "insert", "rule", "inet", "filter", "input",
                "iifname", "m0", "accept")

    def start_server(self):
        self.server = subprocess.Popen(
            [*self.net.enter("db"), "redis-server", "--bind", SERVER,
             "--port", self.port, "--save", "", "--appendonly", "no",
             "--protected-mode", "no", "--dir", "/tmp", *self.arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.net.daemons.append(self)
        until(lambda: "PONG" in self.redis("PING", must=False), 5, "redis")

    def stop_server(self):
        self.server.kill()
        self.server.wait(5)

    kill_all = stop_server
    log, events = (), ()

    def redis(self, *words, must=True):
        try:
            more = ["-a", "secret"] if "secret" in self.arguments else []
            return self.net.run("db", "redis-cli", "-h", SERVER, "-p",
                                self.port, *more, *words)
        except lab.Failure:
            if must:
                raise
            return ""

    def run_script(self, text, *keys):
        return self.redis("EVAL", text, str(len(keys)), *keys)

    def move(self, n, which="default"):
        """Packets go through box n from now on."""
        if n == 1:
            self.net.ip("out", "route", "replace", which, "via",
                        "198.51.100.1")
            self.net.ip("in", "route", "replace", which, "via", "192.0.2.1")
            return
        self.net.ip("out", "route", "replace", which, "via",
                    f"198.51.{100 + n}.1", "src", PHONE)
        self.net.ip("in", "route", "replace", which, "via",
                    f"192.0.{100 + n}.1", "src", PBX)

    def move_media(self, n):
        """Signalling stays; all other UDP goes through box n."""
        for host, gateway in (("out", f"198.51.{100 + n}.1"),
                              ("in", f"192.0.{100 + n}.1")):
            self.net.ip(host, "route", "replace", "default", "via", gateway,
                        "table", "7")
            self.net.ip(host, "rule", "add", "ipproto", "udp", "dport",
                        "4000-20000", "table", "7")


def two_boxes(net):
    w = World(net)
    for box in w.boxes:
        box.start()
    return w, *w.boxes


def opened(box, call, seconds=1):
    return box.daemon.expect(seconds, event="open", dir="in",
                             call=call.call_id)


def set_up(world, port=4000, inside=10000):
    if world.signalling is None:
        world.signalling = signalling(world.net)
    return Call(world.signalling).set_up(sdp(PHONE, port),
                                              sdp(PBX, inside))


def set_up_with_media(w):
    """A call that all boxes know, and its stream."""
    call = set_up(w)
    for box in w.boxes:
        opened(box, call)
    stream = Stream(*media(w.net))
    stream.flows()
    return call, stream


def none_closed(w):
    for box in w.boxes:
        check(not box.daemon.seen(event="close"), "a living call closed")


def hang_up(boxes, call, stream):
    """All these boxes hear of the end, and no media passes any more."""
    call.hang_up()
    for box in boxes:
        box.daemon.expect(1, event="close", dir="in", call=call.call_id,
                          reason="bye")
    stream.stops()
    stream.stop()


@scenario(needs=("redis-server", "redis-cli"))
def share_a_killed_firewall_costs_no_call(net):
    w, one, two = two_boxes(net)
    call, stream = set_up_with_media(w)
    p, m = stream.socks
    one.kill()
    w.move(2)
    moved = time.monotonic()
    stream.flows(1)
    check(time.monotonic() - moved < 1, "media within a second of the move")
    hang_up([two], call, stream)
    more = set_up(w, 4000, 10000)
    opened(two, more)
    check(passes(p, m, name(m)), "a new call on the survivor")
    # The dead one comes back: its journal has the first call.
    one.start()
    opened(one, more, 2)
    one.daemon.expect(45, event="close", dir="in", call=call.call_id)
    check(passes(p, m, name(m)), "the new call goes on")


def key_of(w):
    """The key of the only call in the server, which an attacker would read."""
    keys = w.redis("--raw", "KEYS", "*call*").split()
    check(len(keys) == 1, f"keys of the call: {keys}")
    return keys[0]


@scenario(needs=("redis-server", "redis-cli"))
def share_a_hostile_server_opens_nothing(net):
    """Garbage, a replay of a call that is over, a record that is changed, and
    one of what box 2 forbids: calls go on, nothing more opens."""
    w = World(net)
    one, two = w.boxes
    one.start()
    two.start(sip="media 192.0.2.10 port 10000:10099")
    p, m = media(net)
    call = set_up(w)
    opened(two, call)
    key = key_of(w)
    w.redis("COPY", key, "saved")
    for text in ("", "garbage", "x" * 100000):
        w.redis("SET", "pinholed:{test}:call:" + "0" * 32, text)
        w.redis("XADD", "pinholed:{test}:changes", "*", "r", text)
    until(lambda: (two.counter("share_refused_malformed") or 0) >= 3, 5, "garbage")
    # A call on ports that box 2 does not permit.
    other = set_up(w, 4000, 10200)
    opened(one, other)
    time.sleep(0.5)
    check(not two.daemon.seen(event="open", call=other.call_id),
          "box 2 opened what its configuration forbids")
    other.hang_up()
    call.hang_up()
    two.daemon.expect(1, event="close", dir="in", call=call.call_id)
    opens = len(two.daemon.seen(event="open"))
    # The old record once more, as a key and in the stream.
    w.redis("COPY", "saved", key)
    w.run_script("redis.call('XADD', KEYS[2], '*', 'r', "
                 "redis.call('GET', KEYS[1]))", "saved",
                 "pinholed:{test}:changes")
    time.sleep(1)
    check(len(two.daemon.seen(event="open")) == opens, "a replay opened")
    shut(p, m)
    again = set_up(w)
    opened(two, again)


@scenario(needs=("redis-server", "redis-cli"))
def share_calls_go_on_without_the_server(net):
    """Killed, restarted empty, emptied, full, stopped: no call ends, and what
    changed meanwhile is known on both afterwards."""
    w, one, two = two_boxes(net)
    first, stream = set_up_with_media(w)
    w.stop_server()
    until(lambda: one.said("no server"), 10, "a line")
    second = set_up(w, 4100, 10100)
    opened(one, second)
    stream.flows()
    before = [b.said("sharing calls") for b in w.boxes]
    w.start_server()
    until(lambda: all(b.said("sharing calls") > n
                      for b, n in zip(w.boxes, before)), 15, "both are back")
    opened(two, second, 3)
    stream.flows()
    check(one.said("no server") == 1, "one line, not many")
    w.redis("FLUSHALL")
    until(lambda: len(w.redis("--raw", "KEYS", "*call*").split()) == 2, 25,
          "the emptied server has both calls again")
    w.redis("CONFIG", "SET", "maxmemory", "1")
    third = set_up(w, 4200, 10200)
    opened(one, third)
    time.sleep(1.5)
    check(not two.daemon.seen(event="open", call=third.call_id), "it is full")
    w.redis("CONFIG", "SET", "maxmemory", "0")
    opened(two, third, 4)
    second.hang_up()
    two.daemon.expect(1, event="close", dir="in", call=second.call_id,
                      reason="bye")
    stream.flows()
    check(not one.daemon.seen(event="close", call=first.call_id) and
          not two.daemon.seen(event="close", call=first.call_id),
          "the first call goes on")
    stream.stop()


@scenario(needs=("redis-server", "redis-cli"))
def share_a_split_heals_without_closing_a_call(net):
    w, one, two = two_boxes(net)
    call, stream = set_up_with_media(w)
    one.run("ip", "link", "set", "m0", "down")
    until(lambda: one.said("no server"), 25, "box 1 is alone")
    other = set_up(w, 4100, 10100)
    opened(one, other)
    w.move(2)
    stream.flows()
    third = set_up(w, 4200, 10200)
    opened(two, third)
    one.run("ip", "link", "set", "m0", "up")
    opened(one, third, 20)
    opened(two, other, 5)
    stream.flows()
    none_closed(w)
    hang_up(w.boxes, call, stream)


@scenario(needs=("redis-server", "redis-cli"))
def share_media_on_another_box_passes(net):
    """Three boxes: signalling by the first, media by the third, and the first
    does not take the silence that it sees for the end."""
    w = World(net, boxes=3)
    for b in w.boxes:
        b.start(sip="timeout idle 8")
    w.move_media(3)
    call, stream = set_up_with_media(w)
    time.sleep(20)
    stream.flows()
    none_closed(w)
    hang_up(w.boxes, call, stream)


@scenario(needs=("redis-server", "redis-cli"))
def share_a_firewall_without_power_costs_no_call(net):
    """Its cables are dead as well; a password and a key are used."""
    secrets = [f"/run/{net.tag}.password", f"/run/{net.tag}.key"]
    for path, text in zip(secrets, ("secret\n", "0123456789abcdef\n")):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, 0o600)
    w = World(net, server=("--requirepass", "secret"))
    one, two = w.boxes
    for b in w.boxes:
        b.start(share=f'password "{secrets[0]}" key "{secrets[1]}"')
    p, m = media(net)
    calls = [set_up(w, 4000 + 2 * i, 10000 + 2 * i) for i in range(20)]
    for call in calls:
        opened(two, call)
    stream = Stream(p, m)
    stream.flows()
    one.power_off()
    w.move(2)
    stream.flows(1)
    for call in calls[1:]:
        call.hang_up()
        two.daemon.expect(1, event="close", dir="in", call=call.call_id,
                          reason="bye")
    stream.flows()
    until(lambda: two.counter("share_owned") == 1, 20, "box 2 owns the rest")
    calls[0].hang_up()
    stream.stops()
    stream.stop()


@scenario(needs=("redis-server", "redis-cli"))
def share_by_a_unix_socket(net):
    """One box reaches the server by its path, the other by its address.  The
    server is restarted, which makes another socket at the same path."""
    path = f"/run/{net.tag}.redis"
    w = World(net, server=("--unixsocket", path, "--unixsocketperm", "700"))
    one, two = w.boxes
    one.start(at=path)
    two.start()
    call = set_up(w)
    opened(two, call)
    w.stop_server()
    for b in w.boxes:
        until(lambda b=b: b.said("no server"), 10, "the server is gone")
    w.start_server()
    until(lambda: all(b.said("sharing calls") == 2 for b in w.boxes), 15,
          "both are back")
    more = set_up(w, 4100, 10100)
    opened(two, more)
    w.move(2)
    for c in (call, more):
        c.hang_up()
        one.daemon.expect(1, event="close", dir="in", call=c.call_id,
                          reason="bye")


@scenario(needs=("redis-server", "redis-cli"))
def share_peers_are_shown(net):
    w, one, two = two_boxes(net)
    call = set_up(w)
    opened(two, call)
    until(lambda: any(b["box"] == "fw1" and b["state"] == "alive" and
                      b["owns"] == 1 for b in two.ask("show", "peers")), 5,
          "box 1 in the list of box 2")
    call.hang_up()
    two.daemon.expect(1, event="close", dir="in", reason="bye")


@scenario(needs=("redis-server", "redis-cli"))
def share_replaces_a_process_that_hangs(net):
    """It is stopped: a question about it is answered in seconds, calls go on,
    and after half a minute another one shares them."""
    w = World(net)
    one, two = w.boxes
    one.start()
    two.start()
    call = set_up(w)
    opened(two, call)
    hung = one.daemon.kill("share", signal.SIGSTOP)
    begin = time.monotonic()
    try:
        one.ask("show", "peers")
        check(False, "an answer of a process that is stopped")
    except lab.Failure as why:
        check("is busy, or hangs" in str(why), str(why))
    check(time.monotonic() - begin < 8, "it was waited for")
    other = set_up(w, 4100, 10100)
    opened(one, other)
    until(lambda: one.daemon.children().get("share", hung) != hung, 30,
          "another share process")
    opened(two, other, 5)
    check(any("the share process took too long" in x
              for x in one.daemon.log), "it is told")
    for b in w.boxes:
        check(not b.daemon.seen(event="close"), "a living call closed")


@scenario(needs=("redis-server", "redis-cli"))
def share_goes_on_over_a_reload_and_a_crash(net):
    """The engine and the share process of one box die, and it reads its
    configuration again: no call ends, and it goes on sharing."""
    w, one, two = two_boxes(net)
    call, stream = set_up_with_media(w)
    for n, role in enumerate(("share", "engine")):
        one.daemon.kill(role)
        until(lambda: len(one.daemon.children()) == len(one.daemon.roles), 5,
              f"another {role} process")
        if role == "engine":
            time.sleep(1)
        more = set_up(w, 4100 + 2 * n, 10100 + 2 * n)
        opened(one, more)
        opened(two, more, 10)
    one.daemon.proc.send_signal(signal.SIGHUP)
    until(lambda: any("reloaded" in x for x in one.daemon.log), 15, "reload")
    more = set_up(w, 4200, 10200)
    opened(two, more, 10)
    stream.flows()
    none_closed(w)
    hang_up(w.boxes, call, stream)


@scenario(needs=("redis-server", "redis-cli"))
def share_a_record_of_another_time_is_told(net):
    """It is a replay, or the clock of one of the two is wrong."""
    w = World(net)
    one, two = w.boxes
    one.start()
    two.start()
    check(any('has no "key"' in x for x in one.daemon.log), "a warning")
    hello = w.run_script(TAKE_HELLO, "pinholed:{test}:changes")
    record = bytearray.fromhex(hello.strip())
    at = 4 + 2 + 32 + 32 + 16 + 8 + 8
    old = int.from_bytes(record[at:at + 8], "big") - 3 * 3600 * 1000000
    record[at:at + 8] = old.to_bytes(8, "big")
    record[-4:] = zlib.crc32(record[:-4]).to_bytes(4, "big")
    for _ in range(3):
        w.run_script(PUT_RECORD, "pinholed:{test}:changes", record.hex())
    for b in w.boxes:
        until(lambda b=b: b.counter("share_refused_old") == 3, 5, "refused")
        lines = [x for x in b.daemon.log if "behind our clock" in x]
        check(0 < len(lines) < 4 and "is dated 108" in lines[0],
              str(b.daemon.log))


@scenario(needs=("redis-server", "redis-cli"))
def share_a_namesake_is_told(net):
    w = World(net)
    one, two = w.boxes
    two.n = 1
    one.start()
    two.start()
    for box in w.boxes:
        until(lambda: any('has the name "fw1", too' in x
                          for x in box.daemon.log), 20, "a line")


@scenario(needs=("redis-server", "redis-cli"))
def share_a_box_that_stops_is_inherited_at_once(net):
    w = World(net)
    one, two = w.boxes
    one.start()
    two.start()
    call = set_up(w)
    opened(two, call)
    one.daemon.stop()
    until(lambda: two.counter("share_owned") == 1, 3, "box 2 owns the call")
    check(any(b["box"] == "fw1" and b["state"] == "left"
              for b in two.ask("show", "peers")), "box 1 has said so")
    check(not any("reentrant" in x for x in one.daemon.log), one.daemon.log)
