# SPDX-License-Identifier: ISC
"""Real telephones and a real proxy through a real firewall.

Inside is a switch with three hosts: kamailio at 192.0.2.10, and telephones at
192.0.2.20 and 192.0.2.77.  A table of the firewall counts the packets of the
media that passed.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import wave

from net import EVIL, GATEWAY, HOST, PBX, PHONE, check, conf, until
from scenarios import scenario
from sip import sdp

WATCH = """
table inet watch {{
    chain forward {{
        type filter hook forward priority filter + 10;
        ip saddr {a} ip daddr {b} udp dport != 5060 counter comment "in"
        ip saddr {b} ip daddr {a} udp dport != 5060 counter comment "out"
    }}
}}
"""
KAMAILIO = f"""
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=1
disable_tcp=yes
listen=udp:{PBX}:5060
loadmodule "tm.so"
loadmodule "corex.so"
loadmodule "rr.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("tm", "fr_inv_timer", 20000)
request_route {{
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            if (is_method("INVITE")) record_route();
            t_relay();
        }} else if (is_method("ACK") && t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    t_check_trans();
    if (!is_method("INVITE")) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    record_route();
    ROUTE
    t_relay();
}}
"""
FORKS = f"""$ru = "sip:quiet@{HOST}:5060";
    append_branch("sip:loud@{GATEWAY}:5060");"""
BARESIP = """
module_path /usr/lib/baresip/modules
sip_listen {addr}:5060
net_interface eth0
rtp_ports {ports}
audio_source aufile,{sound}
audio_player aubridge,none
module aubridge.so
module aufile.so
module g711.so
module_app account.so
module_app menu.so
module cons.so
cons_listen 127.0.0.1:5555
"""


class Agents:
    """A switch inside, and processes that end with the test."""

    def __init__(self, net):
        self.net, self.running = net, []
        self.tmp = tempfile.mkdtemp(prefix="agents")
        self.sound = os.path.join(self.tmp, "sound.wav")
        with wave.open(self.sound, "wb") as f:
            f.setparams((1, 2, 8000, 0, "NONE", ""))
            f.writeframes(b"\x10\x10" * 8000 * 60)
        net.run("in", "ip", "link", "add", "br0", "type", "bridge")
        net.run("in", "ip", "addr", "flush", "dev", "eth0")
        net.run("in", "ip", "link", "set", "eth0", "master", "br0")
        net.run("in", "ip", "addr", "add", f"{PBX}/24", "dev", "br0")
        net.run("in", "ip", "link", "set", "br0", "up")
        net.run("in", "ip", "route", "add", "default", "via", "192.0.2.1")
        # Given the choice, linphone would talk of IPv6.
        net.run("out", "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        for name, addr in (("loud", GATEWAY), ("quiet", HOST)):
            self.host(name, addr)
        net.run("fw", "nft", "-f", "-",
                text=WATCH.format(a=PHONE, b=GATEWAY))

    def host(self, name, addr):
        net = self.net
        full = f"{net.tag}-{name}"
        subprocess.run(["ip", "netns", "add", full], check=True)
        net.ns[name] = os.open(f"/run/netns/{full}", os.O_RDONLY)
        net.run("in", "ip", "link", "add", name, "type", "veth", "peer",
                "name", "eth0", "netns", full)
        net.run("in", "ip", "link", "set", name, "master", "br0", "up")
        net.run(name, "ip", "link", "set", "lo", "up")
        net.run(name, "ip", "link", "set", "eth0", "up")
        net.run(name, "ip", "addr", "add", f"{addr}/24", "dev", "eth0")
        net.run(name, "ip", "route", "add", "default", "via", "192.0.2.1")

    def start(self, where, *argv, **more):
        log = open(os.path.join(self.tmp, f"log{len(self.running)}"), "wb")
        p = subprocess.Popen(
            [*self.net.enter(where), *argv], stdout=log,
            stderr=subprocess.STDOUT, stdin=subprocess.PIPE, text=True,
            cwd=self.tmp, env={
                **os.environ, "HOME": self.tmp,
                "PULSE_RUNTIME_PATH": os.path.join(self.tmp, "pulse")}, **more)
        self.running.append((p, argv[0], log.name))
        return p

    def kamailio(self, route=FORKS):
        path = os.path.join(self.tmp, "kamailio.cfg")
        with open(path, "w", encoding="ascii") as f:
            f.write(KAMAILIO.replace("ROUTE", route))
        self.start("in", "kamailio", "-DD", "-E", "-f", path, "-Y", self.tmp,
                   "-P", os.path.join(self.tmp, "pid"))
        self.listens("in", f"{PBX}:5060")

    def baresip(self, where, addr, mode, ports):
        home = os.path.join(self.tmp, where)
        os.mkdir(home)
        for name, text in (
                ("config", BARESIP.format(addr=addr, ports=ports,
                                          sound=self.sound)),
                ("accounts", f"<sip:{where}@{addr}>;regint=0;"
                 f"answermode={mode}\n"), ("contacts", "")):
            with open(os.path.join(home, name), "w", encoding="ascii") as f:
                f.write(text)
        self.start(where, "baresip", "-f", home)
        self.listens(where, f"{addr}:5060", "127.0.0.1:5555")

    def listens(self, where, *addrs):
        """Until somebody has these sockets; a baresip its console, too."""
        def bound():
            there = self.net.run(where, "ss", "-Hlun")
            return all(a in there for a in addrs)
        until(bound, 10, f"somebody listens on {addrs}")

    def says(self, text):
        """Until the last one started says so."""
        path = self.running[-1][2]

        def said():
            with open(path, "rb") as f:
                return text.encode() in f.read()
        until(said, 10, f"{path} says {text}")

    def tell(self, where, command):
        """A command for a baresip's console."""
        s = self.net.socket(where, "127.0.0.1", 0)
        s.sendto(f"/{command}\n".encode(), ("127.0.0.1", 5555))

    def passed(self):
        text = self.net.run("fw", "nft", "-j", "list", "table", "inet",
                            "watch")
        found = {}
        for item in json.loads(text)["nftables"]:
            rule = item.get("rule", {})
            for e in rule.get("expr", []):
                if "counter" in e:
                    found[rule["comment"]] = e["counter"]["packets"]
        return found

    def show(self):
        for _, name, path in self.running:
            with open(path, encoding="utf-8", errors="replace") as f:
                lines = [line for line in f.read().replace("\r", "\n")
                         .splitlines() if line and "bit/s" not in line]
            print(f"{name}:", *lines[-12:], sep="\n    ")

    def close(self):
        for p, _, _ in reversed(self.running):
            p.send_signal(signal.SIGTERM)
        for p, _, _ in self.running:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait(5)
        shutil.rmtree(self.tmp, ignore_errors=True)

    def linphone(self):
        """Told what to do on its standard input."""
        path = os.path.join(self.tmp, "linphonerc")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"[sip]\nuse_ipv6=0\ncontact=sip:phone@{PHONE}\n"
                    "[rtp]\naudio_rtp_port=7078\n"
                    "[video]\nautomatically_initiate=0\n")
        os.makedirs(os.path.join(self.tmp, ".local/share/linphone"))
        phone = self.start("out", "linphonec", "-c", path)
        self.says("linphonec>")
        return phone

    def flows(self, seconds=8):
        """Media passes in both directions."""
        first = self.passed()
        until(lambda: all(n >= first[k] + 8 for k, n in self.passed().items()),
              seconds, f"media flows both ways since {first}")

    def rests(self):
        """No media passes, but for packets that were on their way and reports."""
        time.sleep(0.7)
        first = self.passed()
        time.sleep(1)
        now = self.passed()
        check(all(n <= first[k] + 5 for k, n in now.items()),
              f"media rests: {first} to {now}")

    def rings(self):
        """Everybody is there: a proxy and two telephones, one that answers
        and one that only rings."""
        self.kamailio()
        self.baresip("loud", GATEWAY, "auto", "10000-10100")
        self.baresip("quiet", HOST, "manual", "11000-11100")


