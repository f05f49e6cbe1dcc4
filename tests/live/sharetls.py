# SPDX-License-Identifier: ISC
"""Sharing by TLS, and what pinholed -n and the log say of a server that does
not let us in.  The certificates are made here."""
import os
import signal
import socket
import subprocess
import threading
import time

from net import Daemon, Stream, check, sh, until
from scenarios import media, scenario
from share import SERVER, World, opened, set_up


class Authority:
    """Signs certificates; all of its files go with the network."""

    def __init__(self, net, name="ca"):
        self.base = f"/run/{net.tag}.{name}"
        self.cert, self.key = f"{self.base}.crt", f"{self.base}.key"
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
           self.cert, "-days", "1", "-subj", f"/CN={name}")

    def sign(self, name, names="", days="1"):
        """A certificate with its key; `names` as in subjectAltName."""
        base = f"{self.base}-{name}"
        sh("openssl", "req", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{base}.key",
           "-out", f"{base}.csr", "-subj", f"/CN={name}")
        with open(f"{base}.ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName = {names}\n" if names else "")
        sh("openssl", "x509", "-req", "-in", f"{base}.csr", "-CA", self.cert,
           "-CAkey", self.key, "-CAcreateserial", "-days", days, "-extfile",
           f"{base}.ext", "-out", f"{base}.crt")
        os.chmod(f"{base}.key", 0o600)
        return f"{base}.crt", f"{base}.key"

    def server(self, port, pair, clients="no"):
        return ("--tls-port", str(port), "--tls-cert-file", pair[0],
                "--tls-key-file", pair[1], "--tls-ca-cert-file", self.cert,
                "--tls-auth-clients", clients)


def lines(box, text):
    return len([x for x in box.daemon.log if text in x])


@scenario(needs=("redis-server", "redis-cli", "openssl"))
def share_by_tls(net):
    """The server wants a certificate of each box, and a password.  It is
    started again, as is the share process, and the configuration is read
    again."""
    ca = Authority(net)
    pair = ca.sign("server", f"IP:{SERVER}, DNS:redis.test")
    password = f"/run/{net.tag}.password"
    with open(password, "w", encoding="ascii") as f:
        f.write("secret\n")
    os.chmod(password, 0o600)
    w = World(net, server=("--requirepass", "secret",
                           *ca.server(6379, pair, "yes")), port="6380")
    one, two = w.boxes
    for n, box in enumerate(w.boxes):
        cert, key = ca.sign(f"box{n}")
        name = 'name "redis.test"' if n == 0 else ""
        box.start(share=f'password "{password}" tls {{ ca "{ca.cert}" '
                  f'certificate "{cert}" key "{key}" {name} }}')
    p, m = media(net)
    call = set_up(w)
    opened(two, call)
    stream = Stream(p, m)
    stream.flows()
    w.stop_server()
    for b in w.boxes:
        until(lambda b=b: lines(b, "no server"), 10, "the server is gone")
    w.start_server()
    until(lambda: all(lines(b, "sharing calls") == 2 for b in w.boxes), 15,
          "both are back")
    one.daemon.kill("share")
    until(lambda: lines(one, "sharing calls") == 3, 10, "one is back")
    one.daemon.proc.send_signal(signal.SIGHUP)
    until(lambda: lines(one, "sharing calls") == 4, 10, "one has reloaded")
    more = set_up(w, 4100, 10100)
    opened(two, more)
    w.move(2)
    # A stream that box two first sees after the BYE is one that the PBX
    # begins, which the ruleset permits.
    stream.flows()
    call.hang_up()
    for b in w.boxes:
        b.daemon.expect(1, event="close", dir="in", call=call.call_id,
                        reason="bye")
        check(not b.daemon.seen(event="close", call=more.call_id),
              "the other call goes on")
    stream.stops()
    stream.stop()


