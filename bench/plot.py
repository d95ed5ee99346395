#!/usr/bin/env python3
"""make bench-plot: prompt tokens a second against rows and against the budget, with the two bounds, as an SVG for the README.

    bench/plot.py [--out docs/speed.svg] [bench/results/MACHINE-curves.csv]

Draws what bench/curves.sh recorded last: the points of the newest commit in the file (default: the file of results whose last point is
the newest). Compute line: int8 peak over multiply-adds per row. Disk line: rows over the time in which a sweep's bytes come at the raw
rate. Standard library only. The picture brings its own background and follows the reader's light or dark scheme.
"""

import argparse
import csv
import math
import statistics
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 940, 446
TOP, BOTTOM = 78, 352  # of both panels

STYLE = """
  :root { --surface: #fcfcfb; --ink: #0b0b0b; --soft: #52514e; --grid: #e1e0d9; --axis: #a5a39b; --one: #2a78d6; --two: #d2541f; }
  @media (prefers-color-scheme: dark) {
    :root { --surface: #1a1a19; --ink: #ffffff; --soft: #c3c2b7; --grid: #33322f; --axis: #6d6b65; --one: #5598e7; --two: #ea7a4c; }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--soft); }
  .head { font-size: 14px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--grid); }
  .axis { stroke: var(--axis); }
  .bound { fill: none; stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 6 4; }
  .one { stroke: var(--one); } .two { stroke: var(--two); }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .dot { fill: var(--surface); stroke-width: 2; }
  .name { font-weight: 600; stroke: none; } .name.one { fill: var(--one); } .name.two { fill: var(--two); }
"""