@contextlib.contextmanager
def agents(net):
    """With RECORD, the name of a file, the signalling goes there, too."""
    a = Agents(net)
    try:
        if "RECORD" in os.environ:
            a.start("fw", "tcpdump", "-qU", "-i", "i0", "-w",
                    os.environ["RECORD"], "udp port 5060")
            a.says("listening on")
        yield a
    except Exception:
        a.show()
        raise
    finally:
        a.close()


NEEDS = ("kamailio", "baresip", "ss")
SERVER = f"\tserver {PBX}\n\tmedia {{ {GATEWAY} {HOST} }} port 10000:20000\n"


@scenario(egress=False, needs=NEEDS)
def baresip_holds_and_resumes_through_a_forking_proxy(net):
    d = net.pinholed(conf=conf(SERVER))
    with agents(net) as a:
        a.rings()
        a.baresip("out", PHONE, "manual", "4000-4100")
        a.tell("out", f"dial sip:x@{PBX}")
        opened = d.expect(5, event="open", dir="in", src=PHONE, dst=GATEWAY,
                          reason="answer")
        check(10000 <= opened["dport"] <= 10100, "a port of the one that "
              "answered")
        a.flows()
        # Hold by the caller, and by the callee: each re-INVITEs with a
        # number of its own.
        for who in ("out", "loud"):
            a.tell(who, "hold")
            a.rests()
            a.tell(who, "resume")
            a.flows()
        check(len(d.events) == 2, "hold and resume leave the pinholes alone")
        a.tell("out", "hangup")
        d.expect(5, event="close", dir="in", id=opened["id"], reason="bye")
        a.rests()
        d.quiet(event="open", dst=HOST)


