# SPDX-License-Identifier: ISC
"""Lines in plain SVG: no script, no font, readable on light and on dark."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 36, 44
COLOURS = ("#0b6e4f", "#c0392b", "#2c5aa0", "#b8860b", "#7d3c98", "#555555")


def steps(low, high):
    """The powers of ten from one to the other."""
    return [10.0 ** e for e in range(math.floor(math.log10(low)),
                                     math.ceil(math.log10(high)) + 1)]


def short(v):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if v >= limit:
            return f"{v / limit:g}{unit}"
    return f"{v:g}"


class Axes:
    """Both logarithmic, for what grows with the calls is a straight line."""

    def __init__(self, points):
        self.x = steps(min(x for x, _ in points), max(x for x, _ in points))
        self.y = steps(min(y for _, y in points), max(y for _, y in points))

    @staticmethod
    def part(v, ends):
        span = math.log10(ends[-1] / ends[0]) or 1
        return math.log10(v / ends[0]) / span

    def at(self, x, y):
        return (LEFT + self.part(x, self.x) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM -
                self.part(y, self.y) * (HEIGHT - TOP - BOTTOM))


def text(x, y, words, anchor="middle", colour="#808080"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'fill="{colour}">{escape(words)}</text>')


def grid(axes):
    out = []
    for x in axes.x:
        a, b = axes.at(x, axes.y[0]), axes.at(x, axes.y[-1])
        out.append(f'<path d="M{a[0]:.1f} {a[1]:.1f}V{b[1]:.1f}"/>')
        out.append(text(a[0], a[1] + 16, short(x)))
    for y in axes.y:
        a, b = axes.at(axes.x[0], y), axes.at(axes.x[-1], y)
        out.append(f'<path d="M{a[0]:.1f} {a[1]:.1f}H{b[0]:.1f}"/>')
        out.append(text(a[0] - 6, a[1] + 4, short(y), "end"))
    return ['<g stroke="#80808055" stroke-width="1" fill="none">',
            *(o for o in out if o.startswith("<path")), "</g>",
            *(o for o in out if not o.startswith("<path"))]


def lines(title, xlabel, ylabel, series):
    """series: name -> [(x, y)], all above 0.  The picture as a string."""
    axes = Axes([p for points in series.values() for p in points])
    out = ['<svg xmlns="http://www.w3.org/2000/svg" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
           'font-size="12">', f"<title>{escape(title)}</title>",
           text(LEFT, 20, f"{title}: {ylabel}", "start"),
           text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, xlabel), *grid(axes)]
    last = HEIGHT
    named = sorted(zip(series.items(), COLOURS), key=lambda s: s[0][1][-1][1])
    for (name, points), colour in named:
        way = " ".join("{:.1f},{:.1f}".format(*axes.at(x, y))
                       for x, y in points)
        out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" '
                   'stroke-width="2"/>')
        x, y = axes.at(*points[-1])
        last = min(y + 4, last - 14)
        out.append(text(x + 8, last, name, "start", colour))
    return "\n".join([*out, "</svg>", ""])
