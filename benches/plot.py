#!/usr/bin/env python3
"""Draws the output of the benches `pipeline` and `postgres`.

    cargo bench -p rungs-bench --bench pipeline | tee pipeline.txt
    python3 benches/plot.py pipeline.txt > docs/images/pipeline.svg
    cargo bench -p rungs-bench --bench postgres | tee postgres.txt
    python3 benches/plot.py postgres.txt > docs/images/postgres.svg
"""

import re
import sys
from html import escape

WIDTH, BAR, GAP, LEFT = 860, 18, 26, 90
HALF = WIDTH // 2
COLORS = {"by hand": "#8c8c8c", "memory": "#9ecae1", "sled": "#4292c6", "journal": "#08519c", "SQL queue": "#8c8c8c", "SQL queue x8": "#8c8c8c"}


def runs(text):
    """Returns `[(title, [(contender, pages per second, peak MiB)])]`."""
    found = []
    for line in text.splitlines():
        if re.match(r"\d+ KB, ", line):
            found.append((line.strip(), []))
        row = re.match(r"(\D+?) +([\d.]+) +([\d.]+) +(\d+) +(\d+)$", line)
        if row and found:
            found[-1][1].append((row[1].strip(), int(row[4]), int(row[5])))
    return [run for run in found if run[1]]


def milliseconds(text):
    value, unit = re.match(r"([\d.]+)(\D+)$", text).groups()
    return float(value) * {"ns": 1e-6, "µs": 1e-3, "ms": 1, "s": 1e3}[unit]


def panels(text):
    """Returns the parts of the bench `postgres` as `[(title, unit, [(label, value)])]`."""
    found = []
    for line in text.splitlines():
        rate = re.match(r"(\D.*?|\d process\w*) +(\d+) +[\d.]+ of (?:the queue|linear)", line)
        time = re.match(r"(.+?) +p50 +\S+ +p99 +(\S+) ", line)
        if rate and found:
            found[-1][2].append((rate[1].strip(), int(rate[2])))
        elif time and found:
            found[-1][2].append((time[1].strip(), round(milliseconds(time[2]), 1)))
        elif not rate and not time:
            unit = "per second" if "per second" in line and not line.startswith("claims") else "ms (p99)"
            found.append((line.strip(), unit, []))
    return [panel for panel in found if panel[2]]


def bars(rows, column, left, top, unit):
    """Draws one value of each row as a bar with its number."""
    most = max(row[column] for row in rows)
    room = HALF - LEFT - 110
    for at, row in enumerate(rows):
        y = top + at * (BAR + 4)
        width = max(1, int(room * row[column] // most))
        yield f'<text x="{left + LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(row[0])}</text>'
        yield f'<rect x="{left + LEFT}" y="{y}" width="{width}" height="{BAR}" fill="{COLORS.get(row[0], "#4292c6")}"/>'
        yield f'<text x="{left + LEFT + width + 6}" y="{y + 13}">{row[column]:,} {unit}</text>'


def draw_panels(found):
    """Draws the panels in two columns."""
    parts, tops = [], [20, 20]
    for title, unit, rows in found:
        at = tops.index(min(tops))
        parts.append(f'<text x="{at * HALF + 8}" y="{tops[at]}" font-weight="bold">{escape(title)}</text>')
        parts += bars(rows, 1, at * HALF, tops[at] + 10, unit)
        tops[at] += 10 + len(rows) * (BAR + 4) + GAP
    return framed(parts, max(tops))


def draw(found):
    parts, top = [], 20
    for title, rows in found:
        parts.append(f'<text x="8" y="{top}" font-weight="bold">{escape(title)}</text>')
        parts += bars(rows, 1, 0, top + 10, "pages/s")
        parts += bars(rows, 2, HALF, top + 10, "MiB")
        top += 10 + len(rows) * (BAR + 4) + GAP
    return framed(parts, top)


def framed(parts, top):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"])


if __name__ == "__main__":
    text = open(sys.argv[1], encoding="utf-8").read()
    print(draw_panels(panels(text)) if "of the queue" in text else draw(runs(text)))
