#!/usr/bin/env python3
"""Draws the output of the bench `pipeline` as docs/images/pipeline.svg: pages per second and peak memory.

    cargo bench -p rungs-bench --bench pipeline | tee pipeline.txt
    python3 benches/plot.py pipeline.txt > docs/images/pipeline.svg
"""

import re
import sys
from html import escape

WIDTH, BAR, GAP, LEFT = 860, 18, 26, 90
HALF = WIDTH // 2
COLORS = {"by hand": "#8c8c8c", "memory": "#9ecae1", "sled": "#4292c6", "journal": "#08519c"}


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


def bars(rows, column, left, top, unit):
    """Draws one value of each row as a bar with its number."""
    most = max(row[column] for row in rows)
    room = HALF - LEFT - 110
    for at, row in enumerate(rows):
        y = top + at * (BAR + 4)
        width = max(1, room * row[column] // most)
        yield f'<text x="{left + LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(row[0])}</text>'
        yield f'<rect x="{left + LEFT}" y="{y}" width="{width}" height="{BAR}" fill="{COLORS.get(row[0], "#444")}"/>'
        yield f'<text x="{left + LEFT + width + 6}" y="{y + 13}">{row[column]:,} {unit}</text>'


def draw(found):
    parts, top = [], 20
    for title, rows in found:
        parts.append(f'<text x="8" y="{top}" font-weight="bold">{escape(title)}</text>')
        parts += bars(rows, 1, 0, top + 10, "pages/s")
        parts += bars(rows, 2, HALF, top + 10, "MiB")
        top += 10 + len(rows) * (BAR + 4) + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"])


if __name__ == "__main__":
    print(draw(runs(open(sys.argv[1], encoding="utf-8").read())))