def servers(net, ca, other):
    """Port, what the configuration says, and what is said about it."""
    ip = f"IP:{SERVER}"
    trust = f'ca "{ca.cert}"'
    yield (6391, ca.sign("good", ip), "no", f'ca "{other.cert}"',
           "certificate, which must be for 10.9.0.100, is refused: ")
    yield (6392, ca.sign("dns", "DNS:redis.test"), "no", trust,
           "must be for 10.9.0.100, is refused: IP address mismatch")
    yield (6392, None, "no", f'{trust} name "other.test"',
           "must be for other.test, is refused: ")
    yield (6393, ca.sign("old", ip, days="0"), "no", trust,
           "is refused: certificate has expired")
    yield (6391, None, "no", None, "TLS there")
    yield (6394, ca.sign("strict", ip), "yes", trust, "certificate")
    yield (6379, None, "no", trust, "speak TLS there")
    yield (6399, None, "no", trust, "does it speak TLS there?")
    yield (6399, None, "no", None, "it does not answer")
    yield (6398, None, "no", trust, "Connection refused")
    yield (6379, None, "no", "password", "refuses the password: ")


def check_says(box, text):
    """What pinholed -n says, and how long it thinks about it."""
    path = f"/run/{box.tag}.check"
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    begin = time.monotonic()
    done = subprocess.run([*box.enter("fw"), Daemon.binary, "-n", "-f", path],
                          capture_output=True, text=True, timeout=20)
    check(time.monotonic() - begin < 6, "-n took too long")
    check(done.returncode == 0, "a server is no condition: " + done.stderr)
    return done.stderr


@scenario(needs=("redis-server", "redis-cli", "openssl"))
def share_says_what_is_wrong_with_a_server(net):
    """And calls go on as on a single firewall."""
    ca, other = Authority(net), Authority(net, "other")
    wrong = f"/run/{net.tag}.password"
    with open(wrong, "w", encoding="ascii") as f:
        f.write("wrong\n")
    os.chmod(wrong, 0o600)
    w = World(net, server=("--requirepass", "secret"))
    box = w.boxes[0]
    w.net.run("db", "nft", "-f", "-", text="table inet hole { chain i { type "
              "filter hook input priority 0; tcp dport 6399 drop; }; }")
    rows, running = [], []
    for port, pair, clients, tls, want in servers(net, ca, other):
        if pair:
            running.append(Server(net, port, ca.server(port, pair, clients)))
        rows.append((port, tls, want))
    time.sleep(1.1)  # then one of them has expired
    box.start(wait=False)
    box.daemon.ready()
    for n, (port, tls, want) in enumerate(rows):
        share = f'password "{wrong}"' if tls == "password" else \
            f"tls {{ {tls} }}" if tls else ""
        text = box.conf(share=share, at=f"{SERVER}:{port}")
        said = check_says(box, text)
        check(":9:1: warning: no server: " in said and want in said and
              ':9:1: warning: "share" has no "key"' in said,
              f"-n of {port} {tls}: {said}")
        box.daemon.write(text)
        seen = len(box.daemon.log)
        box.daemon.proc.send_signal(signal.SIGHUP)
        until(lambda: any(want in x for x in box.daemon.log[seen:]), 12,
              f"{want} of {port}: {box.daemon.log[seen:]}")
        if n % 5 == 0:
            call = set_up(w, 4000 + 2 * n, 10000 + 2 * n)
            opened(box, call)
            call.hang_up()
            box.daemon.expect(1, event="close", call=call.call_id)


