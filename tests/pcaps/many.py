# SPDX-License-Identifier: ISC
"""A large capture, for tests of what many calls cost."""
import struct

from play import ADDR, message, sdp
from wire import START, ethernet, ip, udp


def many(path, calls):
    """So many calls, one after the other; something is refused in one of five.
    """
    at = 0
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))

        def say(way, *what, **more):
            nonlocal at
            data = ethernet(ip(ADDR[way[0]], ADDR[way[2]], 17,
                               udp(message(way, *what, **more))))
            f.write(struct.pack("<IIII", START + at // 1000,
                                at % 1000 * 1000, len(data), len(data)) + data)
            at += 10

        for n in range(calls):
            more = {"call": f"{n:05}-0123456789abcdef@example"}
            answer = sdp("g" if n % 5 == 0 else "i", 10000 + n % 8 * 2)
            say("o>i", "INVITE", 1, sdp("o", 4000 + n % 32 * 2), **more)
            say("i>o", "180 INVITE", 1, ttag="z", **more)
            say("i>o", "200 INVITE", 1, answer, ttag="z", **more)
            say("o>i", "ACK", 1, ttag="z", **more)
            say("o>i", "BYE", 2, ttag="z", **more)
            say("i>o", "200 BYE", 2, ttag="z", **more)
