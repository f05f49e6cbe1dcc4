#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Draws doc/where.svg: where pinholed stands, and what passes it.

usage: where.py [FILE]
"""
import os
import sys

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "where.svg")
STYLE = """
    svg { font: 14px system-ui, sans-serif; color: #1f2328 }
    text { fill: currentColor } .small { font-size: 12px }
    .box { fill: none; stroke: currentColor; stroke-width: 1.5 }
    .wall { fill: #8c959f33; stroke: currentColor; stroke-width: 1.5 }
    .us { fill: #2da44e22; stroke: #2da44e; stroke-width: 2 }
    .sip { stroke: #0969da; fill: none; stroke-width: 2 }
    .media { stroke: #2da44e; fill: none; stroke-width: 6 }
    .stop { stroke: #cf222e; fill: none; stroke-width: 2 }
    .quiet { stroke: currentColor; fill: none; stroke-dasharray: 4 3 }
    .sipt { fill: #0969da } .mediat { fill: #2da44e } .stopt { fill: #cf222e }
    @media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }
"""


def box(x, y, w, h, kind="box"):
    return (f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" '
            'rx="6"/>')


def text(x, y, words, kind="", anchor="middle"):
    return (f'<text class="{kind}" x="{x}" y="{y}" '
            f'text-anchor="{anchor}">{words}</text>')


def arrow(x1, x2, y, kind, both=True):
    """A horizontal one; its heads are drawn, for a marker has one colour."""
    step = 9 if x2 > x1 else -9
    lines = [f'<path class="{kind}" d="M{x1} {y}H{x2}"/>']
    for x, way in ((x2, -step), (x1, step))[:2 if both else 1]:
        lines.append(f'<path class="{kind}" style="stroke-width:2" '
                     f'd="M{x + way} {y - 6}L{x} {y}L{x + way} {y + 6}"/>')
    return "\n".join(lines)


def draw():
    shapes = [
        text(110, 28, "outside"), text(460, 28, "your firewall"),
        text(810, 28, "inside: protect"),
        box(20, 60, 180, 70), text(110, 92, "a telephone"),
        text(110, 112, "198.51.100.7", "small"),
        box(20, 200, 180, 60), text(110, 235, "everybody else"),
        box(720, 60, 180, 70), text(810, 92, "Asterisk, or telephones"),
        text(810, 112, "192.0.2.10", "small"),
        box(330, 50, 260, 220, "wall"),
        text(460, 72, "nftables or pf: your rules"),
        arrow(200, 720, 88, "sip"),
        text(265, 82, "SIP, port 5060", "sipt small"),
        arrow(200, 720, 120, "media"),
        text(460, 144, "two ports, for this peer, for this call",
             "mediat small"),
        arrow(200, 330, 230, "stop", both=False),
        text(265, 222, "dropped", "stopt small"),
        box(355, 190, 210, 56, "us"),
        text(460, 214, "pinholed", "mediat"),
        text(460, 234, "reads SIP; no packet enters it", "small"),
        '<path class="quiet" d="M655 88V218H565"/>',
        text(662, 178, "listens", "small", "start"),
        '<path class="quiet" d="M460 190V152"/>',
        text(470, 176, "opens, closes", "small", "start"),
    ]
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 290" '
            'role="img" aria-label="pinholed listens to SIP beside the '
            'firewall and opens two ports for each call">\n'
            f"<style>{STYLE}</style>\n" + "\n".join(shapes) + "\n</svg>\n")


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else FILE, "w",
              encoding="ascii") as f:
        f.write(draw())


if __name__ == "__main__":
    main()
