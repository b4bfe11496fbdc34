"""Mark: how a peer is drawn everywhere, told apart by colour and by shape."""

from __future__ import annotations

from dataclasses import dataclass

from perf.report.svg import Drawing

# Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow (lost on
# white) and with a grey. Shapes change too, for paper without colour and for a ninth peer.
_COLOURS = (
    "#d55e00",
    "#0072b2",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#1a1a1a",
    "#7f7f7f",
)
_SHAPES = {
    "square": ((-3.8, -3.8), (3.8, -3.8), (3.8, 3.8), (-3.8, 3.8)),
    "triangle": ((0, -5.2), (4.8, 3.6), (-4.8, 3.6)),
    "diamond": ((0, -5.4), (5.4, 0), (0, 5.4), (-5.4, 0)),
    "circle": (),
}


@dataclass(frozen=True)
class Mark:
    """A colour and a shape; a shape without corners is a circle."""

    colour: str
    shape: str

    def draw(self, drawing: Drawing, x: float, y: float, kind: str) -> None:
        if corners := _SHAPES[self.shape]:
            drawing.polygon([(x + dx, y + dy) for dx, dy in corners], self.colour, kind)
        else:
            drawing.circle(x, y, 4.4, self.colour, kind)


def mark(number: int) -> Mark:
    """Of the peer with this number; the first 32 differ."""
    cycle = number // len(_COLOURS)
    shapes = tuple(_SHAPES)
    return Mark(_COLOURS[number % len(_COLOURS)], shapes[(number + cycle) % len(shapes)])
