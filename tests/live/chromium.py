# SPDX-License-Identifier: ISC
"""A Chromium without a window, driven by its DevTools protocol."""
import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

from net import check, until


class WebSocket:
    """As much of RFC 6455 as two programs on one machine need."""

    def __init__(self, sock, path):
        self.s = sock
        key = base64.b64encode(os.urandom(16)).decode()
        self.s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
                       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                       f"Sec-WebSocket-Key: {key}\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self.f = self.s.makefile("rb")
        check(b" 101 " in self.f.readline(), "a WebSocket")
        while self.f.readline() not in (b"\r\n", b""):
            pass

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        n = len(data)
        size = struct.pack("!B", 0x80 | n) if n < 126 else \
            struct.pack("!BH", 0x80 | 126, n) if n < 65536 else \
            struct.pack("!BQ", 0x80 | 127, n)
        self.s.sendall(b"\x81" + size + mask + bytes(
            b ^ mask[i % 4] for i, b in enumerate(data)))

    def recv(self):
        text = b""
        while True:
            first, n = self.f.read(2)
            if n == 126:
                n, = struct.unpack("!H", self.f.read(2))
            elif n == 127:
                n, = struct.unpack("!Q", self.f.read(8))
            data = self.f.read(n)
            if first & 0x0f in (0, 1):
                text += data
            if first & 0x80 and first & 0x0f in (0, 1):
                return text.decode()


class Chromium:
    """One page.  What goes wrong in it is in `errors`, what it asked for in
    `requests`."""

    def __init__(self, net, where="fw"):
        self.net, self.where = net, where
        self.errors, self.requests, self.n = [], [], 0
        self.home = tempfile.mkdtemp(prefix="pinholed-chromium.")
        self.proc = subprocess.Popen(
            [*net.enter(where), "chromium", "--headless=new", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-extensions",
             "--disable-component-update", "--remote-debugging-port=0",
             f"--user-data-dir={self.home}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = f"{self.home}/DevToolsActivePort"
        until(lambda: os.path.exists(port_file) and
              os.path.getsize(port_file) > 0, 30, "a browser")
        with open(port_file, encoding="ascii") as f:
            self.port = int(f.readline())
        self.ws = net.inside(where, self._page)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _page(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/json",
                                    timeout=10) as r:
            page = next(p for p in json.load(r) if p["type"] == "page")
        path = page["webSocketDebuggerUrl"].split("/", 3)[3]
        return WebSocket(socket.create_connection(
            ("127.0.0.1", self.port), timeout=20), "/" + path)

    def call(self, method, **params):
        self.n += 1
        self.ws.send(json.dumps({"id": self.n, "method": method,
                                 "params": params}))
        while True:
            m = json.loads(self.ws.recv())
            if m.get("id") == self.n:
                check("error" not in m, f"{method}: {m}")
                return m["result"]
            self._note(m.get("method"), m.get("params", {}))

    def _note(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"])
        elif method == "Log.entryAdded" and \
                params["entry"]["level"] == "error":
            self.errors.append(params["entry"])
        elif method == "Runtime.consoleAPICalled" and \
                params["type"] == "error":
            self.errors.append(params)
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def go(self, url):
        self.call("Page.navigate", url=url)

    def js(self, expression):
        r = self.call("Runtime.evaluate", expression=expression,
                      returnByValue=True)
        check("exceptionDetails" not in r, r)
        return r["result"].get("value")

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)})"
                       "?.textContent ?? null")

    def shows(self, selector, text, seconds=5):
        until(lambda: text in (self.text(selector) or ""), seconds,
              f"{text!r} in {selector}; it has {self.text(selector)!r}")

    def looks(self, dark=False, width=1000, height=760):
        self.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}])

    def shot(self, path):
        time.sleep(0.3)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def close(self):
        self.proc.terminate()
        try:
            self.proc.wait(5)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait(5)
        shutil.rmtree(self.home, ignore_errors=True)
