"""Transfers: what the engine is asked to move, one blob each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event
from typing import Protocol

from msgspec import Struct

from s3lo.engine.arrival import Arrival
from s3lo.engine.jobs import Headers
from s3lo.engine.plan import Stretch, gaps_between
from s3lo.engine.report import EngineReport
from s3lo.errors import DigestMismatch, S3loError
from s3lo.events import Observer
from s3lo.model.digest import Digest

DAMAGED = "The stored object is damaged: push the image again with --force to repair it."
"""The hint where what is stored is not what its name says."""


class Download(Struct, frozen=True):
    """The object ``key``, which must be ``size`` bytes with this digest, goes to the file ``path``.

    ``present`` are the ranges, start and end, that an earlier try left in the file: they are not
    fetched again, and proven with the rest.
    """

    digest: Digest
    size: int
    key: str
    path: Path
    present: tuple[Stretch, ...] = ()

    @property
    def missing_bytes(self) -> int:
        return sum(end - start for start, end in gaps_between(self.present, self.size))


class Stored(Struct, frozen=True):
    """The object ``key``, which is ``size`` bytes and should have this digest."""

    digest: Digest
    size: int
    key: str


def _tell_nobody(offset: int, length: int) -> None:
    del offset, length


class Upload(Struct, frozen=True):
    """``size`` bytes of ``path`` from ``offset`` become the object ``key``.

    ``is_verified`` says that the digest was computed from these bytes already; otherwise the engine
    hashes them beside the transfer and completes nothing that does not match.

    With ``if_absent`` an object that is there already with this size is taken for the blob and left
    as it is; one of another size is damaged. Without, or where the service cannot tell, whatever is
    there is overwritten. Of ``headers`` a service has to take all, of ``preferences`` not.

    ``stored(offset, length)`` is called for ranges of the blob that are stored and for which its
    file will not be read again, so that the room they take may be given back; by a thread of the
    engine, never by two at a time, and what it raises ends the upload.

    With an ``arrival`` the file is filled meanwhile, in its steps, from the beginning on. Such a blob
    is never gone on with where an earlier push was interrupted: its file is not there to be read
    from the beginning again. ``source`` is what errors call it by, else its path.
    """

    digest: Digest
    size: int
    key: str
    path: Path
    offset: int = 0
    is_verified: bool = False
    headers: Headers = ()
    preferences: Headers = ()
    if_absent: bool = False
    stored: Callable[[int, int], None] = _tell_nobody
    arrival: Arrival | None = None
    source: str = ""


def damaged_source(path: str | Path, found_hex: str, expected: Digest) -> DigestMismatch:
    """The error for a file that is not what it is to be stored as."""
    return DigestMismatch(
        f"{path} has the content sha256:{found_hex} where {expected} is expected",
        hint="The source is damaged; nothing of it was stored.",
    )


class Engine(Protocol):
    """Moves blobs. Every implementation fulfils the same tests.

    All calls return when everything is moved and verified, or raise the S3loError that ended it
    with nothing half-done left in the store: multipart uploads are aborted, unverified files stay
    the caller's to remove. ``cancel``, once set, ends them with Interrupted.
    """

    def download(
        self,
        blobs: Sequence[Download],
        observer: Observer,
        cancel: Event | None = None,
        *,
        in_order: bool = False,
    ) -> EngineReport:
        """``in_order``: the first blobs are wanted first, rather than all as soon as possible, and of
        each its end and then its beginning."""

    def upload(
        self,
        blobs: Iterable[Upload],
        observer: Observer,
        cancel: Event | None = None,
        *,
        expected_bytes: int | None = None,
    ) -> EngineReport:
        """Blobs that are no sequence are asked for one by one, by a thread of the engine, while
        those that came already are sent: a generator may wait for what is still being made.

        What it raises ends the upload, and is raised here. When the upload ends otherwise, nobody
        waits for a generator: it is closed by that thread once it has given its next blob. Until
        then it may still run, so whoever owns it wakes it where it is blocked, and takes away what
        it uses only after it has ended. ``expected_bytes`` is about how much will come of it; None
        stands for much.
        """

    def audit(
        self,
        blobs: Iterable[Stored],
        told: Callable[[Stored, S3loError], None],
        observer: Observer,
        cancel: Event | None = None,
        *,
        total_bytes: int | None = None,
    ) -> EngineReport:
        """Read blobs and keep nothing of them. ``told`` is called with each that is not what its
        name says, or could not be read, and why; by one thread at a time.

        Raises only what concerns all of them: a service that serves none any more. Blobs are asked
        for one by one; ``total_bytes`` is about how much they are, None stands for much.
        """