@scenario(egress=False, needs=NEEDS)
def baresip_on_hold_with_hold_close(net):
    d = net.pinholed(conf=conf(SERVER + "\thold close\n"))
    with agents(net) as a:
        a.rings()
        a.baresip("out", PHONE, "manual", "4000-4100")
        a.tell("out", f"dial sip:x@{PBX}")
        first = d.expect(5, event="open", dir="in", src=PHONE, dst=GATEWAY)
        a.flows()
        a.tell("out", "hold")
        d.expect(5, event="close", id=first["id"], reason="replaced")
        a.rests()
        a.tell("out", "resume")
        d.expect(5, event="open", dir="in", dst=GATEWAY, reason="reinvite")
        a.flows()
        a.tell("loud", "hangup")
        d.expect(5, event="close", dir="in", reason="bye")
        a.rests()


@scenario(egress=False, needs=NEEDS)
def baresip_calls_from_inside_without_the_proxy(net):
    d = net.pinholed(conf=conf())
    with agents(net) as a:
        a.baresip("loud", GATEWAY, "manual", "10000-10100")
        a.baresip("out", PHONE, "auto", "4000-4100")
        a.tell("loud", f"dial sip:out@{PHONE}")
        d.expect(5, event="open", dir="in", src=PHONE, dst=GATEWAY)
        a.flows()
        a.tell("loud", "hangup")
        d.expect(5, event="close", dir="in", reason="bye")
        a.rests()


@scenario(egress=False, needs=("linphonec", *NEEDS))
def linphone_calls_through_a_forking_proxy(net):
    d = net.pinholed(conf=conf(SERVER))
    with agents(net) as a:
        a.rings()
        phone = a.linphone()

        def say(text):
            phone.stdin.write(text + "\n")
            phone.stdin.flush()
        say("soundcard use files")
        say(f"call sip:x@{PBX};transport=udp")
        opened = d.expect(10, event="open", dir="in", src=PHONE, dst=GATEWAY,
                          reason="answer")
        a.flows()
        say("pause")
        a.rests()
        say("resume")
        a.flows()
        say("terminate")
        d.expect(5, event="close", dir="in", id=opened["id"], reason="bye")
        a.rests()
        d.quiet(event="open", dst=HOST)


