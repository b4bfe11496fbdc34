"""Copy list: a file that says line by line what is to be copied and to where.

# SOURCE  REF
alpine:3.20                  s3://bucket/alpine:3.20
ghcr.io/org/app:v7           s3://bucket/app:v7
"""

from __future__ import annotations

from collections.abc import Iterable

from s3lo.errors import UsageError


def parse_copy_list(lines: Iterable[str], name: str) -> list[tuple[str, str]]:
    """The sources and references of a list; empty lines and what follows a ``#`` say nothing.

    Raises UsageError, which names the line, for one that is not two words.
    """
    pairs = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2:
            raise UsageError(
                f"{name}, line {number}: {line.strip()[:200]!r} is not a source and a reference",
                hint="Write two words a line: alpine:3.20 s3://bucket/alpine:3.20",
            )
        pairs.append((words[0], words[1]))
    return pairs
