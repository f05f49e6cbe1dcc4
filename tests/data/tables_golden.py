#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Print tables_golden.h: known datagrams, made from the words of
pinholed-tables(7) with nothing but hmac and struct.
"""
import hashlib
import hmac
import ipaddress
import struct

KEY = bytes(range(1, 41))
TIME = 1700000000


def old(version, command, length, addr, table, key=KEY[:20]):
    text = struct.pack(">BBxB4s32sI", version, command, length,
                       ipaddress.ip_address(addr).packed, table, TIME)
    return text + hmac.new(key, text, hashlib.sha1).digest()


def new(command, name, table, nonce, entries):
    text = struct.pack(">BBBBIQ32s32s", 3, command, 0, len(entries), TIME,
                       nonce, name, table)
    for net, ttl in entries:
        net = ipaddress.ip_network(net)
        text += struct.pack(">BBHI16s", net.version, net.prefixlen, 0, ttl,
                            net.network_address.packed)
    return text + hmac.new(KEY, text, hashlib.sha256).digest()


def reply(request, command, status, refused, nonce):
    text = struct.pack(">BBBBIQQ", 3, command | 128, status, 0, TIME + 1,
                       nonce, refused)
    return text + hmac.new(KEY, text + request[-32:],
                           hashlib.sha256).digest()


def show(name, data):
    print(f"static const char {name}[] =")
    lines = [data.hex()[i:i + 64] for i in range(0, len(data.hex()), 64)]
    print("\n".join(f'    "{line}"' for line in lines) + ";")


print("""/* SPDX-License-Identifier: ISC */
/* Made by tables_golden.py, which shares no code with us. */
/* clang-format off */""")
NONCE = 0x0123456789abcdef
BOTH = new(1, b"mail", b"spammer", NONCE, [
    ("192.0.2.7/32", 0), ("198.51.100.0/24", 3600),
    ("2001:db8:1::/48", 0xffffffff), ("2001:db8::1/128", 60)])
show("v1_add", old(1, 1, 32, "192.0.2.7", b"spammer"))
show("v1_zero", old(1, 1, 0, "192.0.2.7", b"spammer"))
show("v2_add", old(2, 1, 24, "198.51.100.0", b"spammer"))
show("v2_delete", old(2, 2, 32, "192.0.2.7", b"x" * 32))
show("v2_flush", old(2, 3, 32, "0.0.0.0", b"spammer"))
show("v3_add", BOTH)
show("v3_flush", new(3, b"", b"blocked", 0, []))
show("v3_reply", reply(BOTH, 1, 5, 0b0110, NONCE))
print("/* clang-format on */")
