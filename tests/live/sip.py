# SPDX-License-Identifier: ISC
"""Just enough SIP to play both ends of a call, message by message."""
import itertools
import socket

from net import Failure, check, name

_serial = itertools.count(1)


def sdp(addr, port, *, kind="audio", proto="RTP/AVP 0", extra=""):
    fam = "IP6" if ":" in addr else "IP4"
    return (f"v=0\r\no=- 1 1 IN {fam} {addr}\r\ns=-\r\nc=IN {fam} {addr}\r\n"
            f"t=0 0\r\nm={kind} {port} {proto}\r\n{extra}")


class Wire:
    """One signalling path between two ends: UDP sockets, or a TCP pair."""

    def __init__(self, a, b, a_to=None, b_to=None):
        self.sock = {"a": a, "b": b}
        self.to = {"a": a_to or name(b), "b": b_to or name(a)}

    def send(self, side, text, arrive=True):
        other = "b" if side == "a" else "a"
        s, r = self.sock[side], self.sock[other]
        data = text.encode()
        if s.type == socket.SOCK_STREAM:
            s.sendall(data)
        else:
            s.sendto(data, self.to[side])
        if not arrive:
            return
        got = b""
        while len(got) < len(data):
            try:
                part = r.recv(65535)
            except socket.timeout:
                raise Failure(f"signalling did not arrive: {text[:60]!r}") \
                    from None
            if s.type == socket.SOCK_STREAM:
                got += part
            elif part == data:
                return


class Call:
    """A dialog: caller is side `a` of the wire unless said otherwise."""

    def __init__(self, wire, caller="a", transport="UDP"):
        n = next(_serial)
        self.wire, self.caller = wire, caller
        self.callee = "b" if caller == "a" else "a"
        self.call_id = f"call{n}@live"
        self.tags = {self.caller: f"from{n}", self.callee: f"to{n}"}
        self.cseq = {"a": 0, "b": 100}
        self.transport = transport
        self.branches = {}

    def request(self, side, method, body="", *, tag=True, cseq=None,
                branch=None, arrive=True, wire=None, tags=None, headers=""):
        other = "b" if side == "a" else "a"
        tags = tags or self.tags
        if cseq is None:
            if method not in ("ACK", "CANCEL"):
                self.cseq[side] += 1
            cseq = self.cseq[side]
        if branch is None:
            branch = self.branches.get((side, cseq)) if method == "CANCEL" \
                else f"z9hG4bK{self.call_id}{side}{cseq}{method}"
        self.branches[(side, cseq)] = branch
        sip = self.wire.to[side]
        host = f"[{sip[0]}]" if ":" in sip[0] else sip[0]
        me = name(self.wire.sock[side])
        mehost = f"[{me[0]}]" if ":" in me[0] else me[0]
        to = f"<sip:x@{host}>" + (f";tag={tags[other]}" if tag else "")
        text = (f"{method} sip:x@{host} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.transport} {mehost}:5060;"
                f"branch={branch}\r\n"
                f"From: <sip:y@{mehost}>;tag={tags[side]}\r\nTo: {to}\r\n"
                f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:y@{mehost}>\r\nMax-Forwards: 70\r\n{headers}")
        if body:
            text += "Content-Type: application/sdp\r\n"
        text += f"Content-Length: {len(body)}\r\n\r\n{body}"
        self.last = (side, method, cseq, branch)
        (wire or self.wire).send(side, text, arrive)
        return self.last

    def answer(self, status, body="", *, to=None, arrive=True, wire=None,
               headers=""):
        side, method, cseq, branch = to or self.last
        other = "b" if side == "a" else "a"
        host = name(self.wire.sock[side])[0]
        host = f"[{host}]" if ":" in host else host
        text = (f"SIP/2.0 {status} Whatever\r\n"
                f"Via: SIP/2.0/{self.transport} {host}:5060;"
                f"branch={branch}\r\n"
                f"From: <sip:y@{host}>;tag={self.tags[side]}\r\n"
                f"To: <sip:x@{host}>;tag={self.tags[other]}\r\n"
                f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"{headers}")
        if body:
            text += "Content-Type: application/sdp\r\n"
        text += f"Content-Length: {len(body)}\r\n\r\n{body}"
        (wire or self.wire).send(other, text, arrive)

    def set_up(self, offer, answer):
        self.request(self.caller, "INVITE", offer, tag=False)
        invite = self.last
        self.answer(180, to=invite)
        self.answer(200, answer, to=invite)
        self.request(self.caller, "ACK", cseq=invite[2])
        return self

    def reinvite(self, side, offer, answer, status=200):
        self.request(side, "INVITE", offer)
        invite = self.last
        self.answer(status, answer, to=invite)
        self.request(side, "ACK", cseq=invite[2])

    def hang_up(self, side=None):
        self.request(side or self.caller, "BYE")
        self.answer(200)


def tcp_wire(net, a_addr, b_addr, via=None):
    """A TCP connection from outside to inside; returns its wire."""
    listener = net.socket("in", b_addr, 5060, socket.SOCK_STREAM)
    listener.listen()
    a = net.socket("out", a_addr, 0, socket.SOCK_STREAM)
    a.connect((via or b_addr, 5060))
    b, _ = listener.accept()
    b.settimeout(2)
    check(b is not None, "accepted")
    net.sockets.append(b)
    return Wire(a, b)
