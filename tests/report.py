#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The page of --report in a real browser.

usage: report.py PINHOLED page		what it shows, and what must not run
       report.py PINHOLED many		10,000 calls
       report.py PINHOLED picture FILE	the screenshot in README.md
"""
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TOP, "tests"), os.path.join(TOP, "tests/pcaps")]

from browser import CHROMIUM, Browser  # noqa: E402
from many import many  # noqa: E402

PINHOLED, MODE = sys.argv[1:3]
CALLS = 10000


def check(cond, what):
    if not cond:
        sys.exit(f"report: {what}")


def page_of(directory, capture, *options):
    out = os.path.join(directory, "out.html")
    done = subprocess.run([PINHOLED, "-r", capture, *options, "--report", out],
                          capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
    check(done.stdout == "", f"on the standard output: {done.stdout[:200]}")
    return out


def case_page(directory, name):
    folder = os.path.join(TOP, "test-pcaps", name)
    return page_of(directory, f"{folder}/input.pcap", "-f",
                   f"{folder}/pinholed.conf")


def clean(b):
    check(b.complaints == [], f"the page complains: {b.complaints}")
    check(all(u.startswith("file:") for u in b.loads),
          f"the page asks for {b.loads}")


def shown(b, what="details.call"):
    return b.run(f"document.querySelectorAll({what!r}).length")


def choose(b, kind, text):
    b.run(f"""(() => {{
        const k = document.getElementById("kind"),
            t = document.getElementById("text");
        k.value = {kind!r}; k.dispatchEvent(new Event("change"));
        t.value = {text!r}; t.dispatchEvent(new Event("input"));
        return new Promise(done => setTimeout(done, 300));
    }})()""")


def test_page(directory, b):
    b.open("file://" + case_page(directory, "sip/office"))
    clean(b)
    check(shown(b) == 16, f"{shown(b)} calls")
    check(shown(b, "td.words") < 10, "a ladder that nobody has asked for")
    find = "[...document.querySelectorAll('details.call')]" \
        ".find(d => d.textContent.includes('5d10-intercom'))"
    b.run(find + ".querySelector('summary').click()")
    text = b.run("new Promise(done => setTimeout(() => done("
                 + find + ".textContent), 100))")
    check("add 192.0.2.77 to `server`" in text, f"no ladder: {text}")
    check(b.run(find + ".querySelectorAll('svg.arrow').length") == 6,
          "an arrow for each message")
    b.run(find + ".querySelector('summary').click()")
    check(not b.run(find + ".open"), "it does not fold")
    for kind, text, n in (("refused", "", 2), ("trouble", "", 7),
                          ("none", "scanner", 3), ("all", "203.0.113.66", 4),
                          ("all", "192.0.2.20", 1), ("all", "nobody", 0)):
        choose(b, kind, text)
        check(shown(b) == n, f"{kind} {text}: {shown(b)} calls, want {n}")
    colour = "getComputedStyle(document.body).backgroundColor"
    b.look(1000, 700)
    light = b.run(colour)
    b.look(1000, 700, dark=True)
    check(light != b.run(colour), f"light and dark are both {light}")
    clean(b)


def test_hostile(directory, b):
    b.open("file://" + case_page(directory, "sip/hostile-call-id"))
    clean(b)
    name = b.run("document.querySelector('.id').textContent")
    check(name.startswith("</script><script>document.title='owned'"), name)
    b.run("document.querySelector('details.call').open = true")
    time.sleep(0.2)
    check(b.run("document.title") != "owned", "the Call-ID has run")
    check(shown(b, "script") == 2 and shown(b, "img") == 0,
          "the Call-ID has become markup")
    clean(b)
    # And if it had: the policy lets nothing run but the page's own script.
    b.run("""(() => {
        const s = document.createElement("script"),
            i = document.createElement("img");
        s.textContent = "document.title = 'owned'";
        i.src = "http://192.0.2.1/";
        document.body.append(s, i);
    })()""")
    check(b.run("document.title") != "owned", "an inline script has run")
    check(len(b.complaints) >= 2, "the policy has not spoken")


def test_many(directory, b):
    capture = os.path.join(directory, "many.pcap")
    many(capture, CALLS)
    page = page_of(directory, capture, "-D", "protect=192.0.2.0/24")
    size = os.path.getsize(page)
    check(size < CALLS * 1500, f"{size} bytes")
    seconds = b.open("file://" + page)
    clean(b)
    check(shown(b, "details.group") == CALLS // 100, "groups")
    check(shown(b) <= 100, "calls that nobody has asked for are drawn")
    begin = time.monotonic()
    b.run("[...document.querySelectorAll('details.group')].at(-1).open = true")
    time.sleep(0.1)
    check(shown(b) == 200, f"{shown(b)} calls after the last group is open")
    choose(b, "refused", "09995")
    check(shown(b) == 1, f"{shown(b)} calls found")
    more = time.monotonic() - begin
    print(f"{CALLS} calls: {size / 1e6:.1f} MB, open in {seconds:.1f} s, "
          f"unfolded and searched in {more:.1f} s")
    check(seconds < 10 and more < 10, "too slow")


def picture(directory, b):
    page = case_page(directory, "sip/office")
    b.look(1000, 900)
    b.open("file://" + page)
    b.run("""(() => {
        document.getElementById("title").textContent = "office.pcap";
        [...document.querySelectorAll("details.call")].find(d =>
            d.textContent.includes("5d10-intercom")).open = true;
    })()""")
    time.sleep(0.3)
    b.picture(sys.argv[3])


def main():
    if CHROMIUM is None:
        print("skipped: no chromium")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        b = Browser()
        try:
            if MODE == "page":
                test_page(directory, b)
                test_hostile(directory, b)
            elif MODE == "many":
                test_many(directory, b)
            else:
                picture(directory, b)
        finally:
            b.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
