#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A page of doc/ shows commands with their output: each prints just that.

usage: examples.py PINHOLED PAGE	(UPDATE=1 rewrites the page)

An example is an indented block whose first line is "$ pinholed -r ...", run at
the top of the source.  A line of three dots stands for lines left out.
"""
import os
import re
import shlex
import subprocess
import sys

PINHOLED, PAGE = sys.argv[1:]
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BLOCK = re.compile(r"^    \$ (pinholed -r .*)\n((?:    .*\n)*)", re.M)


def output(command):
    done = subprocess.run([PINHOLED, *shlex.split(command)[1:]], cwd=TOP,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.stdout


def main():
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    bad = []

    def run(block):
        got = "".join(f"    {line}".rstrip() + "\n"
                      for line in output(block[1]).splitlines())
        if not block[2]:
            bad.append(f"{block[1]}: nothing is shown")
            return f"    $ {block[1]}\n{got}"
        parts = block[2].split("    ...\n")
        at = 0
        for part in parts:
            found = got.find(part, at)
            if found == -1 or (part is parts[0] and found != 0):
                bad.append(f"{block[1]}\nwanted:\n{part}got:\n{got}")
                return f"    $ {block[1]}\n{got}"
            at = found + len(part)
        if parts[-1] and at != len(got):
            bad.append(f"{block[1]}: there is more:\n{got[at:]}")
            return f"    $ {block[1]}\n{got}"
        return block[0]

    new, n = BLOCK.subn(run, page)
    if os.environ.get("UPDATE"):
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(new)
        return 0
    for b in bad:
        print(b)
    if n == 0:
        print(f"{PAGE} has no example")
    return 1 if bad or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
