#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Write the captures of FTP and TFTP in test-pcaps/; see build.py.

Inside a client or a server (i), outside the other (o), and somebody else on
either side (h inside, x outside).
"""
import sys

from build import ADDR, PROTECT, write_all
from wire import ip, tcp, udp

FTP = PROTECT + "ftp { port 21 }\n"
TFTP = PROTECT + "tftp { port 69 }\n"

SYN, ACK, FIN = 2, 16, 1

cases = {}


def case(room, about, conf):
    def register(f):
        name = f.__name__.strip("_").replace("_", "-")
        cases[f"{room}/{name}"] = (f, about, conf, "ethernet", 0)
        return f
    return register


def numbers(addr, port):
    return ",".join([*ADDR.get(addr, addr).split("."), str(port >> 8),
                     str(port & 255)])


class Control:
    """A control connection; each packet a hundredth of a second after the
    last, each line a tenth."""

    def __init__(self, client="i", server="o", sport=40000):
        self.packets, self.at = [], 0.0
        self.ends = {"C": (ADDR[client], sport), "S": (ADDR[server], 21)}
        self.seq = {"C": 1000, "S": 5000}
        self._send("C", b"", SYN)
        self.seq["C"] += 1
        self._send("S", b"", SYN | ACK)
        self.seq["S"] += 1
        self._send("C", b"", ACK)

    def _send(self, side, data, flags=ACK, seq=None):
        src = self.ends[side]
        peer = "S" if side == "C" else "C"
        dst = self.ends[peer]
        seq = self.seq[side] if seq is None else seq
        self.packets.append((round(self.at, 6), ip(
            src[0], dst[0], 6, tcp(data, seq, flags, src[1], dst[1],
                                  self.seq[peer]),
            len(self.packets))))
        self.at += 0.01

    def wait(self, seconds):
        self.at += seconds
        return self

    def raw(self, side, data, cuts=()):
        """Bytes, cut up at these places."""
        self.at += 0.09
        places = [0, *cuts, len(data)]
        for a, b in zip(places, places[1:]):
            self._send(side, data[a:b])
            self.seq[side] += b - a
        return self

    def backwards(self, side, data, cuts):
        """The same, with the last segment first."""
        self.at += 0.09
        places = [0, *cuts, len(data)]
        for a, b in reversed(list(zip(places, places[1:]))):
            self._send(side, data[a:b], seq=self.seq[side] + a)
        self.seq[side] += len(data)
        return self

    def c(self, *lines):
        return self.raw("C", b"".join(s.encode() + b"\r\n" for s in lines))

    def s(self, *lines):
        return self.raw("S", b"".join(s.encode() + b"\r\n" for s in lines))

    def login(self):
        return self.s("220-hello", "220 ready").c("USER ftp") \
            .s("331 password?").c("PASS x@").s("230 welcome") \
            .c("TYPE I").s("200 ok")

    def transfer(self):
        return self.c("RETR file").s("150 here it comes").s("226 done")

    def quit(self):
        self.c("QUIT").s("221 bye")
        for side in "CS":
            self._send(side, b"", FIN | ACK)
            self.seq[side] += 1
        return self


def p227(port, addr="o"):
    return f"227 Entering Passive Mode ({numbers(addr, port)})."


def p229(port):
    return f"229 Entering Extended Passive Mode (|||{port}|)"


@case("ftp", "PASV: outward to the port of the 227, until the transfer is "
      "done.  Nothing else of the session opens anything.", FTP)
def pasv():
    return Control().login().c("PASV").s(p227(50000)).transfer().quit()


@case("ftp", "PORT: inward to the port that the protected client named.", FTP)
def port():
    return Control().login().c(f"PORT {numbers('i', 51000)}") \
        .s("200 ok").transfer().quit()


@case("ftp", "EPSV: outward to the control peer, which a 229 cannot name.",
      FTP)
def epsv():
    return Control().login().c("EPSV").s(p229(50001)).transfer() \
        .c("EPSV 1").s(p229(50002)).transfer().quit()


@case("ftp", "EPRT with the usual delimiter, and with another.", FTP)
def eprt():
    return Control().login().c("EPRT |1|192.0.2.10|51000|").s("200 ok") \
        .transfer().c("EPRT !1!192.0.2.10!51001!").s("200 ok").transfer() \
        .quit()


@case("ftp", "IPv6: EPSV and EPRT; a PORT names an address of the wrong "
      "family.", FTP)
def ipv6():
    return Control("I", "O").login().c("EPSV").s(p229(50000)).transfer() \
        .c("EPRT |2|2001:DB8:2:0::10|51000|").s("200 ok").transfer() \
        .c(f"PORT {numbers('i', 51001)}").s("522 no").quit()


@case("ftp", "A 227 and a PORT, a byte in each segment; the 227 before that "
      "in two, the second of which came first.", FTP)
def split():
    line = p227(50000).encode() + b"\r\n"
    again = p227(50001).encode() + b"\r\n"
    port_line = f"PORT {numbers('i', 51000)}\r\n".encode()
    return Control().login() \
        .c("PASV").backwards("S", line, (30,)).transfer() \
        .c("PASV").raw("S", again, range(1, len(again))).transfer() \
        .raw("C", port_line, range(1, len(port_line))).s("200 ok") \
        .transfer().quit()


@case("ftp", "A 227 that nobody asked for opens nothing, nor does a second "
      "one, one after an error, or one inside another reply.", FTP)
def unasked():
    return Control().login().s(p227(50000)) \
        .c("PASV").s("500 no").s(p227(50001)) \
        .c("STAT").s("211-status", p227(50002), "211 end") \
        .c("PASV").s("211-status", p227(50003), "211 end") \
        .c("PASV").s(p227(50004), p227(50005)).transfer().quit()


@case("ftp", "A 227 that names another host is refused, a protected one, too.",
      FTP)
def _227_other_host():
    return Control().login().c("PASV").s(p227(50000, "x")) \
        .c("PASV").s(p227(50000, "h")).quit()


@case("ftp", "PORT and EPRT that name another host, on either side, are "
      "refused.", FTP)
def port_bounce():
    return Control().login().c(f"PORT {numbers('h', 51000)}").s("500 no") \
        .c(f"PORT {numbers('x', 51000)}").s("500 no") \
        .c("EPRT |1|192.0.2.77|51000|").s("500 no").quit()


@case("ftp", "No port below 1024, whoever names it.", FTP)
def low_port():
    return Control().login().c(f"PORT {numbers('i', 22)}").s("200 ok") \
        .c("PASV").s(p227(22)).c("EPSV").s(p229(1023)) \
        .c("EPRT |1|192.0.2.10|0|").s("200 ok").quit()


@case("ftp", "A data connection that does not come: closed after two seconds, "
      "when the next is agreed on, when the server refuses it, or when the "
      "control connection ends, whichever is first.", FTP)
def unused():
    return Control().login().c("PASV").s(p227(50000)).wait(5) \
        .c("PASV").s(p227(50001)).c("PASV").s(p227(50002)) \
        .c(f"PORT {numbers('i', 51000)}").s("500 no") \
        .c("PASV").s(p227(50003)).quit().wait(5)


@case("ftp", "A transfer that takes longer than the pinhole is open is done, "
      "not idle: the connection lives on without it.", FTP)
def long_transfer():
    return Control().login().c("PASV").s(p227(50000)).c("RETR file") \
        .s("150 here it comes").wait(60).s("226 done").quit()


HELLO = b"\x16\x03\x01\x00\x10" + bytes(range(16))


def record(data):
    return b"\x17\x03\x03" + len(data).to_bytes(2, "big") + data


@case("ftp", "AUTH TLS: what is encrypted is not read, though it look like a "
      "command; after CCC, the connection is readable again.", FTP)
def auth_tls():
    hidden = f"PORT {numbers('i', 51000)}\r\n".encode()
    return Control().s("220 ready").c("AUTH TLS").s("234 go ahead") \
        .raw("C", HELLO).raw("S", HELLO).raw("C", record(hidden), (7, 9)) \
        .raw("S", record(b"\r\n" + p227(50000).encode() + b"\r\n")) \
        .raw("C", record(b"CCC")).raw("S", record(b"200 ok")) \
        .c("PASV").s(p227(50001)).transfer().quit()


@case("ftp", "After EPSV ALL only EPSV opens anything; one that the server "
      "does not know changes nothing.", FTP)
def epsv_all():
    return Control().login().c("EPSV ALL").s("500 what?") \
        .c("PASV").s(p227(50000)).transfer() \
        .c("EPSV ALL").s("200 ok").c(f"PORT {numbers('i', 51000)}") \
        .s("200 ok").c("PASV").s(p227(50001)) \
        .c("EPRT |1|192.0.2.10|51001|").s("200 ok") \
        .c("EPSV").s(p229(50002)).transfer().quit()


@case("ftp", "Only whole lines count: not the middle of one, not what follows "
      "a lone LF, a lone CR or a NUL, not the end of one too long.", FTP)
def mid_line():
    inside = f"PORT {numbers('i', 51000)}\r\n".encode()
    reply = p227(50000).encode() + b"\r\n"
    return Control().login().raw("C", b"CWD " + inside) \
        .raw("C", b"CWD x\n" + inside).raw("C", b"CWD x\r" + inside) \
        .raw("C", b"CWD x\0" + inside) \
        .raw("C", b"CWD " + b"x" * 1000 + inside) \
        .raw("S", b"550 no\r\n" * 5) \
        .c("PASV").raw("S", b"500 unknown: " + reply) \
        .c("PASV").raw("S", b"500 unknown: \n" + reply) \
        .c("PASV").s(p227(50001)).transfer().quit()


@case("ftp", "Commands and replies of several transfers in one segment; each "
      "reply is that of its command.", FTP)
def pipelined():
    return Control().login().c("CWD a", "SIZE x", "PASV", "RETR x") \
        .s("250 ok", "550 no", p227(50000), "150 here", "226 done") \
        .c("NOOP", "PASV").s("200 ok", "227-two lines",
                             p227(50001)).transfer().quit()


@case("ftp", "Two readings of a reply, and ones without parentheses.", FTP)
def replies():
    return Control().login() \
        .c("PASV").s(f"227 Entering Passive Mode {numbers('o', 50000)}") \
        .transfer().c("PASV").s(f"227 ={numbers('o', 50001)}").transfer() \
        .c("PASV").s(f"227 {numbers('o', 50002)} or {numbers('o', 50003)}") \
        .c("PASV").s("227 Entering Passive Mode (192,0,2)").quit()


@case("ftp", "The server is inside: inward for PASV and EPSV, outward for "
      "PORT; an outside client cannot name an inside host.", FTP)
def server_inside():
    return Control("o", "i").login().c("PASV").s(p227(50000, "i")) \
        .transfer().c("EPSV").s(p229(50001)).transfer() \
        .c(f"PORT {numbers('o', 51000)}").s("200 ok").transfer() \
        .c(f"PORT {numbers('h', 51000)}").s("500 no").quit()


@case("ftp", "A capture that begins in the middle of a session: from the next "
      "whole line on it counts.", FTP)
def joined():
    play = Control().login()
    play.packets = []
    return play.raw("C", f"{numbers('i', 51000)}\r\n".encode()) \
        .s("200 ok").c("TYPE I").s("200 ok").c("PASV").s(p227(50000)) \
        .transfer().c(f"PORT {numbers('i', 51001)}").s("200 ok").transfer() \
        .quit()


@case("ftp", "Between two protected hosts: inward, whoever calls.", FTP)
def between_protected():
    return Control("i", "h").login().c("PASV").s(p227(50000, "h")) \
        .transfer().c(f"PORT {numbers('i', 51000)}").s("200 ok").transfer() \
        .quit()


@case("ftp", "With `loose`, a data connection may go to another host, but "
      "only a protected one may name a protected one.",
      PROTECT + "ftp { loose yes }\n")
def loose():
    return Control().login().c("PASV").s(p227(50000, "x")).transfer() \
        .c(f"PORT {numbers('h', 51000)}").s("200 ok").transfer() \
        .c("PASV").s(p227(50001, "h")) \
        .c("PORT 127,0,0,1,199,56").s("500 no").quit()


@case("ftp", "A server that takes two seconds to agree, and a client that "
      "takes nearly two to ask: the time of active mode runs anew.", FTP)
def slow_server():
    return Control().login().c(f"PORT {numbers('i', 51000)}").wait(2) \
        .s("200 ok").wait(1.7).c("RETR a").wait(1.7).s("150 here") \
        .wait(5).s("226 done").quit()


@case("ftp", "A browser that was talked into sending a form to port 21.", FTP)
def http():
    return Control().s("220 ready").raw("C", (
        "POST / HTTP/1.1\r\nHost: 198.51.100.7:21\r\n\r\n"
        f"PORT {numbers('i', 51000)}\r\n").encode()).s("500 what?").quit()


@case("ftp", "The same in two parts, by a method of the page's own choice: "
      "the second is no beginning.", FTP)
def http_in_parts():
    return Control().s("220 ready").raw(
        "C", b"NOOP /x HTTP/1.1\r\n").s("200 ok").raw("C", (
            "Host: 198.51.100.7:21\r\n\r\n"
            f"PORT {numbers('i', 51000)}\r\n").encode()).s("200 ok").quit()


@case("ftp", "A browser that was told of a TURN server at port 21, and of a "
      "user name with lines in it.", FTP)
def turn():
    return Control().raw("C", b"\0\3\0\x40\x21\x12\xa4\x42user" + (
        f"\r\nPORT {numbers('i', 51000)}\r\n").encode()).s("200 ok").quit()


class Requests:
    def __init__(self):
        self.packets, self.at = [], 0.0

    def send(self, path, data, sport=50232, dport=69):
        src, dst = ADDR[path[0]], ADDR[path[2]]
        self.packets.append((round(self.at, 6), ip(
            src, dst, 17, udp(data, sport, dport), len(self.packets))))
        self.at += 0.1
        return self

    def wait(self, seconds):
        self.at += seconds
        return self


def request(code, name, *options, mode="octet"):
    parts = (name, mode, *options)
    return bytes([0, code]) + b"".join(p.encode() + b"\0" for p in parts)


RRQ = request(1, "SEP0014F2.cnf.xml")


@case("tftp", "A read request opens the server, any port, to the port of the "
      "client; thirty seconds of silence close it.", TFTP)
def rrq():
    return Requests().send("i>o", RRQ).wait(100).send("i>o", RRQ, 50233)


@case("tftp", "A write request opens the same.", TFTP)
def wrq():
    return Requests().send("i>o", request(2, "config", mode="netascii"))


@case("tftp", "Options, known and unknown, in a request of more than one "
      "block, and garbage behind.", TFTP)
def options():
    return Requests() \
        .send("i>o", request(1, "pxelinux.0", "blksize", "1428", "tsize", "0",
                             "timeout", "5", "windowsize", "16")) \
        .send("i>o", request(1, "a", *["x-option", "y" * 100] * 10), 50233) \
        .send("i>o", RRQ + b"\0\0\xff\xfe", 50234)


@case("tftp", "IPv6.", TFTP)
def ipv6_rrq():
    return Requests().send("I>O", RRQ)


@case("tftp", "The server is inside: its answers leave from any port to the "
      "port of the client.", TFTP)
def server_inside_rrq():
    return Requests().send("o>i", RRQ)


@case("tftp", "Repeated requests are one transfer, and its silence begins "
      "anew; another file from the same port is the same pinhole.", TFTP)
def repeated():
    r = Requests()
    for _ in range(5):
        r.send("i>o", RRQ).wait(20)
    return r.send("i>o", request(1, "other"))


@case("tftp", "What opens nothing: other packets, requests that are none, a "
      "port below 1024, two outside hosts, a broadcast.", TFTP)
def nothing():
    return Requests().send("i>o", b"\0\3\0\1data") \
        .send("i>o", b"\0\5\0\1no\0").send("i>o", b"\0\1file") \
        .send("i>o", b"\0\1\0octet\0").send("i>o", b"\0\1file\0raw\0") \
        .send("i>o", RRQ, 69).send("i>o", RRQ, 1023) \
        .send("o>x", RRQ).send("i>o", RRQ, 50232, 6969)


@case("tftp", "Only what `allow` and `file` let through.", PROTECT +
      'tftp { allow read file { "SEP*.cnf.xml" "*.loads" } }\n')
def allow():
    return Requests().send("i>o", RRQ) \
        .send("i>o", request(2, "SEP0014F2.cnf.xml"), 50233) \
        .send("i>o", request(1, "passwd"), 50234) \
        .send("i>o", request(1, "term45.default.loads"), 50235)


if __name__ == "__main__":
    sys.exit(write_all(cases, "transfers.py"))
