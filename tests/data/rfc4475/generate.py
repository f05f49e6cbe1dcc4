#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Write the torture messages; see the README beside this file."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
SDP = """v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.3
s=-
c=IN IP4 192.0.2.4
t=0 0
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
"""


def crlf(text):
    """Lines of source to lines of the wire."""
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return data.replace(b"\n", b"\r\n")


def write(name, head, body=b"", length=True, folder="rfc4475"):
    """One message; `length` adds the true Content-Length, or its value."""
    data = crlf(head.lstrip("\n") if isinstance(head, str) else head)
    body = crlf(body) if isinstance(body, str) else body
    if length is True:
        length = len(body)
    if length is not False:
        data += b"Content-Length: %d\r\n" % length
    path = os.path.join(HERE, "..", folder, name + ".msg")
    with open(path, "wb") as f:
        f.write(data + b"\r\n" + body)


def request(method, cseq=None, uri="sip:bob@example.com", **more):
    """An ordinary request, in which something is then made strange."""
    f = {
        "via": "Via: SIP/2.0/UDP h1.example.com;branch=z9hG4bKtort%s"
               % method.lower(),
        "max": "Max-Forwards: 70",
        "to": "To: <sip:bob@example.com>",
        "from": "From: <sip:alice@example.org>;tag=t0rture",
        "id": "Call-ID: %s.8b2f@h1.example.com" % method.lower(),
        "cseq": "CSeq: %s" % (cseq or "4711 " + method),
        "contact": "Contact: <sip:alice@192.0.2.33>",
        "rest": "",
        "line": "%s %s SIP/2.0" % (method, uri),
    }
    f.update(more)
    order = ["line", "via", "max", "to", "from", "id", "cseq", "contact",
             "rest"]
    return "\n".join(f[k] for k in order if f[k]) + "\n"


def response(line, **more):
    f = {"line": line, "max": "", "contact": ""}
    f.update(more)
    return request(f.pop("method", "INVITE"), **f)


# 3.1.1: valid, however odd.

# White space wherever it may be, folds, compact names, any case, several
# values in one line, an empty value, escapes in quotes, unknown fields.
write("wsinv", """
INVITE sip:vik@chair.example.com;unknownparam SIP/2.0
TO :
 sip:vik@chair.example.com ;   tag    = 19x03n
from   : "J Rosen \\\\\\"" <sip:jdr@example.com>
  ;
  tag = 98a8ef
MaX-fOrWaRdS: 0068
Call-ID: wsinv.nd03x89@192.0.2.1
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390wsinv
s :
NewFangled:   value that
 goes on for a line
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     edge.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \\"\\"" <sip:jdr@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

""".rstrip("\n") + "\n", SDP)

# A method of all the characters a token may have, a URI of nearly all that a
# URI may have, and a NUL, escaped as the grammar allows, in a display name.
write("intmeth", b"""\
!wild-Method0123456789_*+`.%indeed'~ sip:1_un.s%27u-al!Us0r*~'(&=+$,%23%40;/?"""
      b""":&it+has=1,weird!*pas$wo~d_too.(%21)@example.com SIP/2.0
Via: SIP/2.0/TCP h1.example.com;branch=z9hG4bK-.!%66*_+`'~
To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_un.s%27u-al@example.com>
From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"""
      b""";fromParam''~+*_!.-%="D\xd1\x80\xd0\xb0";tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/"][?}{
CSeq: 139122385 !wild-Method0123456789_*+`.%indeed'~
Max-Forwards: 255
extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb
""")

# Escapes in a user part that, decoded, are those of another URI.
write("esc01", request(
    "INVITE", uri="sip:sips%3Auser%40example.com@example.net",
    to="To: sip:%75se%72@example.com", rest="Content-Type: application/sdp"),
    SDP)

# %00 in user parts.
write("escnull", request(
    "REGISTER", uri="sip:example.com", to="To: sip:null-%00-null@example.com",
    **{"from": "From: sip:null-%00-null@example.com;tag=839923423",
       "contact": "Contact: <sip:%00@host5.example.com>\n"
                  "Contact: <sip:%00%00@host5.example.com>"}))

