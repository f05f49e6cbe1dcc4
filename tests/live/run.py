#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Run one live scenario, or list them.

usage: run.py list [FILE]
       run.py PINHOLED SCENARIO
"""
import os
import shutil
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import agents  # noqa: E402,F401 pylint: disable=unused-import
import background  # noqa: E402,F401 pylint: disable=unused-import
import failover  # noqa: E402,F401 pylint: disable=unused-import
import frames  # noqa: E402,F401 pylint: disable=unused-import
import ftpproxy  # noqa: E402,F401 pylint: disable=unused-import
import helpers  # noqa: E402,F401 pylint: disable=unused-import
import inline  # noqa: E402,F401 pylint: disable=unused-import
import inlinecare  # noqa: E402,F401 pylint: disable=unused-import
import leave  # noqa: E402,F401 pylint: disable=unused-import
import life  # noqa: E402,F401 pylint: disable=unused-import
import logs  # noqa: E402,F401 pylint: disable=unused-import
import manual  # noqa: E402,F401 pylint: disable=unused-import
import mirror  # noqa: E402,F401 pylint: disable=unused-import
import net  # noqa: E402
import processes  # noqa: E402,F401 pylint: disable=unused-import
import share  # noqa: E402,F401 pylint: disable=unused-import
import sharetls  # noqa: E402,F401 pylint: disable=unused-import
import status  # noqa: E402,F401 pylint: disable=unused-import
import stories  # noqa: E402,F401 pylint: disable=unused-import
import tables  # noqa: E402,F401 pylint: disable=unused-import
import taps  # noqa: E402,F401 pylint: disable=unused-import
import tftpproxy  # noqa: E402,F401 pylint: disable=unused-import
import web  # noqa: E402,F401 pylint: disable=unused-import
from scenarios import scenarios  # noqa: E402

SKIP = 77


def unable(needs):
    if os.geteuid() != 0:
        return "not root"
    for tool in ("ip", "nft", "sysctl", *needs):
        if shutil.which(tool) is None:
            return f"no {tool}"
    try:
        net.sh("ip", "netns", "add", f"ph{os.getpid()}-try")
        net.sh("ip", "netns", "del", f"ph{os.getpid()}-try")
    except net.Failure as why:
        return f"no network namespaces: {why}"
    return None


def main():
    if sys.argv[1:2] == ["list"]:
        print("\n".join(s for s, (play, _) in scenarios.items()
                        if sys.argv[2:] in ([], [play.__module__])))
        return 0
    net.Daemon.binary, wanted = sys.argv[1:]
    play, options = scenarios[wanted]
    why = unable(options.pop("needs", ()))
    if why:
        print(f"skipped: {why}")
        return SKIP
    world = net.Net(**options)
    world.egress = options.get("egress", True)
    try:
        play(world)
    except net.Unable as why:
        print(f"skipped: {why}")
        return SKIP
    except Exception:
        traceback.print_exc()
        for d in world.daemons:
            print("log:", *d.log[-40:], sep="\n    ")
            print("events:", *d.events[-40:], sep="\n    ")
        try:
            print(world.run("fw", "nft", "list", "ruleset"))
        except net.Failure:
            pass
        return 1
    finally:
        world.close()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
