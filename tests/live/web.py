# SPDX-License-Identifier: ISC
"""The HTTP listener: metrics, the page, and strangers who mean harm."""
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from net import PBX, PHONE, Stream, Unable, check, conf, sh, until
from scenarios import media, scenario, signalling
from sip import Call, sdp

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests")

from browser import Browser  # noqa: E402

PORT = 9508
STATUS = "status { listen on 127.0.0.1 port 9508 }"


def daemon(net, more="", sip=""):
    net.run("fw", "ip", "link", "set", "lo", "up")
    d = net.pinholed(conf=conf(sip=sip, more=STATUS + "\n" + more))

    def answers():
        try:
            # The engine has told its counters.
            return "\npinholed_pinholes " in get(net, "/metrics")[1]
        except OSError:
            return False
    until(answers, 5, f"an answer; {d.log}")
    if "status" not in d.roles:
        d.roles.append("status")
    return d


def connect(net, port=PORT):
    """A connection from the firewall itself."""
    def make():
        return socket.create_connection(("127.0.0.1", port), timeout=5)
    return net.inside("fw", make)


def ask(net, text, timeout=5):
    """Send any text; returns all that comes back until the end."""
    with connect(net) as s:
        s.settimeout(timeout)
        s.sendall(text)
        reply = b""
        try:
            while more := s.recv(65536):
                reply += more
        except ConnectionResetError:
            pass
    return reply


def get(net, path, method="GET", headers=None):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
    c.sock = connect(net)
    try:
        c.request(method, path, headers=headers or {})
        r = c.getresponse()
        return r, r.read().decode()
    finally:
        c.close()


def metrics(net):
    """Each sample: its name with labels, and its value."""
    r, text = get(net, "/metrics")
    check(r.status == 200 and r.headers["Content-Type"] ==
          "text/plain; version=0.0.4; charset=utf-8", r.headers)
    return {k: float(v) for k, v in (line.rsplit(" ", 1)
            for line in text.splitlines() if line[0] != "#")}


