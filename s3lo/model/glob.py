"""Glob: a pattern of image names, in which ``*`` is anything but a slash."""

from __future__ import annotations

import re


def glob(pattern: str) -> re.Pattern[str]:
    """The regular expression that matches what a pattern matches, whole."""
    return re.compile("[^/]*".join(map(re.escape, pattern.split("*"))) + r"\Z")
