"""Displays: how progress looks on stderr: nothing, lines for a person, lines of JSON."""

from __future__ import annotations

import sys
from contextlib import suppress

from s3lo.cli.tally import Tally
from s3lo.events import BlobDone, Event, PhaseEnded, PhaseStarted


class Display:
    """How events and the tally are shown; this one shows nothing but notes."""

    interval_seconds: float = 3600.0

    def tick(self, tally: Tally) -> None:
        """Some time has passed."""

    def happened(self, event: Event) -> None:
        """Something other than bytes moving."""

    def note(self, text: str) -> None:
        """A line for a person."""
        _write(f"s3lo: {text}")

    def end(self, tally: Tally) -> None:
        """The operation is over, well or not."""


class PlainLines(Display):
    """One line every few seconds."""

    interval_seconds = 3.0

    def tick(self, tally: Tally) -> None:
        for line in tally.lines():
            _write(line)


class JsonLines(Display):
    """A JSON object a line: what happens when it happens, bytes twice a second."""

    interval_seconds = 0.5

    def tick(self, tally: Tally) -> None:
        for phase in tally.running():
            self._write(
                event="progress",
                phase=phase.name,
                bytes=phase.done_bytes,
                total_bytes=phase.total_bytes,
                seconds=round(phase.seconds(), 3),
            )

    def happened(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self._write(event="phase_started", phase=event.phase, total_bytes=event.total_bytes)
        elif isinstance(event, PhaseEnded):
            self._write(event="phase_ended", phase=event.phase, seconds=round(event.seconds, 3))
        elif isinstance(event, BlobDone):
            self._write(event="blob_done", digest=event.digest, size=event.size_bytes)

    def note(self, text: str) -> None:
        self._write(event="note", text=text)

    def _write(self, **fields: object) -> None:
        import json

        _write(json.dumps(fields))


def _write(line: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