# A % that escapes nothing, in the method and in a display name.
write("esc02", request(
    "RE%47IST%45R", uri="sip:registrar.example.com",
    to='To: "%Z%45" <sip:resource@example.com>'))

# No blank between the display name and the <.
write("lwsdisp", request(
    "OPTIONS", **{"from": "From: caller<sip:caller@example.com>;tag=323"}))

# Long values of everything.
LONG = "long" * 24
write("longreq", request(
    "INVITE", uri="sip:user@example.com",
    to='To: "A name of ' + "extreme" * 15 + ' length"<sip:user@example.com:6000'
       ';unknownparam1=very' + LONG + 'value;' + LONG + 'name=' + LONG
       + '>;more' + LONG + '=1',
    **{"from": "F: sip:" + "amazingly" + LONG + "callername@example.net"
               ";tag=12" + "982" * 50 + "424;unknown" + LONG + "=" + LONG,
       "id": "Call-ID: longreq.one" + "really" * 20 + LONG + "callid",
       "cseq": "3882340 INVITE",
       "rest": "Unknown-" + "Long" * 20 + "-Name: unknown-" + LONG + "-value\n"
               + "Via: SIP/2.0/TCP sip33.example.com\n"
               + "v: SIP/2.0/TCP sip32.example.com\n"
               + "V: SIP/2.0/TCP very" + LONG + "host.example.com;branch="
               + "verylong" * 15 + "\n" + "Content-Type: application/sdp"}),
      SDP)

# Two requests in one datagram; the second is none of the first's business.
second = crlf(request("INVITE", rest="Content-Type: application/sdp\n"
                      "Content-Length: %d" % len(crlf(SDP))) + "\n" + SDP)
write("dblreq", request("REGISTER", uri="sip:example.com", contact=""),
      second, 0)

# Semicolons in a user part are no parameters.
write("semiuri", request(
    "OPTIONS", uri="sip:user;par=u%40example.net@example.com",
    to="To: sip:bob_user@example.com"))

