# SPDX-License-Identifier: ISC
"""A real browser without a window, asked in its own protocol over a pipe.

Needs Debian's chromium and nothing else.  Whatever a page complains about, in
its console or by an exception, is in `complaints`.
"""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

CHROMIUM = shutil.which("chromium")


class Browser:
    def __init__(self, before=()):
        """`before`: a command that runs it, such as elsewhere."""
        self.dir = tempfile.mkdtemp(prefix="browser")
        self.complaints, self.loads, self.ident = [], [], 0
        theirs_in, self.out = os.pipe()
        self.inp, theirs_out = os.pipe()
        flags = ["--headless", "--disable-gpu", "--hide-scrollbars",
                 "--no-first-run", "--disable-dev-shm-usage",
                 "--disable-background-networking", "--disable-extensions",
                 "--remote-debugging-pipe", f"--user-data-dir={self.dir}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")

        def pipes():
            # The protocol is spoken on descriptors 3 and 4.
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            high = [os.dup2(a, 60), os.dup2(b, 61)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [*before, CHROMIUM, *flags, "about:blank"], pass_fds=(3, 4, theirs_in,
                                                         theirs_out),
            preexec_fn=pipes, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer, self.session = b"", None
        page = next(t for t in self.call("Target.getTargets")["targetInfos"]
                    if t["type"] == "page")
        self.session = self.call("Target.attachToTarget",
                                 targetId=page["targetId"],
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _receive(self):
        while b"\0" not in self.buffer:
            more = os.read(self.inp, 1 << 20)
            if not more:
                raise OSError("the browser is gone")
            self.buffer += more
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def _event(self, message):
        kind, p = message.get("method"), message.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.complaints.append(str(p["exceptionDetails"]))
        elif kind == "Log.entryAdded" and p["entry"]["level"] == "error":
            self.complaints.append(p["entry"]["text"])
        elif kind == "Runtime.consoleAPICalled" and p["type"] == "error":
            self.complaints.append(str(p["args"]))
        elif kind == "Network.requestWillBeSent":
            self.loads.append(p["request"]["url"])
        elif kind == "Page.loadEventFired":
            self.loaded = True

    def call(self, method, **params):
        self.ident += 1
        ask = {"id": self.ident, "method": method, "params": params}
        if self.session:
            ask["sessionId"] = self.session
        os.write(self.out, json.dumps(ask).encode() + b"\0")
        while True:
            message = self._receive()
            if message.get("id") == self.ident:
                if "error" in message:
                    raise RuntimeError(message["error"])
                return message["result"]
            self._event(message)

    def open(self, url):
        """Load a page; how many seconds it took."""
        self.loaded, begin = False, time.monotonic()
        self.call("Page.navigate", url=url)
        while not self.loaded:
            self._event(self._receive())
        return time.monotonic() - begin

    def run(self, script):
        """The value of an expression in the page."""
        r = self.call("Runtime.evaluate", expression=script,
                      returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise RuntimeError(r["exceptionDetails"])
        return r["result"].get("value")

    def look(self, width, height, dark=False):
        """How large the window is, and which colours it prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}])

    def picture(self, path):
        png = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(png))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except OSError:
            pass
        os.close(self.out)
        os.close(self.inp)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