def fields(text):
    return text.split("\r\n\r\n")[0].count("\r\n")


def relayed_call(net, call_id, offer, answer, size=0):
    """A call between two outside phones by the proxy inside, as far as the
    200; the proxy adds and removes what it likes.  With `size`, the answer's
    head has so many fields; returns how many the proxy sent on."""
    a = net.socket("out", PHONE, 5060)
    b = net.socket("out", EVIL, 5060)
    a.sendto((
        f"INVITE sip:x@{PBX} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {PHONE}:5060;branch=z9hG4bK{call_id}\r\n"
        f"From: <sip:a@{PHONE}>;tag=a\r\nTo: <sip:x@{PBX}>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:a@{PHONE}>\r\nMax-Forwards: 70\r\n"
        f"Content-Type: application/sdp\r\n"
        f"Content-Length: {len(offer)}\r\n\r\n{offer}").encode(),
        (PBX, 5060))
    invite = b.recv(65535).decode()
    check(offer in invite, "the proxy relays the offer as it is")
    kept = re.findall(r"(?m)^(?:Via|From|Call-ID|CSeq|Record-Route):.*\r\n",
                      invite)
    kept += [f"X-{n}: y\r\n" for n in range(size - len(kept) - 4)]
    b.sendto((
        "SIP/2.0 200 OK\r\n" + "".join(kept) +
        f"To: <sip:x@{PBX}>;tag=b\r\nContact: <sip:b@{EVIL}>\r\n"
        f"Content-Type: application/sdp\r\n"
        f"Content-Length: {len(answer)}\r\n\r\n{answer}").encode(),
        (PBX, 5060))
    text = ""
    while not text.startswith("SIP/2.0 200"):
        text = a.recv(65535).decode()
    check(answer in text, "the proxy relays the answer as it is")
    a.close()
    b.close()
    return fields(text)


@scenario(needs=("kamailio", "ss"))
def a_proxy_that_relays_a_lie_opens_nothing(net):
    d = net.pinholed(conf=conf(SERVER.replace("10000:20000", "1024:65535")))
    database = net.socket("in", PBX, 5432, socket.SOCK_STREAM)
    database.listen()
    msrp = {"kind": "message", "proto": "TCP/MSRP *"}
    lies = ((sdp(PBX, 5432, **msrp), PHONE, EVIL),
            (sdp(GATEWAY, 12000), PHONE, EVIL))
    with agents(net) as a:
        a.kamailio(f'$ru = "sip:b@{EVIL}:5060";')
        for n, (lie, caller, callee) in enumerate(lies):
            more = msrp if "MSRP" in lie else {}
            relayed_call(net, f"offer{n}", lie, sdp(callee, 7000, **more))
            relayed_call(net, f"answer{n}", sdp(caller, 7000, **more), lie)
        # Too many fields for us, until the proxy has taken its Via off.
        sent = relayed_call(net, "long", sdp(PHONE, 7000),
                            sdp(GATEWAY, 12002), 129)
        check(sent == 128, f"the proxy sends on a field less: {sent}")
        d.expect(event="refuse", dst=GATEWAY, dport=12002, reason="address")
        d.expect(event="refuse", dst=PBX, dport=5432, reason="address")
        d.expect(event="refuse", dst=GATEWAY, dport=12000, reason="address")
        d.quiet(event="open")
        for who in (PHONE, EVIL):
            s = net.socket("out", who, 0, socket.SOCK_STREAM)
            s.settimeout(1)
            try:
                s.connect((PBX, 5432))
            except OSError:
                continue
            check(False, f"{who} reaches TCP 5432 of the proxy")
