"""Plot: one workload as bars of wall time, with every run as a dot."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from perf.machine import Machine
from perf.outcome import Outcome
from perf.report.numbers import payload, plain
from perf.report.scale import Axis, label, linear
from perf.report.standing import Standing, standings
from perf.report.svg import FAINT, FONT_PX, GRID, INK, Drawing, text_width

_WIDTH = 960
_MARGIN = 20
_ROW = 40
_BAR = 22
_NAMES_AT_MOST = 230
_SMALL_PX = 11
# Okabe and Ito's blue and a grey: told apart by every kind of eye, and on paper.
_OURS = "#0072b2"
_THEIRS = "#b3bac2"


def plot(outcome: Outcome, machine: Machine) -> str:
    """An SVG document, the fastest contender on top."""
    drawing = Drawing(_WIDTH)
    y = _heading(drawing, outcome)
    every = standings(outcome)
    if every:
        y = _chart(drawing, every, y)
    else:
        drawing.text(_MARGIN, y, "No contender has a counted round.")
        y += 24
    return drawing.svg(_footer(drawing, outcome, machine, y))


def _heading(drawing: Drawing, outcome: Outcome) -> float:
    y = drawing.paragraph(_MARGIN, 32, outcome.workload, 20)
    y = drawing.paragraph(_MARGIN, y - 4, outcome.about, FONT_PX)
    verified = "verified" if outcome.verified else "not verified"
    conditions = f"{payload(outcome.payload_bytes)}, {verified}; {outcome.conditions}"
    return drawing.paragraph(_MARGIN, y, conditions, FONT_PX, FAINT)


def _chart(drawing: Drawing, every: Sequence[Standing], top: float) -> float:
    figures = [_figures(standing) for standing in every]
    names = max(text_width(standing.name) for standing in every)
    left = _MARGIN + min(_NAMES_AT_MOST, names) + 10
    right = _WIDTH - _MARGIN - max(text_width(text) for text in figures) - 14
    axis = Axis(linear(max(standing.wall_seconds.most for standing in every)), left, right)
    bottom = top + _ROW * len(every)
    _draw_axis(drawing, axis, top, bottom)
    for number, (standing, text) in enumerate(zip(every, figures, strict=True)):
        middle = top + _ROW * (number + 0.5)
        drawing.label(left - 10, middle, standing.name, _NAMES_AT_MOST, bold=standing.is_ours)
        _bar(drawing, standing, axis, middle)
        drawing.text(_WIDTH - _MARGIN, middle + 4, text, anchor="end", bold=standing.is_ours)
    return bottom + 58


def _figures(standing: Standing) -> str:
    return f"{plain(standing.wall_seconds.median)} s, {plain(standing.goodput_gbps)} Gbit/s"


def _draw_axis(drawing: Drawing, axis: Axis, top: float, bottom: float) -> None:
    for tick in axis.scale.ticks:
        x = axis.x(tick)
        drawing.line(x, top, x, bottom + 4, GRID, "grid")
        drawing.text(x, bottom + 18, label(tick), px=_SMALL_PX, anchor="middle", colour=FAINT)
    drawing.line(axis.left, top, axis.left, bottom, INK, "axis")
    meaning = "wall seconds: bar median, line least to most, dots runs (first at the top)"
    drawing.text(axis.left, bottom + 34, meaning, px=_SMALL_PX, colour=FAINT)


def _bar(drawing: Drawing, standing: Standing, axis: Axis, middle: float) -> None:
    wall = standing.wall_seconds
    colour = _OURS if standing.is_ours else _THEIRS
    top = middle - _BAR / 2
    drawing.rect(axis.left, top, axis.x(wall.median) - axis.left, _BAR, colour, "bar")
    least, most = axis.x(wall.least), axis.x(wall.most)
    drawing.line(least, middle, most, middle, INK, "whisker", 1.5)
    for end in (least, most):
        drawing.line(end, middle - 5, end, middle + 5, INK, "cap", 1.5)
    walls = standing.walls_seconds
    for number, seconds in enumerate(walls):
        y = top + _BAR * (number + 0.5) / len(walls)
        drawing.circle(axis.x(seconds), y, 3, INK, "run")


def _footer(drawing: Drawing, outcome: Outcome, machine: Machine, y: float) -> float:
    versions = "; ".join(f"{name} {version}" for name, version in outcome.versions.items())
    lines = [f"Checked: {outcome.checked}"]
    lines += [
        f"Left out: {name}: {textwrap.shorten(reason, 200, placeholder='...')}"
        for name, reason in outcome.left_out.items()
    ]
    for line in (*lines, f"Versions: {versions}", f"Measured: {machine.describe()}"):
        y = drawing.paragraph(_MARGIN, y, line, _SMALL_PX, FAINT)
    return y
