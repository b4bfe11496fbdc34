"""Report: measured outcomes as text, as JSON, and as SVG pictures."""

from perf.report.document import Document, read, to_json, write
from perf.report.overview import overview
from perf.report.plot import plot
from perf.report.text import markdown, summary, table

__all__ = [
    "Document",
    "markdown",
    "overview",
    "plot",
    "read",
    "summary",
    "table",
    "to_json",
    "write",
]