class Server:
    """Another redis-server, which the world ends."""
    log, events = (), ()

    def __init__(self, net, port, more):
        self.proc = subprocess.Popen(
            [*net.enter("db"), "redis-server", "--bind", SERVER, "--port", "0",
             "--save", "", "--protected-mode", "no", "--dir", "/tmp", *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        net.daemons.append(self)
        until(lambda: f"{SERVER}:{port}" in net.run("db", "ss", "-tln"), 5,
              "redis")

    def kill_all(self):
        self.proc.kill()
        self.proc.wait(5)


class Flood:
    """Whoever connects gets requests for a handshake, for as long as he reads;
    a client must ignore each of them."""
    log, events = (), ()

    def __init__(self, net, port):
        self.sock = net.socket("db", SERVER, port, socket.SOCK_STREAM)
        self.sock.listen(8)
        threading.Thread(target=self.run, daemon=True).start()
        net.daemons.append(self)

    def run(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            try:
                with s:
                    s.settimeout(30)
                    while True:
                        s.sendall(b"\x16\x03\x03\0\4\0\0\0\0" * 1000)
            except OSError:
                pass

    def kill_all(self):
        self.sock.close()


@scenario(needs=("redis-server", "redis-cli", "openssl"))
def share_ends_a_handshake_that_does_not(net):
    """Without a certificate, a stranger on the way can do that."""
    ca = Authority(net)
    w = World(net)
    box = w.boxes[0]
    Flood(net, 6390)
    box.start(wait=False, share=f'tls {{ ca "{ca.cert}" }}',
              at=f"{SERVER}:6390")
    box.daemon.ready()
    until(lambda: lines(box, "its handshake does not end"), 10,
          f"a line: {box.daemon.log}")
    call = set_up(w)
    opened(box, call)


@scenario(needs=("redis-server", "redis-cli"))
def share_says_where_a_cluster_has_the_group(net):
    """Two servers of a cluster, of which the second has all slots; and a
    replica, which may be read only."""
    w = World(net)
    box = w.boxes[0]
    for port in (6391, 6392):
        Server(net, port, (
            "--port", str(port), "--cluster-enabled", "yes",
            "--cluster-config-file", f"/run/{net.tag}.nodes{port}"))
    Server(net, 6393, ("--port", "6393", "--replicaof", SERVER, "6379"))

    def cli(port, *words):
        return net.run("db", "redis-cli", "-h", SERVER, "-p", str(port), *words)
    cli(6392, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    cli(6391, "CLUSTER", "MEET", SERVER, "6392")
    until(lambda: "cluster_state:ok" in cli(6391, "CLUSTER", "INFO"), 15,
          "a cluster")
    for port, want in ((6391, f"{SERVER}:6392 (another server of the cluster "
                        "has this group: name that one)"),
                       (6393, "this is a replica: name the server")):
        text = box.conf(at=f"{SERVER}:{port}")
        if port == 6391:
            said = check_says(box, text)
            check(want in said, f"-n: {said}")
            box.start(wait=False, at=f"{SERVER}:{port}")
            box.daemon.ready()
        else:
            box.daemon.write(text)
            box.daemon.proc.send_signal(signal.SIGHUP)
        until(lambda want=want: lines(box, want), 10, want)
        call = set_up(w, port, 10000)
        opened(box, call)
        call.hang_up()
    box.daemon.write(box.conf(at=f"{SERVER}:6392"))
    box.daemon.proc.send_signal(signal.SIGHUP)
    until(lambda: lines(box, "sharing calls"), 10, "the right one")


@scenario(needs=("redis-server", "redis-cli", "openssl"))
def share_needs_the_files_of_tls(net):
    """An error with its place, and no start."""
    ca, other = Authority(net), Authority(net, "other")
    cert, key = ca.sign("box")
    _, strange = other.sign("strange")
    junk = f"/run/{net.tag}.junk"
    with open(junk, "w", encoding="ascii") as f:
        f.write("junk\n")
    os.chmod(junk, 0o600)
    locked = f"/run/{net.tag}.locked"
    sh("openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret",
       "-out", locked)
    os.chmod(locked, 0o600)
    w = World(net)
    box = w.boxes[0]
    mine = f'ca "{ca.cert}" certificate "{cert}"'
    for tls, want in (
            ('ca "/run/nothing"', "/run/nothing: No such file"),
            (f'ca "{junk}"', f"{junk}: no certificate: "),
            (f'ca "{ca.cert}" certificate "{junk}" key "{key}"',
             f"{junk}: no certificate: "),
            (f'{mine} key "{junk}"', f"{junk}: no key: "),
            (f'{mine} key "{locked}"', f"{locked}: no key: "),
            (f'{mine} key "{strange}"', f"{strange}: not the key of {cert}")):
        path = f"/run/{box.tag}.check"
        with open(path, "w", encoding="ascii") as f:
            f.write(box.conf(share=f"tls {{ {tls} }}"))
        for options in (["-n"], ["-d"]):
            done = subprocess.run(
                [*box.enter("fw"), Daemon.binary, *options, "-f", path],
                capture_output=True, text=True, timeout=20,
                stdin=subprocess.DEVNULL, check=False)
            check(done.returncode == (1 if options == ["-n"] else 2) and
                  f"{path}:9:" in done.stderr and want in done.stderr,
                  f"{options} {tls}: {done.stderr}")
