# SPDX-License-Identifier: ISC
"""Signalling that a PBX mirrors by HEP.

Kamailio takes calls by TLS and mirrors what it reads and writes; the phones are
baresip.  Where it has to be exactly so, the mirror is played by this process.
"""
import glob
import os
import signal
import socket
import subprocess
import sys
import time

import agents
from agents import Agents
from net import (FW_IN, GATEWAY, HOST, PBX, PHONE, Failure, Stream, Unable,
                 check, conf, name, passes, until)
from scenarios import closes, media, scenario, shut, signalling
from sip import Call, sdp
from status import connect, counters

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                             "pcaps"))
from wire import hep  # noqa: E402 pylint: disable=wrong-import-position

KEY = b"a secret of ours"
HEP = """hep {{
\tlisten on {at} port 9060
\tfrom {{ {sender} }}
\tkey "{key}"
}}
"""
KAMAILIO = agents.KAMAILIO.replace("disable_tcp=yes", f"""enable_tls=yes
listen=tls:{PBX}:5061""").replace('loadmodule "tm.so"', f"""
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "siptrace.so"
modparam("tls", "private_key", "TMP/key.pem")
modparam("tls", "certificate", "TMP/cert.pem")
modparam("tls", "tls_method", "TLSv1.2+")
modparam("siptrace", "duplicate_uri", "sip:{FW_IN}:9060")
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", 3)
modparam("siptrace", "auth_key", "{KEY.decode()}")
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_mode", 1)
""").replace("ROUTE", f'$ru = "sip:loud@{GATEWAY}:5060";')


def mirrored(net, sip=agents.SERVER, sender=PBX, at=FW_IN):
    """A daemon to which one may mirror."""
    for proto in ("udp", "tcp"):
        net.run("fw", "nft", "add", "rule", "inet", "filter", "input",
                proto, "dport", "9060", "accept")
    path = f"/run/{net.tag}.hep"
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
        f.write(KEY + b"\n")
    return net.pinholed(conf=conf(sip, HEP.format(sender=sender, key=path,
                                                  at=at)))


def counted(**want):
    seen = {}

    def as_wanted():
        now = counters()
        seen.update({k: now.get(k) for k in want})
        return seen == want
    try:
        until(as_wanted, 5, "counters")
    except Failure:
        raise Failure(f"counters: {want}, not {seen}") from None


class TlsAgents(Agents):
    def kamailio(self, route=""):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", f"/CN={PBX}", "-days", "2", "-keyout",
             f"{self.tmp}/key.pem", "-out", f"{self.tmp}/cert.pem"],
            check=True, capture_output=True)
        path = os.path.join(self.tmp, "kamailio.cfg")
        with open(path, "w", encoding="ascii") as f:
            f.write(KAMAILIO.replace("TMP", self.tmp))
        self.start("in", "kamailio", "-DD", "-E", "-f", path, "-Y", self.tmp,
                   "-P", os.path.join(self.tmp, "pid"))
        until(lambda: f"{PBX}:5061" in self.net.run("in", "ss", "-Hltn"), 15,
              "kamailio listens by TLS")

    def blocked(self):
        before = self.passed()
        s = self.net.socket("out", PHONE, 4990)
        for port in (10000, 10002, 10050):
            s.sendto(b"x", (GATEWAY, port))
        time.sleep(0.3)
        check(self.passed() == before, "nothing passes before the call")


def gone(d, **want):
    d.expect(5, event="close", **want)


@scenario(egress=False, extra="tcp dport 5061 accept",
          needs=(*agents.NEEDS, "openssl"))
def kamailio_mirrors_a_call_by_tls(net):
    if not glob.glob("/usr/lib/*/kamailio/modules/tls.so"):
        raise Unable("kamailio has no TLS")
    d = mirrored(net)
    a = TlsAgents(net)
    try:
        a.kamailio()
        a.baresip("loud", GATEWAY, "auto", "10000-10100")
        a.baresip("out", PHONE, "manual", "4000-4100")
        a.blocked()
        a.tell("out", f"dial sip:x@{PBX}:5061;transport=tls")
        opened = d.expect(10, event="open", dir="in", src=PHONE, dst=GATEWAY,
                          reason="answer")
        check(10000 <= opened["dport"] <= 10100, "a port of the phone inside")
        a.flows()
        # Each hold is a re-INVITE by TLS.
        a.tell("out", "hold")
        a.rests()
        a.tell("out", "resume")
        a.flows()
        a.tell("out", "hangup")
        gone(d, dir="in", id=opened["id"], reason="bye")
        a.rests()
        n = counters()
        check(n["hep_messages"] >= 10 and n["pinholes"] == 0, n)
        check(len([e for e in d.events if e["event"] == "open"]) == 2, d.events)
        # HEP that kamailio sends to us from port 5060 is not taken for SIP.
        check(n["sip_rejected_syntax"] == 0 and n["sip_messages"] ==
              n["hep_messages"], n)
        # The call goes on to the phone inside by UDP, which we need not know.
        check(n["hep_refused_ends"] >= 10, n)
        check(all(v == 0 for k, v in n.items() if "hep_refused" in k and
                  k != "hep_refused_ends"), n)
    except Exception:
        a.show()
        raise
    finally:
        a.close()


