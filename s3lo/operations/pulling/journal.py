"""Journal: what of a pull has come, noted as it comes, for the next try if this one is killed.

A line for each part: the blob's digest, start and end. The bytes were written before the line, and
a process that is killed leaves both to the kernel; after a power failure a line may stand for bytes
that are not there. Neither matters: what is taken over is hashed like all else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from s3lo.events import Event, Observer, PartDone
from s3lo.model.documents import Descriptor
from s3lo.staging import Staging

_LINE = re.compile(r"(sha256:[0-9a-f]{64}) (\d{1,15}) (\d{1,15})\Z")


class Journal:
    """Of one staging directory, whose process this is."""

    def __init__(self, staging: Staging, observer: Observer) -> None:
        self._staging = staging
        self._observe = observer
        self._noted: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for line in staging.notes:
            if found := _LINE.match(line):
                self._noted[found[1]].append((int(found[2]), int(found[3])))

    def observe(self, event: Event) -> None:
        if isinstance(event, PartDone):
            end = event.offset + event.length
            self._staging.note(f"{event.digest} {event.offset} {end}")
        self._observe(event)

    def present(self, blob: Descriptor, path: Path) -> tuple[tuple[int, int], ...]:
        """What an earlier try left of a blob in its file; nothing where the file does not fit."""
        noted = self._noted.get(str(blob.digest), ())
        try:
            is_there = path.lstat().st_size == blob.size
        except OSError:
            is_there = False
        fits = all(start < end <= blob.size for start, end in noted)
        return tuple(noted) if is_there and fits else ()
