# SPDX-License-Identifier: ISC
"""The pages of doc/ and the manuals show pinholectl with its output: it prints
just that, but for times.  UPDATE=1 rewrites them."""
import os
import re
import shlex
import subprocess
import time

import status
from net import PBX, PHONE, check, until
from scenarios import media, scenario, signalling
from sip import Call, sdp

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
# An indented command and what it prints; in mdoc, a literal block.
PAGE = re.compile(r"^    \$ (pinholectl .*)\n((?:    (?!\$ ).*\n)*)", re.M)
MANUAL = re.compile(r"^\.Bd -literal\n\$ (pinholectl .*)\n((?:[^.\n].*\n)*)",
                    re.M)
LINE = re.compile(r"^\.Dl \$ (pinholectl .*)$", re.M)


def printed(command):
    """What a command line prints, with the socket of this test."""
    words = [shlex.quote(w) for w in status.pinholectl()]
    done = subprocess.run(command.replace("pinholectl", " ".join(words), 1),
                          shell=True, capture_output=True, text=True,
                          timeout=30, check=False)
    check(done.returncode == 0, (command, done))
    return done.stdout


def timeless(text):
    """Without what differs each time it is run."""
    for pattern, to in ((r"^ *(\+\d+\.\d{3}|) {2,}", "TIME "),
                        (r"began .* UTC", "began DATE"),
                        (r"\b\d+(m\d\d)?s\b", "AGE"), (r"\b\d+ s ago", "AGO"),
                        (r"\d+\.\d ms", "MS"), (r" +AGE", " AGE")):
        text = re.sub(pattern, to, text, flags=re.M)
    return text


def compare(name, pattern, indent):
    with open(f"{TOP}/{name}", encoding="utf-8") as f:
        page = f.read()
    wrong = []

    def run(found):
        got = "".join(f"{indent}{line}".rstrip() + "\n"
                      for line in printed(found[1]).splitlines())
        if timeless(got) == timeless(found[2]):
            return found[0]
        wrong.append(f"{name}: {found[1]}\nwanted:\n{found[2]}got:\n{got}")
        return found[0][:found.start(2) - found.start()] + got
    new, n = pattern.subn(run, page)
    check(n > 0, f"{name} has no example")
    if os.environ.get("UPDATE"):
        with open(f"{TOP}/{name}", "w", encoding="utf-8") as f:
            f.write(new)
    else:
        check(not wrong, "\n".join(wrong))


@scenario()
def examples_of_pinholectl_are_what_it_prints(net):
    net.pinholed()
    phone, pbx = media(net)
    Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    control = status.connect()
    status.known(control, 2)
    # Media of the outside alone, until the packet filter has told of it.
    end = time.monotonic() + 30
    while not control.show("calls")[0]["last_media"]:
        check(time.monotonic() < end, "media are seen")
        phone.sendto(b"media", (PBX, 10000))
        time.sleep(0.05)
    pbx.close()
    until(lambda: any("the inside has sent nothing, and the outside was last "
                      "seen to send" in x["text"]
                      for x in control.show_story("call1")), 25, "which side")
    compare("doc/three-in-the-morning.md", PAGE, "    ")
    compare("man/pinholectl.8", MANUAL, "")
    with open(f"{TOP}/man/pinholectl.8", encoding="ascii") as f:
        for command in LINE.findall(f.read()):
            printed(command.split(" | ")[0])
