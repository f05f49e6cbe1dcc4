#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Change the program in one place, and see whether a test notices.

usage: run.py [-j JOBS] [-l] [-s] [ROOM[:LINE] ...]

A mutant is one wrong line: a bound off by one, a comparison turned round, a
statement left out.  Each file *.txt beside this one is the table of a room,
or of a part of it; without arguments, all of them.  The fast tests of the room
run on each of its mutants, in copies of the tree under build-mutants/.  A ROOM
with a slash is a table elsewhere, such as sample.py makes.

A table begins with the programs to build and the tests to run:

    build: test_fwtable test_fw_policy
    test: unit-fwtable|unit-fw_policy

A mutant follows an empty line.  The function (after @) may be left out if the
text occurs once in the file; white space counts as in C.  Without a line of +
the text is left out, but for its last semicolon.

    src/fw/table.c @want
    - t->nitems >= t->max
    + t->nitems > t->max

Prints what survived, as FILE:LINE of the table, then one line for each room.
-l only checks that each mutant still has its place.  -s builds with
sanitizers.  Exit 1 if anything survived or has lost its place.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
SCRATCH = TOP / "build-mutants"
TIMEOUT_S = 60  # for one test
# A mutant may kill(-1), or leave children that spin: they end with the tests.
APART = (["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() == 0 else [])


class Mutant:
    def __init__(self, room, line, head):
        self.room, self.line = room, line
        self.file, _, self.function = (s.strip() for s in head.partition("@"))
        self.old, self.new = [], []
        self.result = None

    def place(self, text):
        """Where the old text is, as (from, to); None unless just once."""
        begin, end = 0, len(text)
        if self.function:
            found = re.search(r"^%s\(" % re.escape(self.function), text, re.M)
            if found is None:
                return None
            begin = found.start()
            end = text.index("\n}\n", begin)
        words = r"\s+".join(re.escape(w) for w in " ".join(self.old).split())
        # "id" is not in "fw_id".
        words = r"(?<!\w)(?=\w)%s|(?!\w)%s" % (words, words)
        hits = list(re.finditer(words, text[begin:end]))
        if len(hits) != 1:
            return None
        return begin + hits[0].start(), begin + hits[0].end()

    def apply(self, text):
        place = self.place(text)
        new = "\n".join(self.new)
        if not new and self.old[-1].endswith(";"):
            new = ";"
        return text[: place[0]] + new + text[place[1] :]

    def __str__(self):
        return "%s.txt:%d: %s: %s  ->  %s" % (
            self.room.name, self.line, self.file,
            " ".join(self.old), " ".join(self.new) or "(nothing)")


class Room:
    def __init__(self, path):
        self.name, self.mutants = path.stem, []
        self.build = self.test = None
        fresh, m = True, None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("#"):
                continue
            if not line.strip():
                fresh = True
            elif line.startswith("build:"):
                self.build = line[6:].split()
            elif line.startswith("test:"):
                self.test = line[5:].strip()
            elif fresh:
                m = Mutant(self, number, line)
                self.mutants.append(m)
                fresh = False
            elif line[0] == "-":
                m.old.append(line[1:].strip())
            elif line[0] == "+":
                m.new.append(line[1:].strip())
            else:
                sys.exit("%s:%d: neither - nor +" % (path, number))


class Tree:
    """A copy of the tree with a build of its own."""

    def __init__(self, number, sanitize):
        self.top = SCRATCH / str(number)
        self.build = self.top / "build"
        self.log = self.top / "build.log"
        self.top.mkdir(parents=True, exist_ok=True)
        files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"],
            cwd=TOP, capture_output=True, text=True, check=True).stdout
        files = [f for f in files.split("\n") if (TOP / f).is_file()]
        for old in self.top.rglob("*"):
            name = str(old.relative_to(self.top))
            if (old.is_file() and not name.startswith("build") and
                    name not in files):
                old.unlink()
        for f in files:
            self.copy(f)
        self.ok = self.run("cmake", "-S", ".", "-B", "build", "-G", "Ninja",
            "-DCMAKE_BUILD_TYPE=Mutant", "-DCMAKE_C_FLAGS=-O0",
            "-DSANITIZE=" + ("ON" if sanitize else "OFF"))

    def copy(self, name):
        old, new = TOP / name, self.top / name
        if new.is_file() and new.read_bytes() == old.read_bytes():
            return
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(old, new)

    def run(self, *command):
        with open(self.log, "w") as log:
            return subprocess.run(command, cwd=self.top, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL).returncode == 0

    def compile(self, room):
        return self.run("ninja", "-j1", "-C", "build", *room.build)

    def passes(self, room):
        return self.run(*APART, "ctest", "--test-dir", "build", "-R", room.test,
            "-LE", "live|style", "--no-tests=error", "--stop-on-failure",
            "--timeout", str(TIMEOUT_S), "--output-on-failure")

    def try_mutant(self, m):
        path = self.top / m.file
        text = path.read_text()
        path.write_text(m.apply(text))
        try:
            if not self.compile(m.room):
                return "does not compile"
            return "survived" if self.passes(m.room) else "killed"
        finally:
            path.write_text(text)


def work(number, sanitize, queue, lock):
    tree = Tree(number, sanitize)
    good = set()
    while tree.ok:
        with lock:
            if not queue:
                return
            m = queue.pop(0)
        if m.room not in good:
            if not tree.compile(m.room) or not tree.passes(m.room):
                break
            good.add(m.room)
        m.result = tree.try_mutant(m)
        if m.result != "killed":
            with lock:
                print("%s: %s" % (m.result, m), flush=True)
    with lock:
        print("not built, or its tests fail without a mutant: see %s" %
            tree.log, flush=True)
        queue.clear()


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    p.add_argument("-j", type=int, default=os.cpu_count())
    p.add_argument("-l", action="store_true")
    p.add_argument("-s", action="store_true")
    p.add_argument("room", nargs="*")
    args = p.parse_args()

    rooms, queue = [], []
    names = args.room or sorted(f.stem for f in HERE.glob("*.txt"))
    for name in names:
        name, _, line = name.partition(":")
        room = Room(Path(name) if "/" in name else HERE / (name + ".txt"))
        if line:
            room.mutants = [m for m in room.mutants if m.line == int(line)]
        rooms.append(room)
        for m in room.mutants:
            path = TOP / m.file
            if not path.is_file() or m.place(path.read_text()) is None:
                m.result = "has lost its place"
                print("%s: %s" % (m.result, m), flush=True)
            elif not args.l:
                queue.append(m)
    if queue:
        lock = threading.Lock()
        jobs = [threading.Thread(target=work, args=(i, args.s, queue, lock))
            for i in range(min(args.j, len(queue)))]
        for j in jobs:
            j.start()
        for j in jobs:
            j.join()
    for room in rooms:
        of = len(room.mutants)
        killed = sum(m.result == "killed" for m in room.mutants)
        if args.l:
            print("%-10s %3d mutants" % (room.name, of))
        else:
            print("%-10s %3d of %3d killed, %3d %%" % (room.name, killed, of,
                100 * killed // max(of, 1)))
    good = ("killed", None) if args.l else ("killed",)
    return any(m.result not in good for r in rooms for m in r.mutants)


if __name__ == "__main__":
    sys.exit(main())