class Events:
    """A reader of /events."""

    def __init__(self, net):
        self.s = connect(net)
        self.s.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self.text = b""

    def next(self, kind, seconds=3):
        """The JSON of the next event of this kind."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(rb"event: (\w+)\ndata: (.*)\n\n", self.text)
            if found:
                self.text = self.text[found.end():]
                if found[1].decode() == kind:
                    return json.loads(found[2])
            elif select.select([self.s], [], [], 0.2)[0]:
                more = self.s.recv(65536)
                if not more:
                    break
                self.text += more
        check(False, f"an event `{kind}`; got {self.text[:500]}")
        return None

    def over(self):
        while select.select([self.s], [], [], 0)[0]:
            if not self.s.recv(65536):
                return True
        return False

    def close(self):
        self.s.close()


@scenario()
def web_metrics_count_a_call(net):
    d = daemon(net)
    before = metrics(net)
    check(before["pinholed_pinholes"] == 0, before)
    check(sum(v for k, v in before.items()
              if k.startswith("pinholed_process_up")) >= 3, before)
    check(any(k.startswith('pinholed_build_info{version="') and
              'backend="nftables"' in k for k in before), before)
    p, m = media(net)
    call = Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    stream = Stream(p, m)
    stream.flows()
    until(lambda: metrics(net)["pinholed_calls_total"] == 1, 3, "the call")
    until(lambda: metrics(net)['pinholed_calls{state="accepted"}'] == 1, 3,
          "its state")
    until(lambda: metrics(net)["pinholed_fw_commit_seconds_count"] >= 1, 3,
          "the commit")
    now = metrics(net)
    check(now["pinholed_pinholes"] == 2 and
          now["pinholed_setup_seconds_count"] >= 1 and
          0 < now["pinholed_setup_seconds_sum"] < 1 and
          now['pinholed_setup_seconds_bucket{le="+Inf"}'] ==
          now["pinholed_setup_seconds_count"] and
          now['pinholed_sip_messages_total{method="INVITE"}'] == 1, now)
    check(now['pinholed_dialogs{state="confirmed"}'] == 1 and
          now['pinholed_dialogs{state="early"}'] == 0 and
          now['pinholed_packets_total{source="capture",verdict="used"}'] >= 3
          and now['pinholed_packets_total{source="hep",verdict="used"}'] == 0
          and now['pinholed_parse_errors_total{proto="sip",reason="noise"}']
          == 0, now)
    call.hang_up()
    stream.stops()
    stream.stop()
    until(lambda: metrics(net)["pinholed_pinholes"] == 0, 3, "its end")
    check(metrics(net)['pinholed_calls{state="accepted"}'] == 0, "its end")
    check(metrics(net)['pinholed_dialogs{state="confirmed"}'] == 0, "too")
    # Killed processes: counters go on, and their deaths are one.
    for role in ("firewall", "engine", "status"):
        d.kill(role)
        until(lambda r=role: d.children().get(r), 5, f"another {role}")
    until(lambda: "pinholed_pinholes_opened_total" in settled(net), 5, "back")
    after = metrics(net)
    for k, v in now.items():
        check("_total" not in k or after.get(k, 0) >= v,
              f"{k}: {after.get(k)} after {v}")
    for role in ("firewall", "engine"):
        name = f'pinholed_process_restarts_total{{process="{role}"}}'
        check(after[name] == 1, after)


def settled(net):
    try:
        return metrics(net)
    except OSError:
        return {}


@scenario()
def web_answers_nothing_but_get_and_its_own_name(net):
    daemon(net)
    for host in ("127.0.0.1:9508", "localhost", "LOCALHOST:9508", "[::1]",
                 "[::1]:9508", "192.0.2.1", "[2001:db8::1]:80"):
        r, _ = get(net, "/metrics", headers={"Host": host})
        check(r.status == 200, f"{host}: {r.status}")
    for host in ("evil.example", "evil.example:9508", "localhost.evil.example",
                 "127.0.0.1.evil.example", "", "1.2.3", "[::1", "::1",
                 "localhost:x", "localhost:99999", "127.0.0.1:9508, x",
                 "a" * 2000):
        for path in ("/", "/metrics", "/events"):
            r, text = get(net, path, headers={"Host": host})
            check(r.status == 421 and "pinhole" not in text,
                  f"{host} {path}: {r.status}")
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"):
        r, _ = get(net, "/metrics", method=method)
        check(r.status == 405 and r.headers["Allow"] == "GET",
              f"{method}: {r.status}")
    for path in ("/nothing", "//", "/../etc/passwd", "/metrics/", "/%00",
                 "/" + "x" * 4000):
        r, text = get(net, path)
        check(r.status == 404 and "xx" not in text, f"{path}: {r.status}")
    for path in ("/", "/metrics", "/metrics?x=y"):
        r, _ = get(net, path)
        check(r.status == 200 and
              r.headers["X-Content-Type-Options"] == "nosniff" and
              r.headers["Content-Security-Policy"].startswith(
                  "default-src 'none'") and
              r.headers["Cache-Control"] == "no-store" and
              "Set-Cookie" not in r.headers and
              "Access-Control-Allow-Origin" not in r.headers,
              f"{path}: {r.headers}")
    # Bytes that are no request at all.
    for junk in (b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01" * 9 + b"\n\n",
                 b"FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000 + b"\r\n",
                 b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Length: 99999999999\r\n\r\n" + b"z" * 9999):
        try:
            reply = ask(net, junk, 12)
        except (BrokenPipeError, ConnectionResetError):
            continue
        check(not reply.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")),
              f"{junk[:40]}: {reply[:200]}")
    check(get(net, "/metrics")[0].status == 200, "still there")


@scenario()
def web_serves_no_page_of_somebody_else(net):
    daemon(net)
    for site, mode, status in (("cross-site", "no-cors", 403),
                               ("cross-site", "cors", 403),
                               ("same-site", "websocket", 403),
                               ("cross-site", None, 403),
                               ("cross-site", "navigate", 200),
                               ("same-origin", "cors", 200),
                               ("none", "navigate", 200)):
        headers = {"Sec-Fetch-Site": site}
        if mode:
            headers["Sec-Fetch-Mode"] = mode
        for path in ("/", "/metrics"):
            r, _ = get(net, path, headers=headers)
            check(r.status == status, f"{path} {site} {mode}: {r.status}")
    events = Events(net)
    crowd = []
    for _ in range(40):
        s = connect(net)
        s.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n"
                  b"Sec-Fetch-Site: cross-site\r\n\r\n")
        crowd.append(s)
    events.next("now")
    check(not events.over() and events.next("now"), "our own goes on")
    for s in crowd:
        s.close()


@scenario()
def web_events_show_what_happens(net):
    d = daemon(net)
    events = Events(net)
    check(events.next("history")["every"] == 10, "the last hour")
    check(events.next("now")["pinholes"] == 0, "nothing yet")
    wire = signalling(net)
    Call(wire).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    d.expect(event="open", dir="in")
    until(lambda: events.next("now")["pinholes"] == 2, 4, "two pinholes")
    # A protected host that names another one.
    Call(wire).set_up(sdp(PHONE, 4100), sdp("192.0.2.77", 10100))
    d.expect(event="refuse")
    until(lambda: events.next("now")["refusals"], 4, "the refusal")
    seen = events.next("now")
    check(seen["refusals"][0]["reason"] == "not-server" and
          seen["refusals"][0]["dst"] == "192.0.2.77", seen)
    check({p["name"]: p["state"] for p in seen["processes"]}.items() >=
          {"engine": "up", "firewall": "up"}.items(), seen)
    events.close()
    # There are so many readers and no more: the oldest makes room.
    time.sleep(1.5)
    readers = [Events(net) for _ in range(17)]
    for r in readers[1:]:
        r.next("history")
    until(readers[0].over, 3, "the end of the first")
    for r in readers[1:]:
        check(not r.over(), "the others stay")
        r.close()


@scenario()
def web_stays_over_a_reload(net):
    d = daemon(net)
    Call(signalling(net)).set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
    until(lambda: metrics(net)["pinholed_pinholes"] == 2, 3, "a call")
    before, events = metrics(net), Events(net)
    events.next("now")
    loaded = "pinholed_config_last_reload_success_timestamp_seconds"
    time.sleep(1.1)
    d.proc.send_signal(signal.SIGHUP)
    until(lambda: metrics(net)[loaded] > before[loaded], 5, "a reload")
    # A browser that reads the page's events goes on reading.
    until(lambda: events.next("now")["pinholes"] == 2, 5, "events go on")
    check(not events.over(), "the same connection")
    after = metrics(net)
    check(after["pinholed_start_time_seconds"] ==
          before["pinholed_start_time_seconds"], "not a start")
    for k, v in before.items():
        check("_total" not in k or after.get(k, 0) >= v, k)
    # Another address, and then none.
    text = conf(more=STATUS.replace(str(PORT), str(PORT + 1)))
    d.write(text)
    d.proc.send_signal(signal.SIGHUP)

    def moved():
        try:
            connect(net, PORT + 1).close()
        except OSError:
            return False
        try:
            connect(net).close()
        except OSError:
            return True
        return False
    until(moved, 5, "the other port, and not the first")
    d.write(conf())
    d.proc.send_signal(signal.SIGHUP)

    def silent():
        try:
            connect(net, PORT + 1).close()
        except OSError:
            return True
        return False
    until(silent, 5, "no answer")
    events.close()


def setups(net, d, wire, first, n=40):
    """Calls, one after the other; the histogram of their setups."""
    before = setup_buckets(net)
    for i in range(first, first + n):
        Call(wire).set_up(sdp(PHONE, 4000 + 2 * i), sdp(PBX, 10000 + 2 * i))
        d.expect(event="open", dir="in", dport=10000 + 2 * i)
        time.sleep(0.03)
    until(lambda: setup_buckets(net)[-1][1] - before[-1][1] >= n, 20, "counts")
    return [(le, now - was) for (le, now), (_, was)
            in zip(setup_buckets(net), before)]


def setup_buckets(net):
    return [(float(re.search('le="(.*)"', k)[1]), v)
            for k, v in settled(net).items()
            if k.startswith("pinholed_setup_seconds_bucket")] or [(0, 0)]


def median(buckets):
    """As histogram_quantile() of PromQL has it."""
    half, below, low = buckets[-1][1] / 2, 0, 0
    for le, n in buckets:
        if n >= half:
            return low + (le - low) * (half - below) / (n - below)
        below, low = n, le
    return low


FLOOD = """
import os, resource, socket, sys, time
os.nice(19)  # a stranger has a processor of his own
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
port, n, ask, socks, made = int(sys.argv[1]), int(sys.argv[2]), (
    b"GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n",
    b"GET /events HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", b"", b"G"), [], 0
