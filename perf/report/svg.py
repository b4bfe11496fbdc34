"""Drawing: an SVG picture on a white ground, from text, lines, rectangles and marks."""

from __future__ import annotations

import re
import textwrap
from xml.sax.saxutils import escape as escape_markup
from xml.sax.saxutils import quoteattr

INK = "#1a1a1a"
FAINT = "#5c5c5c"
GRID = "#dddddd"
FONT_PX = 13
EM = 0.66
"""Mean width of a character in font sizes; that of the widest common face, since none is embedded."""

# XML 1.0 section 2.2, Char: what a program wrote to its terminal may hold others.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    return escape_markup(_NO_CHARACTER.sub("\ufffd", text))


def text_width(text: str, px: float = FONT_PX) -> float:
    """An estimate, rather too wide than too narrow."""
    return len(text) * px * EM


def wrapped(text: str, width: float, px: float = FONT_PX) -> list[str]:
    return textwrap.wrap(text, max(1, int(width / (px * EM))), break_on_hyphens=False)


class Drawing:
    """Collects elements, in the order of painting; lengths are in pixels."""

    def __init__(self, width: float) -> None:
        self.width = width
        self._elements: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, fill: str, kind: str) -> None:
        self._add("rect", kind, x=x, y=y, width=width, height=height, fill=fill)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, kind: str, px: float = 1
    ) -> None:
        where = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self._add("line", kind, **where, stroke=colour, stroke_width=px)

    def circle(self, x: float, y: float, radius: float, fill: str, kind: str) -> None:
        self._add("circle", kind, cx=x, cy=y, r=radius, fill=fill, stroke="#ffffff")

    def polygon(self, points: list[tuple[float, float]], fill: str, kind: str) -> None:
        path = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._add("polygon", kind, points=path, fill=fill, stroke="#ffffff")

    def text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        px: float = FONT_PX,
        anchor: str = "start",
        bold: bool = False,
        colour: str = INK,
    ) -> None:
        """``y`` is the base line, ``anchor`` what of the text stands at ``x``."""
        weight = "bold" if bold else "normal"
        attributes = _attributes(
            x=x, y=y, font_size=px, text_anchor=anchor, font_weight=weight, fill=colour
        )
        self._elements.append(f"<text {attributes}>{escape(content)}</text>")

    def paragraph(self, x: float, y: float, content: str, px: float, colour: str = INK) -> float:
        """Text over the rest of the width, in as many lines as it needs; gives the next base line."""
        for line in wrapped(content, self.width - x - x, px):
            self.text(x, y, line, px=px, colour=colour)
            y += px * 1.4
        return y

    def label(
        self, right: float, middle: float, content: str, room: float, *, bold: bool = False
    ) -> None:
        """A name that ends at ``right``, around ``middle``, smaller and in lines if it has to."""
        lines, px = [content], float(FONT_PX)
        if text_width(content) > room:
            px = FONT_PX - 2
            lines = wrapped(content, room, px)
        y = middle + px / 3 - (len(lines) - 1) * px * 0.6
        for number, line in enumerate(lines):
            self.text(right, y + number * px * 1.2, line, px=px, anchor="end", bold=bold)

    def svg(self, height: float) -> str:
        """The whole file. Without a ground of its own, a dark viewer would show dark on dark."""
        size = f'width="{_number(self.width)}" height="{_number(height)}"'
        view = f'viewBox="0 0 {_number(self.width)} {_number(height)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} font-family="sans-serif">'
        ground = f'<rect class="ground" {size} fill="#ffffff"/>'
        return "\n".join((head, ground, *self._elements, "</svg>")) + "\n"

    def _add(self, element: str, kind: str, **attributes: float | str) -> None:
        self._elements.append(f'<{element} class="{kind}" {_attributes(**attributes)}/>')


def _attributes(**attributes: float | str) -> str:
    return " ".join(
        f"{name.replace('_', '-')}={quoteattr(_number(value))}"
        for name, value in attributes.items()
    )


def _number(value: float | str) -> str:
    """To 0.01 px, without an exponent or trailing zeros, so that equal pictures are equal files."""
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".")