class Mirror:
    """Tells of a call between PHONE and PBX by TLS that nobody sees."""

    def __init__(self, net, call, sender=PBX, key=KEY, stream=False):
        self.net, self.call, self.key = net, call, key
        kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
        self.sock = net.socket("in", sender, 0, kind)
        self.to = None if stream else (FW_IN, 9060)
        if stream:
            self.sock.connect((FW_IN, 9060))

    def send(self, packet):
        if self.to:
            self.sock.sendto(packet, self.to)
        else:
            self.sock.sendall(packet)

    def tell(self, src, what, cseq=1, body="", ttag=";tag=b"):
        method = what.split()[-1]
        first = f"SIP/2.0 {what[:3]} X" if what[0].isdigit() \
            else f"{method} sip:x@{PBX} SIP/2.0"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        text = (f"{first}\r\nVia: SIP/2.0/TLS {PHONE};"
                f"branch=z9hG4bK{self.call}{cseq}{method}\r\n"
                f"From: <sip:a@{PHONE}>;tag=a\r\nTo: <sip:x@{PBX}>{ttag}\r\n"
                f"Call-ID: {self.call}\r\nCSeq: {cseq} {method}\r\n{kind}"
                f"Content-Length: {len(body)}\r\n\r\n{body}")
        self.send(hep(src, PBX if src == PHONE else PHONE, text.encode(),
                      key=self.key))

    def invite(self):
        self.tell(PHONE, "INVITE", 1, sdp(PHONE, 4000), ttag="")

    def answer(self):
        self.tell(PBX, "200 INVITE", 1, sdp(PBX, 10000))

    def hang_up(self):
        self.tell(PHONE, "BYE", 2)
        self.tell(PBX, "200 BYE", 2)


@scenario(egress=False)
def a_forged_mirror_changes_nothing(net):
    d = mirrored(net, sip="")
    p, m = media(net)
    forged = (Mirror(net, "key", key=b"a secret of thei"),
              Mirror(net, "none", key=None),
              Mirror(net, "long", key=KEY + b"\0"),
              Mirror(net, "sender", sender=HOST),
              Mirror(net, "stream", key=b"a secret", stream=True))
    for mirror in forged:
        mirror.invite()
        mirror.answer()
    counted(hep_refused_key=8, hep_refused_sender=2, hep_messages=0)
    # By TCP, a sender that is not listed is not even read.
    stranger = net.socket("in", HOST, 0, socket.SOCK_STREAM)
    stranger.connect((FW_IN, 9060))
    check(stranger.recv(1) == b"", "closed at once")
    counted(hep_refused_sender=3)
    shut(p, m)
    check(not d.events, d.events)
    # A call that is open is not closed by them either.
    good = Mirror(net, "key")
    good.invite()
    good.answer()
    d.expect(event="open", dir="in", dst=PBX)
    check(passes(p, m, name(m)), "media of the call")
    for mirror in forged:
        mirror.call = "key"
        mirror.hang_up()
    counted(hep_refused_key=16, hep_refused_sender=5)
    check(passes(p, m, name(m)), "media of the call")
    d.quiet(event="close")
    good.hang_up()
    gone(d, dir="in", reason="bye")
    closes(p, m)
    for packet in (b"HEP3", b"HEP3\0\5", b"", os.urandom(60000)):
        good.send(packet)
    counted(hep_refused_malformed=4)


@scenario(egress=False)
def a_mirror_by_tcp_outlives_a_reload_and_a_crash(net):
    d = mirrored(net, sip="")
    p, m = media(net)
    first = Mirror(net, "c1", stream=True)
    first.invite()
    first.answer()
    d.expect(event="open", dir="in", dst=PBX)
    stream = Stream(p, m)
    stream.flows()
    d.proc.send_signal(signal.SIGHUP)
    check(first.sock.recv(1) == b"", "closed by the reload")
    again = Mirror(net, "c2", stream=True)
    again.invite()
    counted(calls=2)
    d.kill("engine")
    check(again.sock.recv(1) == b"", "closed by the crash")
    # Packets that come before there is another engine wait.
    again = Mirror(net, "c1", stream=True)
    again.hang_up()
    gone(d, call="c1", dir="in", reason="bye")
    stream.stop()
    closes(p, m)
    # More connections than there is room for: the oldest one ends.
    many = [Mirror(net, f"many{n}", stream=True) for n in range(33)]
    check(again.sock.recv(1) == b"", "made room")
    many[-1].invite()
    many[-1].answer()
    d.expect(event="open", call="many32", dir="in", dst=PBX)


@scenario()
def a_call_that_is_mirrored_and_read_counts_once(net):
    d = mirrored(net, sip="")
    wire = signalling(net)
    to = (FW_IN, 9060)
    mirror = net.socket("in", PBX, 0)
    send = wire.send

    def both(side, text, arrive=True):
        ends = (PHONE, PBX) if side == "a" else (PBX, PHONE)
        packet = hep(*ends, text.encode(), sport=5060, dport=5060, proto=17,
                     key=KEY)
        # First the one, then the other.
        if side == "b":
            mirror.sendto(packet, to)
        send(side, text, arrive)
        if side == "a":
            mirror.sendto(packet, to)
    wire.send = both
    p, m = media(net)
    call = Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in", dst=PBX)
    check(passes(p, m, name(m)), "media")
    call.hang_up()
    gone(d, dir="in", reason="bye")
    closes(p, m)
    counted(hep_messages=6, sip_copies=6, sip_messages=6,
            sip_retransmissions=0, calls_total=1)
    check(len(d.events) == 4, d.events)
