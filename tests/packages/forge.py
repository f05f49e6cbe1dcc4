#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The file for a forge: it is YAML, its jobs have what a runner asks for, and
shellcheck reads its commands.  No forge has run it.

usage: forge.py
"""
import os
import re
import shutil
import subprocess
import sys

try:
    import yaml
except ImportError:
    print("skipped: no python3-yaml")
    sys.exit(77)
if shutil.which("shellcheck") is None:
    print("skipped: no shellcheck")
    sys.exit(77)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FILE = ".github/workflows/check.yml"
bad = []


def wrong(what):
    print(f"{FILE}: {what}")
    bad.append(what)


def shellcheck(where, text):
    # Of what the forge puts in before a shell sees it.
    text = re.sub(r"\$\{\{[^}]*\}\}", "x", text)
    done = subprocess.run(["shellcheck", "-s", "sh", "-e", "SC2016", "-"],
                          input=text, text=True, capture_output=True,
                          check=False)
    if done.returncode != 0:
        wrong(f"{where}: {done.stdout}")
    for inner in re.findall(r"sh -euc '([^']*)'", text):
        shellcheck(f"{where}, in the container",
                   "# shellcheck disable=SC2086\n: \"${DEBIAN=}\"\n" + inner)


def look(name, job, keys):
    for key in "runs-on", "steps", "timeout-minutes":
        if key not in job:
            wrong(f"{name}: no {key}")
    for step in job["steps"]:
        if ("run" in step) == ("uses" in step):
            wrong(f"{name}: a step is `run` or `uses`: {step}")
        if "uses" in step and not re.fullmatch(r"[\w-]+/[\w-]+@v\d+",
                                               step["uses"]):
            wrong(f"{name}: no version: {step['uses']}")
        for text in step.get("run"), *(
                step.get("with", {}).get(k) for k in ("prepare", "run")):
            if text is not None:
                shellcheck(name, text)
    rows = job.get("strategy", {}).get("matrix", {}).get("include", [])
    for used in re.findall(r"\$\{\{ *matrix\.(\w+) *\}\}", str(job)):
        if not rows or any(used not in row for row in rows):
            wrong(f"{name}: the matrix has no {used}")
    keys.update(str(job).count("./check") and ["./check"] or [])


def packages():
    """Debian's, that the build needs, are those of the package's control."""
    with open(os.path.join(TOP, "contrib/debian/control"),
              encoding="ascii") as f:
        control = f.read().split("\n\n")[0]
    return set(re.findall(r"\b(lib[\w-]+-dev)\b", control))


def main():
    with open(os.path.join(TOP, FILE), encoding="ascii") as f:
        tree = yaml.safe_load(f)
    if set(tree) - {"name", True, "permissions", "env", "jobs"}:
        wrong(f"strange keys: {set(tree)}")
    keys = set()
    for name, job in tree["jobs"].items():
        look(name, job, keys)
    if "./check" not in keys:
        wrong("nobody runs ./check")
    lacks = packages() - set(tree["env"]["DEBIAN"].split())
    if lacks:
        wrong(f"Debian's package needs {lacks}, too")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