while True:
    while len(socks) < n:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
        socks.append((s, ask[made % 4]))
        made += 1
    print(made, flush=True)
    open_ones = []
    for s, text in socks:
        try:
            s.send(text)
            if len(text) > 1 and not s.recv(1, socket.MSG_PEEK):
                raise OSError
        except BlockingIOError:
            pass
        except OSError:
            s.close()
            continue
        open_ones.append((s, text if len(text) == 1 else b""))
    socks = open_ones
    time.sleep(0.1)
"""


class Flood:
    """1,000 connections, and more for those that were closed: some say
    nothing, some a byte from time to time, some ask and never read."""

    def __init__(self, net, n=1000):
        self.made = 0
        self.proc = subprocess.Popen(
            [*net.enter("fw"), sys.executable, "-c", FLOOD, str(PORT), str(n)],
            stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self._count, daemon=True)
        self.thread.start()

    def _count(self):
        for line in self.proc.stdout:
            self.made = int(line)

    def stop(self):
        self.proc.kill()
        self.proc.wait(5)


@scenario()
def web_flood_costs_no_call_a_millisecond(net):
    d = daemon(net, sip="limit calls 1000")
    wire = signalling(net)
    quiet = median(setups(net, d, wire, 0))
    flood = Flood(net)
    try:
        until(lambda: flood.made >= 1000, 15, "1000 connections")
        loud = median(setups(net, d, wire, 100))
        made = flood.made
    finally:
        flood.stop()
    print(f"from the kernel's stamp to the answer, median: {quiet * 1e6:.0f} "
          f"us, in a flood of {made} connections {loud * 1e6:.0f} us")
    check(loud < quiet + 0.001, "less than a millisecond more")
    pid = d.children()["status"]
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        size = int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    print(f"{size} kB of memory at most, {fds} descriptors")
    check(size < 250000 and fds < 400, "bounded")
    until(lambda: settled(net), 12, "an answer after it")


def logged_setups(d):
    """The same histogram from the log, for which nobody is asked."""
    n = len(d.log)
    d.proc.send_signal(signal.SIGUSR1)
    until(lambda: any("commit_us_sum" in line for line in d.log[n:]), 5,
          "counters in the log")
    found = [re.search(r"setup_us_(le_(\d+)|count) (\d+)", line)
             for line in d.log[n:]]
    return [(int(m[2]) / 1e6 if m[2] else 60, int(m[3])) for m in found if m]


@scenario()
def web_status_hung_or_dead_costs_nothing(net):
    d = daemon(net, sip="limit calls 1000")
    wire = signalling(net)

    def calls(first, n=40):
        before = logged_setups(d)
        for i in range(first, first + n):
            Call(wire).set_up(sdp(PHONE, 4000 + 2 * i), sdp(PBX, 10000 + 2 * i))
            d.expect(event="open", dir="in", dport=10000 + 2 * i)
            time.sleep(0.03)
        time.sleep(0.5)
        return median([(le, now - was) for (le, now), (_, was)
                       in zip(logged_setups(d), before)])
    quiet = calls(0)
    status = d.children()["status"]
    os.kill(status, signal.SIGSTOP)
    hung = calls(100)
    os.kill(status, signal.SIGCONT)
    until(lambda: settled(net).get("pinholed_pinholes") == 160, 5,
          "it has caught up")
    d.kill("status")
    dead = calls(200)
    until(lambda: settled(net).get("pinholed_pinholes") == 240, 10,
          "another knows as much")
    print(f"median {quiet * 1e6:.0f} us, hung {hung * 1e6:.0f} us, "
          f"killed {dead * 1e6:.0f} us")
    check(max(hung, dead) < quiet + 0.001, "less than a millisecond more")


@scenario()
def web_slow_requests_end(net):
    daemon(net)
    s = connect(net)
    begin = time.monotonic()
    # A byte from time to time: each resets evhttp's own timeout.
    for byte in b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: y" * 9:
        try:
            s.send(bytes([byte]))
        except OSError:
            break
        if select.select([s], [], [], 0.5)[0]:
            break
    took = time.monotonic() - begin
    check(9 < took < 14, f"it took {took:.1f} s")
    s.close()


# All of it may be in a Call-ID: RFC 3261, section 25.1, "word".
HOSTILE = ("<script>document.title='owned'</script>",
           "<img/src=x/onerror=document.title='owned'>",
           "\"><svg/onload=document.title='owned'>")


def shows(page, where, text, seconds=5):
    def there():
        return page.run(f"document.querySelector('{where}').textContent")
    until(lambda: text in there(), seconds, f"{text!r} in {where}")


@scenario(needs=("chromium",))
def web_page_in_a_browser(net):
    d = daemon(net)
    wire = signalling(net)
    page = Browser(net.enter("fw"))
    try:
        page.open(f"http://127.0.0.1:{PORT}/")
        shows(page, "#link", "live", 10)
        shows(page, "#pinholes", "0")
        call = Call(wire)
        call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
        d.expect(event="open", dir="in")
        shows(page, "#pinholes", "2")
        for i, text in enumerate(HOSTILE):
            evil = Call(wire)
            evil.call_id = text
            evil.request("a", "INVITE", sdp(PHONE, 4100 + 2 * i), tag=False,
                         branch=f"z9hG4bKevil{i}")
            evil.answer(200, sdp("192.0.2.77", 10100 + 2 * i))
        until(lambda: len(d.seen(event="refuse")) == len(HOSTILE), 3,
              "refusals")
        for text in HOSTILE:
            shows(page, "#refusals", text)
        shows(page, "#processes", "engine")
        shows(page, "#processes", "firewall")
        check(page.run("document.title") == "pinholed" and
              page.run("document.scripts.length") == 1 and
              page.run("document.images.length") == 0 and
              page.run("document.querySelectorAll('[onload],[onerror]')"
                       ".length") == 0, "hostile Call-IDs are only text")
        until(lambda: page.run("document.querySelector('#charts path')"
                               ".getAttribute('d')"), 12, "a chart")
        call.hang_up()
        d.expect(event="close", dir="in")
        shows(page, "#pinholes", "0")
        check(not page.complaints, page.complaints)
        # The page comes back after the status process has died.
        old = d.kill("status")
        until(lambda: d.children().get("status", old) != old, 5, "another")
        page.run("document.getElementById('link').textContent = '-'")
        shows(page, "#link", "live", 15)
        check(all("Failed to load" in c for c in page.complaints),
              page.complaints)
        check(all(url.startswith((f"http://127.0.0.1:{PORT}/", "data:"))
                  for url in page.loads), page.loads)
        # On a telephone nothing is wider than the screen.
        page.look(360, 700)
        check(page.run("document.documentElement.scrollWidth") <= 360,
              "it fits")
        # And what is not the page's own does not run.
        page.run("const s = document.createElement('script');"
                 "s.textContent = 'document.title = \"owned\"';"
                 "document.body.append(s); 0")
        check(page.run("document.title") == "pinholed", "the policy holds")
    finally:
        page.close()


def manual_words(page, section):
    """The words of the items of a section."""
    with open(f"{TOP}/man/{page}", encoding="ascii") as f:
        text = f.read().split(section, 1)[1]
    text = re.split(r"^\.S[hs] ", text, maxsplit=1, flags=re.M)[0]
    return {word for line in re.findall(r"^\.It (?:Va )?(.*)", text, re.M)
            for word in line.replace(",", " ").split()}


def logged_words(d, module):
    for line in reversed(d.log):
        if found := re.search(rf" {module}: (\w+=\d+( \w+=\d+)*)$", line):
            return {pair.split("=")[0] for pair in found[1].split()}
    return set()


@scenario()
def web_proxy_counters_are_in_the_manual(net):
    key = f"/run/{net.tag}.key"
    with open(key, "wb") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(os.urandom(20))
    try:
        net.run("fw", "nft", "add set inet filter spammer "
                "{ type ipv4_addr; flags interval, timeout; }")
        d = daemon(net, f"""
