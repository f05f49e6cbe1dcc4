# SPDX-License-Identifier: ISC
"""The lines that get into a log, and the words that never do."""
import os
import re
import select
import subprocess
import time

import status
from net import Daemon, PBX, PHONE, check, conf, until
from scenarios import scenario, signalling
from sip import Call, sdp

SECRETS = ("secretuser", "deadbeefresponse", "cafebabekey")


class Journal:
    """pinholed as systemd starts it, with the journal at both outputs."""

    def __init__(self, net, *argv, text):
        self.path = f"/run/{net.tag}.conf"
        with open(self.path, "w", encoding="ascii") as f:
            f.write(text)
        self.fd, theirs = os.pipe()
        st = os.fstat(theirs)
        self.proc = subprocess.Popen(
            [*net.enter("fw"), Daemon.binary, "-d", "-f", self.path, *argv],
            stdout=theirs, stderr=theirs,
            env=dict(os.environ, JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}"))
        os.close(theirs)
        self.text = ""

    def lines(self):
        while select.select([self.fd], [], [], 0)[0]:
            more = os.read(self.fd, 65536)
            if not more:
                break
            self.text += more.decode()
        return self.text.splitlines()

    def says(self, what):
        until(lambda: any(what in line for line in self.lines()), 10,
              f"a line with {what}")

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)
        self.lines()
        os.close(self.fd)


@scenario()
def logs_are_lines_with_levels_and_without_secrets(net):
    key = f"/run/{net.tag}.key"
    with open(key, "wb") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(b"cafebabekey-cafebabekey")
    j = Journal(net, "-vv", text=conf(
        more=f'hep {{ listen on 127.0.0.1 port 9060\nfrom 127.0.0.1\n'
        f'key "{key}" }}\n'))
    try:
        j.says("running:")
        until(lambda: os.path.exists(status.path()), 5, "a control socket")
        wire = signalling(net)
        secret = ("P-Asserted-Identity: <sip:secretuser@192.0.2.10>\r\n"
                  "Authorization: Digest username=\"secretuser\", "
                  "response=\"deadbeefresponse\"\r\n")
        status.ask("log brief")
        call = Call(wire)
        call.call_id = "just-so-long-a-name-is-shown@secretuser.example"
        call.request("a", "INVITE", sdp(PHONE, 4000), tag=False,
                     headers=secret)
        call.answer(200, sdp(PBX, 10000), headers=secret)
        j.says("call=just-so-long-a-name-...")
        before = len(j.lines())
        check("add element" not in j.text, "brief: no rules")
        time.sleep(1.1)  # the level may change once a second
        status.ask("log verbose")
        # A host that is no `server` names another, and then itself.
        Call(wire).set_up(sdp(PHONE, 4100), sdp("192.0.2.77", 10100))
        Call(wire).set_up(sdp(PHONE, 4200), sdp(PBX, 10200))
        j.says("port 10200")
        until(lambda: len([line for line in j.lines()[before:]
                           if line.startswith("    ")]) >= 3, 5,
              "the rules, and why")
    finally:
        j.stop()
        os.unlink(key)
    check(all(word not in j.text for word in SECRETS), j.text)
    # An event is a line; under it, indented, what "verbose" adds.
    odd = [line for line in j.text.splitlines() if not re.match(
        r"<[0-7]>\w+: \S|\d+\.\d{6} (open|close|refuse) |    \S", line)]
    check(not odd, odd)