def read_points(path):
    """The file's points of its last commit and model, the last of those measured twice: dicts with numbers where they are numbers."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise SystemExit(f"bench/plot.py: {path} has no points")
    last = rows[-1]
    points = {}
    for row in rows:
        if (row["commit"], row["model"]) == (last["commit"], last["model"]):
            for key in ("file_bytes", "rows", "rows_per_s", "bytes_per_sweep", "raw_bytes_per_s", "int8_peak", "ops_per_row"):
                row[key] = float(row[key])
            points[row["curve"], row["budget"], row["rows"]] = row
    return list(points.values())


class Bounds:
    """What the machine allows at most, from the medians of the session."""

    def __init__(self, points):
        self.raw = statistics.median(point["raw_bytes_per_s"] for point in points)
        self.peak = statistics.median(point["int8_peak"] for point in points)
        self.compute = self.peak / statistics.median(point["ops_per_row"] for point in points)  # rows/s

    def disk(self, rows, bytes_per_sweep):
        return rows * self.raw / bytes_per_sweep if bytes_per_sweep else math.inf  # rows/s


class Panel:
    """A plot with a logarithmic y; x is logarithmic or not."""

    def __init__(self, left, right, x_range, y_range, log_x):
        self.left, self.right, self.x_range, self.y_range, self.log_x = left, right, x_range, y_range, log_x
        self.parts = []

    def x(self, value):
        low, high = self.x_range
        share = math.log(value / low) / math.log(high / low) if self.log_x else (value - low) / (high - low)
        return self.left + share * (self.right - self.left)

    def y(self, value):
        low, high = self.y_range
        return BOTTOM - math.log(value / low) / math.log(high / low) * (BOTTOM - TOP)

    def text(self, x, y, words, kind="", anchor="start"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>')

    def axes(self, x_ticks, x_name):
        for value in y_ticks(self.y_range):
            self.parts.append(f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{self.y(value):.1f}" y2="{self.y(value):.1f}"/>')
            self.text(self.left - 8, self.y(value) + 4, f"{value:g}", anchor="end")
        self.parts.append(f'<line class="axis" x1="{self.left}" x2="{self.right}" y1="{BOTTOM}" y2="{BOTTOM}"/>')
        for value, words in x_ticks:
            self.parts.append(f'<line class="axis" x1="{self.x(value):.1f}" x2="{self.x(value):.1f}" y1="{BOTTOM}" y2="{BOTTOM + 4}"/>')
            self.text(self.x(value), BOTTOM + 19, words, anchor="middle")
        self.text((self.left + self.right) / 2, BOTTOM + 40, x_name, anchor="middle")

    def bound(self, points, kind=""):
        self.parts.append(f'<polyline class="bound {kind}" points="{self.places(points)}"/>')

    def series(self, points, kind):
        self.parts.append(f'<polyline class="line {kind}" points="{self.places(points)}"/>')
        for x, y in points:
            self.parts.append(f'<circle class="dot {kind}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4"><title>{y:.1f} tokens/s</title></circle>')

    def places(self, points):
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)


def y_ticks(y_range):
    return [step * 10**power for power in range(-1, 5) for step in (1, 2, 5) if y_range[0] <= step * 10**power <= y_range[1]]


def y_range_of(points, bounds):
    """From below the slowest point to above the compute line, at ticks."""
    ticks = y_ticks((0.1, 99999))
    low = max(tick for tick in ticks if tick <= min(point["rows_per_s"] for point in points))
    return low, min(tick for tick in ticks if tick >= 1.15 * bounds.compute)


def draw_rows(points, bounds, y_range):
    points = sorted((point for point in points if point["curve"] == "rows"), key=lambda point: point["rows"])
    panel = Panel(56, 452, (points[0]["rows"] / 1.2, points[-1]["rows"] * 1.2), y_range, log_x=True)
    panel.axes([(point["rows"], f"{point['rows']:.0f}") for point in points], "rows in a batch")
    budget, sweep = points[0]["budget"], statistics.median(point["bytes_per_sweep"] for point in points)
    panel.text(panel.left - 32, 34, "Prompt tokens/s against rows", "head")
    panel.text(panel.left - 32, 54, f"{points[0]['model']}, {points[0]['file_bytes'] / 1e9:.1f} GB; --memory {budget} of it, the rest read in every sweep")
    low, high = panel.x_range
    panel.bound([(low, bounds.compute), (high, bounds.compute)])
    panel.text(panel.right, panel.y(bounds.compute) - 7, "compute: int8 peak of all cores", anchor="end")
    # The disk line, from where it enters the panel to where the cores become the bound.
    enters, balance = (rate * sweep / bounds.raw for rate in (y_range[0], bounds.compute))
    if balance > low:
        panel.bound([(x, bounds.disk(x, sweep)) for x in (max(low, enters), min(high, balance))])
    # Where the line is halfway up, beside it.
    half = math.sqrt(y_range[0] * bounds.compute)
    panel.text(panel.x(max(low, half * sweep / bounds.raw)) - 8, panel.y(half) - 6, "disk", anchor="end")
    panel.series([(point["rows"], point["rows_per_s"]) for point in points], "one")
    middle = points[len(points) // 2]
    panel.text(panel.x(middle["rows"]) + 10, panel.y(middle["rows_per_s"]) + 18, "measured", "name one")
    return panel


def draw_budget(points, bounds, y_range):
    points = [point for point in points if point["curve"] == "budget"]
    file_bytes = points[0]["file_bytes"]

    def share(point):
        numerator, _, denominator = point["budget"].replace("all", "1").partition("/")
        return float(numerator) / float(denominator or 1)

    panel = Panel(524, 916, (0, 1.08), y_range, log_x=False)
    panel.axes([(value, words) for value, words in ((0.25, "1/4"), (0.5, "1/2"), (0.75, "3/4"), (1, "all"))], "--memory, as a share of the model's file")
    panel.text(panel.left - 32, 34, "Prompt tokens/s against memory", "head")
    panel.text(panel.left - 32, 54, f"The same model at two sizes of batch; all is {file_bytes / 1e9:.1f} GB")
    panel.bound([(0, bounds.compute), (1.08, bounds.compute)])
    for kind, rows in zip(("one", "two"), sorted({point["rows"] for point in points}, reverse=True)):
        line = sorted((share(point), point) for point in points if point["rows"] == rows)
        panel.bound(disk_line([(x, bounds.disk(rows, point["bytes_per_sweep"])) for x, point in line], bounds.compute), kind)
        panel.series([(x, point["rows_per_s"]) for x, point in line], kind)
        last = line[-1][1]
        panel.text(panel.x(line[-1][0]), panel.y(last["rows_per_s"]) + 22, f"{rows:.0f} rows", f"name {kind}", anchor="end")
        least, first = line[0]
        disk = bounds.disk(rows, first["bytes_per_sweep"])
        if disk < bounds.compute:
            panel.text(panel.x(least) - 8, panel.y(disk) + 4, f"disk, {rows:.0f} rows", anchor="end")
    panel.text(panel.right, panel.y(bounds.compute) - 7, "compute", anchor="end")
    return panel


def disk_line(measured, most, steps=24):
    """[measured] (share, rows/s) with points between, as long as it is below [most]: the time falls linearly with the bytes of a sweep."""
    points = []
    for (x1, y1), (x2, y2) in zip(measured, measured[1:]):
        for step in range(steps + 1):
            share = step / steps
            rate = 1 / max((1 - share) / y1 + share / y2, 1 / (2 * most))
            points.append((x1 + share * (x2 - x1), rate))
    return [(x, rate) for x, rate in points if rate <= most]


def draw(points):
    """The whole picture, as text."""
    bounds = Bounds(points)
    y_range = y_range_of(points, bounds)
    last = points[-1]
    foot = (f"Dashed: what disk and cores allow. Disk: raw direct reads of the same file, {bounds.raw / 1e9:.1f} GB/s; compute: int8 peak, {bounds.peak / 1e12:.2f} TOP/s.",
            f"{last['machine']}, commit {last['commit']}, {last['date'][:10]}; random weights of the real shape; both axes of rates are logarithmic.")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>trawl: prompt tokens a second against rows and memory, {escape(last['model'])}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" style="fill: var(--surface)"/>',
    ]
    for panel in (draw_rows(points, bounds, y_range), draw_budget(points, bounds, y_range)):
        parts += panel.parts
    parts += [f'<text x="24" y="{HEIGHT - 30 + 17 * i}" style="font-size: 11px">{escape(line)}</text>' for i, line in enumerate(foot)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def newest_results():
    """Of the files of curves, the one whose last point was measured last."""
    files = list((ROOT / "bench/results").glob("*-curves.csv"))
    if not files:
        raise SystemExit("bench/plot.py: no curves in bench/results: bench/curves.sh measures them")
    return max(files, key=lambda path: path.read_text().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=ROOT / "docs/speed.svg")
    parser.add_argument("results", type=Path, nargs="?")
    options = parser.parse_args()
    points = read_points(options.results or newest_results())
    for curve in ("rows", "budget"):
        if len([point for point in points if point["curve"] == curve]) < 2:
            raise SystemExit(f"bench/plot.py: fewer than two points of the curve {curve!r} at the last commit: bench/curves.sh measures both")
    options.out.write_text(draw(points))
    print(f"{options.out}: {len(points)} points of commit {points[-1]['commit']}")


if __name__ == "__main__":
    main()