ftp {{ proxy on 127.0.0.1 port 8021 }}
tables {{ listen on 127.0.0.1 port 56789
key "{key}"
allow spammer }}""")
        d.proc.send_signal(signal.SIGUSR1)
        until(lambda: logged_words(d, "tables"), 3, "counters of tables")
        check(logged_words(d, "proxy") == manual_words(
            "pinholed.8", ".Ss Of the proxy process\n"),
              logged_words(d, "proxy"))
        check(logged_words(d, "tables") == manual_words(
            "pinholed-tables.7", "logs the counters:\n"),
              logged_words(d, "tables"))
        until(lambda: "pinholed_table_entries" in metrics(net) and
              'pinholed_table_updates_total{verdict="taken"}' in
              metrics(net) and "pinholed_proxy_pinholes" in metrics(net), 3,
              "and are metrics")
    finally:
        os.unlink(key)


RULES = f"{TOP}/contrib/grafana/pinholed.rules.yml"
DASHBOARD = f"{TOP}/contrib/grafana/pinholed.json"
SCRAPE = f"""
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{RULES}"]
scrape_configs:
  - job_name: pinholed
    static_configs: [ {{ targets: ["127.0.0.1:{PORT}"] }} ]
"""


def tool(name):
    """Installed, or as ./check has unpacked it."""
    unpacked = f"{TOP}/build-check/servers/usr"
    for folder in (*os.get_exec_path(), f"{unpacked}/bin", f"{unpacked}/sbin"):
        if os.access(f"{folder}/{name}", os.X_OK):
            return f"{folder}/{name}"
    raise Unable(f"no {name}")


class Prometheus:
    def __init__(self, net):
        self.net = net
        self.home = tempfile.mkdtemp(prefix="pinholed-prometheus.")
        with open(f"{self.home}/prometheus.yml", "w", encoding="ascii") as f:
            f.write(SCRAPE)
        self.proc = subprocess.Popen(
            [*net.enter("fw"), tool("prometheus"),
             f"--config.file={self.home}/prometheus.yml",
             f"--storage.tsdb.path={self.home}/data",
             "--web.listen-address=127.0.0.1:9090"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def api(self, path, **query):
        def make():
            return socket.create_connection(("127.0.0.1", 9090), timeout=5)
        c = http.client.HTTPConnection("127.0.0.1", 9090)
        c.sock = self.net.inside("fw", make)
        c.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        answer = json.load(c.getresponse())
        c.close()
        check(answer["status"] == "success", f"{path} {query}: {answer}")
        return answer["data"]

    def value(self, query):
        """Of a query with one result; None: it has none."""
        try:
            found = self.api("query", query=query)["result"]
        except (OSError, ValueError):
            # Not ready yet.
            return None
        return float(found[0]["value"][1]) if found else None

    def close(self):
        self.proc.terminate()
        self.proc.wait(10)
        shutil.rmtree(self.home)


def dashboard_queries():
    with open(DASHBOARD, encoding="ascii") as f:
        panels = json.load(f)["panels"]
    for query in (t["expr"] for p in panels for t in p["targets"]):
        yield query.replace("$instance", ".*").replace("$__rate_interval",
                                                       "1m")


@scenario()
def web_prometheus_scrapes_and_understands(net):
    sh(tool("promtool"), "check", "rules", RULES)
    sh(tool("promtool"), "test", "rules", f"{TOP}/tests/data/alerts.yml")
    d = daemon(net)
    text = get(net, "/metrics")[1]
    # promtool complains by its exit status, of names as well.
    sh(tool("promtool"), "check", "metrics", text=text)
    there = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    with open(RULES, encoding="ascii") as f:
        named = re.findall(r"pinholed_\w+", f.read())
    for query in dashboard_queries():
        named += re.findall(r"pinholed_\w+", query)
    for name in named:
        check(name in there or re.sub("_bucket$", "", name) in there,
              f"{name} is a metric")
    p = Prometheus(net)
    try:
        until(lambda: p.value("pinholed_pinholes") == 0, 15, "a sample")
        call = Call(signalling(net))
        call.set_up(sdp(PHONE, 4000), sdp(PBX, 10000))
        d.expect(event="open", dir="in")
        until(lambda: p.value("sum(pinholed_pinholes)") == 2, 5, "the call")
        until(lambda: (p.value("increase(pinholed_pinholes_opened_total[1m])")
                       or 0) > 1, 10, "an increase")
        took = p.value("histogram_quantile(0.99, sum by (le) "
                       "(rate(pinholed_setup_seconds_bucket[1m])))")
        check(0 < took < 1, f"{took} s")
        for query in dashboard_queries():
            p.api("query", query=query)
        rules = [r for g in p.api("rules")["groups"] for r in g["rules"]]
        check(len(rules) >= 10 and all(r["health"] == "ok" for r in rules),
              rules)
        check(not p.api("alerts")["alerts"], "nothing to alert on")
        call.hang_up()
        d.expect(event="close", dir="in")
        until(lambda: p.value("sum(pinholed_pinholes)") == 0, 5, "its end")
        check(p.value("up") == 1, "up")
        # A counter does not go back, and a process that died is seen.
        d.kill("engine")
        until(lambda: p.value('pinholed_process_restarts_total'
                              '{process="engine"}') == 1, 10, "its death")
        time.sleep(3)
        check(p.value("resets(pinholed_pinholes_opened_total[1m])") == 0,
              "no counter went back")
    finally:
        p.close()
