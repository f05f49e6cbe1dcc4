#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Print mutants at random places, as a table that run.py reads.

usage: sample.py [-n N] [-s SEED] HEAD FILE.c ...

HEAD is a table whose "build:" and "test:" lines are taken over.  The same
seed and the same sources give the same mutants.  Then:

    sample.py -s 7 tests/mutants/nft.txt nft/*.c >/tmp/nft.txt
    run.py /tmp/nft.txt

A line is left alone if it declares, logs or makes text for people.
"""
import argparse
import random
import re
from pathlib import Path

SWAPS = [  # what stands in a line, and what is put there instead
    (r" == ", " != "), (r" != ", " == "),
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
    (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ ", " - "), (r"(?<=[\w)\]]) - ", " + "),
    (r" \+= ", " -= "), (r" -= ", " += "), (r" \|= ", " = "),
    (r"\+\+", "--"), (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"\b0\b(?!x)", "1"), (r"\b1\b", "0"), (r"\b1\b", "2"),
    (r"(?<!\[)\b([2-9]|[1-9]\d+)\b", lambda m: str(int(m[0]) + 1)),
    (r"!(?=[a-z(])", ""), (r" \? (.+?) : ([^;,)]+)", r" ? \2 : \1"),
    (r"\bmin\b|\bmax\b", lambda m: {"min": "max", "max": "min"}[m[0]]),
    (r"\bsrc\b", "dst"), (r"\bdst\b", "src"),
]
TALK = re.compile(r'log_|warn|\berr\w*\(|debug|printf|"|why|assert|'
    r"\(void\)|strbuf_|\bput_str|CHECK|alloc\(|sizeof")
DECLARES = re.compile(r"(?:static |const |struct |enum |unsigned |bool |char |"
    r"int |size_t |u?int\d+_t |void |typedef |ssize_t |time_t |double |FILE )")


def functions(text):
    for f in re.finditer(r"^(\w+)\(", text, re.M):
        end = text.find("\n}\n", f.start())
        body = text.find("\n{\n", f.start())
        if 0 <= body < end:
            yield f[1], text[f.start():end], text[body + 3:end].split("\n")


def of_line(line, before):
    """The mutants of a line: what is to stand there instead."""
    code = line.strip()
    for old, new in SWAPS:
        for m in re.finditer(old, line):
            yield line[:m.start()] + m.expand(new(m) if callable(new)
                else new) + line[m.end():]
    m = re.fullmatch(r"(\s*(?:if|while) \()(.*)(\)(?: \{)?)", line)
    if m and m[2].count("(") == m[2].count(")"):
        yield "%s!(%s)%s" % m.groups()
    whole = (code.endswith(";") and code.count("(") == code.count(")") and
        re.search(r"(?:[;{}:]|\)|else|^)$", before))
    if whole and not re.match(r"(?:return .|goto|for|\})", code):
        yield None
    m = re.fullmatch(r"(\s*return )(.*);", line)
    if whole and m and not re.fullmatch("0|1|true|false|NULL|PH_OK", m[2]):
        yield m[1] + "0;"


def mutants(path):
    text = path.read_text()
    for name, whole, lines in functions(text):
        comment = talking = False
        before = ""
        for i, line in enumerate(lines):
            code = line.strip()
            comment |= code.startswith("/*")
            # The lines that continue a statement have its nature.
            talking = TALK.search(line) or talking and before[-1:] not in ";{}"
            skip = (comment or talking or not code or "*/" in code or
                DECLARES.match(code) and "=" not in code)
            if "*/" in code:
                comment = False
            elif not comment:
                if not skip:
                    for new in of_line(line, before):
                        if new is None and DECLARES.match(code):
                            continue
                        old = unique(whole, lines, i)
                        if old:
                            yield path, name, i, old, new
                before = code


def unique(whole, lines, i):
    """The line, with those after it that make it the only one."""
    words = " ".join(whole.split())
    for n in range(1, 5):
        old = lines[i:i + n]
        text = " ".join(" ".join(old).split())
        if len(re.findall(r"(?<!\w)%s|(?<=\W)%s" % ((re.escape(text),) * 2),
                words)) == 1:
            return old
    return None


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    p.add_argument("-n", type=int, default=50)
    p.add_argument("-s", type=int, default=1)
    p.add_argument("head", type=Path)
    p.add_argument("file", type=Path, nargs="+")
    args = p.parse_args()
    all_of = [m for f in sorted(args.file) for m in mutants(f)]
    random.Random(args.s).shuffle(all_of)
    for line in args.head.read_text().splitlines():
        if line.startswith(("build:", "test:")):
            print(line)
    taken = set()
    for path, name, i, old, new in all_of:
        if len(taken) == args.n:
            break
        if (path, name, i) in taken:  # one of a line
            continue
        taken.add((path, name, i))
        print("\n%s @%s" % (path, name))
        if new is not None:
            new = [new, *old[1:]]
        elif len(old) > 1:
            new = [";", *old[1:]]
        for line in old:
            print("-", line.strip())
        for line in new or []:
            print("+", line.strip())


if __name__ == "__main__":
    main()