# Transports, known or not.
write("transports", request(
    "OPTIONS", via="\n".join(
        "Via: SIP/2.0/%s t%d.example.com;branch=z9hG4bKkdjuw%d" % (t, i, i)
        for i, t in enumerate(["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]))))

# Text and bytes that are no text, behind one another.
write("mpart01", request(
    "MESSAGE", contact="", rest="MIME-Version: 1.0\n"
    "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655"),
    b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\nHello\r\n"
    b"--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n"
    + bytes(range(256)) + b"\r\n--7a9cbec02ceef655--\r\n")

# A reason in other letters.
write("unreason", response(
    "SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e \u2014 "
    "\u043f\u0440\u043e\u0441\u0442\u043e\u0435",
    contact="Contact: <sip:user@host198.example.com>",
    rest="Content-Type: application/sdp"), SDP)

# No reason at all.
write("noreason", response("SIP/2.0 100 ", rest=""))

# 3.1.2: invalid.

# Separators that separate nothing.
write("badinv01", request(
    "INVITE", via="Via: SIP/2.0/UDP 192.0.2.15;;,;,,",
    contact='Contact: "Joe" <sip:joe@example.org>;;;;',
    rest="Content-Type: application/sdp"), SDP)

# Content-Length beyond the datagram.
write("clerr", request("INVITE", rest="Content-Type: application/sdp"), SDP,
      9999)

# Content-Length below zero.
write("ncl", request("INVITE", rest="Content-Type: application/sdp"), SDP,
      -999)

# Numbers beyond their fields, in a request and in a response.
write("scalar02", request(
    "REGISTER", uri="sip:example.com", max="Max-Forwards: 300",
    cseq="36893488147419103232 REGISTER",
    contact="Contact: <sip:user@host129.example.com>;expires=280297596632815",
    rest="Expires: 10000000000000000000000000"))
write("scalarlg", response(
    "SIP/2.0 503 Service Unavailable",
    cseq="9292394834772304023312 OPTIONS",
    rest="Retry-After: 949302838503028349304023988\n"
         'Warning: 1812 overture "In Progress"'))

# A quote that does not end.
write("quotbal", request(
    "INVITE", to='To: "Mr. J. User <sip:j.user@example.com>',
    rest="Content-Type: application/sdp"), SDP)

# <> around the Request-URI, blanks in it, around it and behind it all.
write("ltgtruri", request("INVITE", uri="<sip:user@example.com>"))
write("lwsruri", request("INVITE", uri="sip:user@example.com; lr"))
write("lwsstart", request("INVITE", line="INVITE  sip:user@example.com  "
                          "SIP/2.0"))
write("trws", request("OPTIONS", line="OPTIONS sip:remote@example.com "
                      "SIP/2.0  "))

# Headers in the Request-URI.
write("escruri", request(
    "INVITE", uri="sip:user@example.com?Route=%3Csip:example.com%3E",
    rest="Content-Type: application/sdp"), SDP)

# A date in a zone of its own.
write("baddate", request(
    "INVITE", rest="Date: Fri, 01 Jan 2010 16:00:00 EST\n"
    "Content-Type: application/sdp"), SDP)

# Headers in a Contact's URI that is not in <>.
write("regbadct", request(
    "REGISTER", uri="sip:example.com",
    contact="Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"))

# Blanks within the <> of To.
write("badaspec", request(
    "OPTIONS", to='To: "Watson, Thomas" < sip:t.watson@example.org >',
    contact=""))

# A comma in a display name that is not quoted.
write("baddn", request(
    "OPTIONS", contact="",
    **{"from": "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"}))

# Another version.
write("badvers", request(
    "OPTIONS", line="OPTIONS sip:t.watson@example.org SIP/7.0",
    via="Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"))

# Another method in CSeq, known or not.
write("mismatch01", request("OPTIONS", cseq="8 INVITE"))
write("mismatch02", request("NEWMETHOD", cseq="8 INVITE",
                            rest="Content-Type: application/sdp"), SDP)

# A status that is 5 if 32 bits are all one has.
write("bigcode", response("SIP/2.0 4294967301 better not break the receiver"))

# 3.2: a branch that is only the cookie.
write("badbranch", request(
    "OPTIONS", via="Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"))

# 3.3: for the application to judge.

# No Call-ID, no From, no To.
write("insuf", request("INVITE", to="", id="", **{"from": ""},
                       rest="Content-Type: application/sdp"), SDP)

# URIs of schemes nobody knows, everybody knows, and nobody expects.
write("unkscm", request("OPTIONS", uri="nobodyKnowsThisScheme:opaque",
                        contact=""))
write("novelsc", request("OPTIONS", uri="soap.beep://192.0.2.103:3002",
                         contact=""))
write("unksm2", request(
    "REGISTER", uri="sip:example.com", to="To: isbn:2983792873",
    **{"from": "From: <http://www.example.com>;tag=3234233"},
    contact="Contact: <name:John_Smith>"))

# Extensions required that nobody has.
write("bext01", request(
    "OPTIONS", rest="Proxy-Require: nothingSupportsThis, nothingSupportsThat\n"
    "Require: nothingSupportsThisToo"))

# A body of a type that nobody knows.
write("invut", request(
    "INVITE", rest="Content-Type: application/unknownformat"),
    "<audio>\n <pcmu port=\"443\"/>\n</audio>\n")

# Credentials of a scheme that nobody knows.
write("regaut01", request(
    "REGISTER", uri="sip:example.com",
    rest="Authorization: NoOneKnowsThisScheme opaque-data=here"))

# Twice what may be once.
write("multi01", request(
    "INVITE", rest="CSeq: 59 INVITE\nCall-ID: multi01.second\n"
    "To: <sip:other@example.com>\nFrom: <sip:other@example.net>;tag=3413415\n"
    "Max-Forwards: 5\nContact: <sip:user@host2.example.org>\n"
    "Content-Type: application/sdp"), SDP)

# Two lengths that differ.
write("mcl01", request("OPTIONS", rest="Content-Length: 13"),
      "Hello, hello", 5)

# A response to be sent to everybody.
write("bcast", response(
    "SIP/2.0 200 OK",
    via="Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\n"
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23",
    rest="Content-Type: application/sdp"), SDP)

# No hop left.
write("zeromf", request("OPTIONS", max="Max-Forwards: 0"))

# Parameters of Contact and of its URI that nobody knows.
write("cparam01", request(
    "REGISTER", uri="sip:example.com",
    contact="Contact: sip:+19725552222@gw1.example.net;unknownparam"))
write("cparam02", request(
    "REGISTER", uri="sip:example.com",
    contact="Contact: <sip:+19725552222@gw1.example.net;unknownparam>"))

# An escaped Route in Contact's URI.
write("regescrt", request(
    "REGISTER", uri="sip:example.com",
    contact="Contact: <sip:user@example.com?"
            "Route=%3Csip:sip.example.com%3E>"))

# An answer in a type that nobody knows.
write("sdp01", request(
    "INVITE", rest="Accept: text/nobodyKnowsThis\n"
    "Content-Type: application/sdp"), SDP)

# 3.4: RFC 2543 had no tags, branches, hops, and no need for a length.
write("inv2543", request(
    "INVITE", via="Via: SIP/2.0/UDP iftgw.example.com", max="",
    **{"from": "From: <sip:+13035551111@ift.client.example.net;user=phone>"},
    rest="Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\n"
         "Content-Type: application/sdp"), SDP, False)

# RFC 5118 section 4.

SDP6 = SDP.replace("IN IP4 192.0.2.3", "IN IP6 2001:db8::20") \
    .replace("IN IP4 192.0.2.4", "IN IP6 2001:db8::20")
VIA6 = "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"


def request6(method, **more):
    f = {"via": VIA6, "contact": "Contact: \"Caller\" "
         "<sip:caller@[2001:db8::1]>"}
    f.update(more)
    return request(method, **f)


def write6(name, head, body=b"", **kw):
    write(name, head, body, folder="rfc5118", **kw)


# 4.1, 4.2: with brackets, and without.
write6("ipv6-good", request6("REGISTER", uri="sip:[2001:db8::10]"))
write6("ipv6-bad", request6("REGISTER", uri="sip:2001:db8::10",
                            contact="Contact: <sip:caller@2001:db8::1>"))
# 4.3, 4.4: is 5070 a port?
write6("port-ambiguous", request6(
    "REGISTER", uri="sip:[2001:db8::10:5070]",
    contact="Contact: <sip:caller@[2001:db8::10:5070]>"))
write6("port-unambiguous", request6(
    "REGISTER", uri="sip:[2001:db8::10]:5070",
    contact="Contact: <sip:caller@[2001:db8::10]:5070>"))
# 4.5: `received` with brackets, as some write it, and without.
write6("via-received-param-with-delim", request6(
    "BYE", via=VIA6 + ";received=[2001:db8::9:255]", uri="sip:[2001:db8::10]"))
write6("via-received-param-no-delim", request6(
    "OPTIONS", via=VIA6 + ";received=2001:db8::9:255",
    uri="sip:[2001:db8::10]"))
# 4.6: in SDP, where there are no brackets.
write6("ipv6-in-sdp", request6(
    "INVITE", uri="sip:user@[2001:db8::10]",
    rest="Content-Type: application/sdp"), SDP6)
# 4.7: both families in the fields of one message.
write6("mult-ip-in-header", request6(
    "BYE", uri="sip:user@host.example.net",
    via=VIA6 + ";received=[2001:db8::9:255]\n"
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
    contact=""))
# 4.8: and in one SDP.
write6("mult-ip-in-sdp", request6(
    "INVITE", uri="sip:user@[2001:db8::10]",
    rest="Content-Type: application/sdp"), """v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
""")
# 4.9: IPv4 dressed as IPv6.
write6("ipv4-mapped-ipv6", request6(
    "INVITE", uri="sip:user@example.com",
    via="Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\n"
        "Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111",
    contact="Contact: <sip:caller@[::ffff:192.0.2.2]>",
    rest="Content-Type: application/sdp"), """v=0
o=bob 280744730 28977631 IN IP6 ::ffff:192.0.2.2
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP6 ::ffff:192.0.2.2
""")
# 4.10: three colons, which the grammar of RFC 3261 allows by mistake.
write6("ipv6-bug-abnf-3-colons", request6(
    "OPTIONS", uri="sip:user@[2001:db8:::192.0.2.1]",
    contact="Contact: <sip:caller@[2001:db8:::192.0.2.1]>"))
