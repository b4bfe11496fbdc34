"""Overview: every workload in one picture, as the ratio of s3lo's wall to each peer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perf.machine import Machine
from perf.outcome import Outcome
from perf.report.marks import Mark, mark
from perf.report.scale import Axis, label, logarithmic
from perf.report.standing import Standing, peers, standings
from perf.report.svg import FAINT, GRID, INK, Drawing, text_width

_WIDTH = 960
_MARGIN = 20
_LANE = 11
_ROW_PADDING = 12
_ROW_AT_LEAST = 34
_NAMES_AT_MOST = 260
_SMALL_PX = 11
_BAND = "#f4f6f8"


@dataclass(frozen=True)
class _Row:
    """A workload with the peers that have a ratio in it, in the order of the legend."""

    name: str
    compared: tuple[Standing, ...]

    @property
    def height(self) -> float:
        return max(_ROW_AT_LEAST, _LANE * len(self.compared) + _ROW_PADDING)


def overview(outcomes: Sequence[Outcome], machine: Machine) -> str:
    """An SVG document; left of the line at 1, s3lo took less time."""
    drawing = Drawing(_WIDTH)
    names = peers(outcomes)
    rows = [_row(outcome, names) for outcome in outcomes]
    marks = {name: mark(i) for i, name in enumerate(names)}
    drawing.text(_MARGIN, 32, "Wall time of s3lo to that of its peers", px=20)
    meaning = "median and range of paired rounds; below 1, s3lo took less time; logarithmic"
    drawing.text(_MARGIN, 54, meaning, colour=FAINT)
    shown = {standing.name for row in rows for standing in row.compared}
    y = _legend(drawing, {name: key for name, key in marks.items() if name in shown}, 82)
    y = _chart(drawing, rows, marks, y + 14)
    measured = f"Measured: {machine.describe()}"
    return drawing.svg(drawing.paragraph(_MARGIN, y, measured, _SMALL_PX, FAINT))


def _row(outcome: Outcome, names: Sequence[str]) -> _Row:
    found = {standing.name: standing for standing in standings(outcome) if standing.ratio}
    return _Row(outcome.workload, tuple(found[name] for name in names if name in found))


def _legend(drawing: Drawing, marks: Mapping[str, Mark], y: float) -> float:
    x: float = _MARGIN
    for name, key in marks.items():
        width = 16 + text_width(name) + 18
        if x > _MARGIN and x + width > _WIDTH - _MARGIN:
            x, y = _MARGIN, y + 20
        key.draw(drawing, x + 5, y - 4, "key")
        drawing.text(x + 16, y, name)
        x += width
    return y


def _chart(drawing: Drawing, rows: Sequence[_Row], marks: Mapping[str, Mark], top: float) -> float:
    names = max((text_width(row.name) for row in rows), default=0)
    left = _MARGIN + min(_NAMES_AT_MOST, names) + 14
    right = _WIDTH - _MARGIN - 14
    ratios = [standing.ratio for row in rows for standing in row.compared if standing.ratio]
    least = min((ratio.least for ratio in ratios), default=1)
    scale = logarithmic(least, max((ratio.most for ratio in ratios), default=1))
    axis = Axis(scale, left, right)
    bottom = top + 22 + sum(row.height for row in rows)
    _bands(drawing, rows, top + 22)
    _draw_axis(drawing, axis, top, bottom)
    y = top + 22
    for row in rows:
        drawing.label(left - 14, y + row.height / 2, row.name, _NAMES_AT_MOST)
        _lanes(drawing, row, marks, axis, y)
        y += row.height
    return bottom + 44


def _bands(drawing: Drawing, rows: Sequence[_Row], y: float) -> None:
    for number, row in enumerate(rows):
        if number % 2 == 0:
            drawing.rect(_MARGIN / 2, y, _WIDTH - _MARGIN, row.height, _BAND, "band")
        y += row.height


def _draw_axis(drawing: Drawing, axis: Axis, top: float, bottom: float) -> None:
    for tick in axis.scale.ticks:
        x = axis.x(tick)
        colour, kind = (INK, "one") if tick == 1 else (GRID, "grid")
        drawing.line(x, top + 22, x, bottom + 4, colour, kind, 1.5 if tick == 1 else 1)
        for y in (top + 16, bottom + 18):
            drawing.text(x, y, label(tick), px=_SMALL_PX, anchor="middle", colour=FAINT)


def _lanes(drawing: Drawing, row: _Row, marks: Mapping[str, Mark], axis: Axis, y: float) -> None:
    """A lane a peer, so that no whisker lies on another."""
    middle = y + (row.height - _LANE * len(row.compared)) / 2 + _LANE / 2
    for number, standing in enumerate(row.compared):
        if ratio := standing.ratio:
            at, key = middle + _LANE * number, marks[standing.name]
            drawing.line(axis.x(ratio.least), at, axis.x(ratio.most), at, key.colour, "whisker", 2)
            key.draw(drawing, axis.x(ratio.median), at, "ratio")
