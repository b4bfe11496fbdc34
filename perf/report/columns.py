"""Columns: rows of cells as aligned plain text or as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

GAP = "  "


def fold(name: str, width: int) -> list[str]:
    """A name in lines of at most ``width``, broken after ``+``, ``-``, ``/`` where that will do."""
    # textwrap breaks at spaces and hyphens only; a space lent to the other marks is taken back.
    lent = name.replace("+", "+ ").replace("/", "/ ")
    lines = textwrap.wrap(lent, width) or [""]
    return [line.replace("+ ", "+").replace("/ ", "/") for line in lines]


def aligned(rows: Sequence[Sequence[str]], first_width: int, width: int | None = None) -> list[str]:
    """Lines; the first column at the left and the others at the right, under the first row.

    A cell of the first column that is longer than ``first_width`` goes on in the next line, and so
    does one of the other columns that is longer than ``width``.
    """
    folded = [
        [
            fold(row[0], first_width),
            *([cell] if width is None else fold(cell, width) for cell in row[1:]),
        ]
        for row in rows
    ]
    widths = [
        max(len(line) for cell in column for line in cell) for column in zip(*folded, strict=True)
    ]
    return [_line(cells, widths) for row in folded for cells in zip_longest(*row, fillvalue="")]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
    return GAP.join((first.ljust(widths[0]), *right)).rstrip()


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first row is the heading; the first column stands at the left, the others at the right."""
    header, *body = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    rule = ["---", *("---:" for _ in header[1:])]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *body)]
