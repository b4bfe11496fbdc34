"""Jobs: what the coordinator asks of a worker, and what the worker answers. All of it pickles.

Get                        a range of an object into a range of a file, or nowhere
Put                        a range of a file as one whole object
Begin, PutPart, Finish     the same as a multipart upload; Abort gives it up
ListUploads, ListParts     what of multipart uploads an earlier push has left
Look                       whether an object is there
Done | Failed              exactly one of them for each job
Hashed                     once for each blob of which a worker was to hash what it gets or sends
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from s3lo.errors import S3loError
from s3lo.model.digest import Digest
from s3lo.model.multipart import OpenUpload, StoredPart

Headers = tuple[tuple[str, str], ...]


class Get(Struct, frozen=True):
    """``length`` bytes of ``key`` from ``offset`` go to ``path`` at ``offset``; without a path they
    are hashed and kept nowhere.

    ``object_size`` is how large the object must be: another size means another object. ``etag``
    names the one that the blob's other parts came from, once that is known. ``is_hashed``: who
    gets the parts of this blob, all of them, hashes it too. ``patience_seconds`` is how long to
    wait for the answer to begin.
    """

    id: int
    blob: int
    key: str
    offset: int
    length: int
    object_size: int
    path: str
    etag: str = ""
    is_hashed: bool = False
    patience_seconds: float = 4.0

    def first(self, count: int) -> Get:
        """The beginning of it."""
        return replace(self, length=count)

    def without_first(self, count: int) -> Get:
        """What is left of it when ``count`` bytes are in the file."""
        return replace(self, offset=self.offset + count, length=self.length - count)


class Put(Struct, frozen=True):
    """``length`` bytes of ``path`` from ``file_offset`` become the object ``key``, where the store
    can tell only ``if_absent``. ``digest``, where it is given, is still to be proven: nothing is sent
    that does not match.
    """

    id: int
    blob: int
    key: str
    path: str
    file_offset: int
    length: int
    headers: Headers
    if_absent: bool = False
    digest: Digest | None = None


class Begin(Struct, frozen=True):
    """Begin a multipart upload; done with its upload id, and with the name of the checksum that
    its parts shall carry, where it ``is_checked`` and the store takes one."""

    id: int
    blob: int
    key: str
    size: int
    headers: Headers
    is_checked: bool = True
    length: int = 0


class PutPart(Struct, frozen=True):
    """One part; done with its ETag, and its checksum if it ``is_checked``.

    ``offset`` is its place in the object, which is ``object_size`` bytes. ``is_hashed``: who sends
    the parts of this blob, all of them, hashes it too. ``there`` is what the store has of this
    number: where that proves to be these bytes, nothing is sent.
    """

    id: int
    blob: int
    key: str
    upload_id: str
    number: int
    path: str
    file_offset: int
    offset: int
    length: int
    is_checked: bool = False
    object_size: int = 0
    is_hashed: bool = False
    there: StoredPart | None = None


class Finish(Struct, frozen=True):
    """Make the object, of ``size`` bytes, of its parts, in order; where the store can tell only
    ``if_absent``."""

    id: int
    blob: int
    key: str
    upload_id: str
    parts: tuple[StoredPart, ...]
    size: int
    if_absent: bool = False
    length: int = 0


class Abort(Struct, frozen=True):
    id: int
    blob: int
    key: str
    upload_id: str
    length: int = 0


class ListUploads(Struct, frozen=True):
    """Done with the multipart uploads of this key that are open."""

    id: int
    blob: int
    key: str
    length: int = 0


class ListParts(Struct, frozen=True):
    """Done with the parts of an upload whose numbers come ``after`` one, as many as come at once;
    and, as ``value``, after which number there are more."""

    id: int
    blob: int
    key: str
    upload_id: str
    after: int = 0
    length: int = 0


class Look(Struct, frozen=True):
    """Done with the size of the object in bytes, or with nothing where there is none."""

    id: int
    blob: int
    key: str
    length: int = 0


Job = Get | Put | Begin | PutPart | Finish | Abort | ListUploads | ListParts | Look


class Done(Struct, frozen=True):
    """``value`` is an upload id, an ETag, a size or a number, ``checksum`` what belongs to it, where
    the job has one; ``found`` is what was to be listed.

    ``was_there``: nothing was sent, since the store had it.
    """

    id: int
    value: str = ""
    checksum: str = ""
    found: tuple[OpenUpload | StoredPart, ...] = ()
    was_there: bool = False


class Failed(Struct, frozen=True):
    """``retryable``: worth trying again as it is; ``throttled``: with fewer at a time;
    ``expired``: with fresh credentials; ``replaced``: the object is another one now.

    ``kept_bytes`` of a Get are in its file, and count: only the rest is to be asked for again.
    ``was_hashed``: a PutPart that was to be hashed has been, and is only to be sent again.
    """

    id: int
    error: S3loError
    retryable: bool = False
    throttled: bool = False
    expired: bool = False
    replaced: bool = False
    kept_bytes: int = 0
    was_hashed: bool = False


class Hashed(Struct, frozen=True):
    """A blob has been hashed to its end; or could not be read (``error``)."""

    blob: int
    hex: str = ""
    error: S3loError | None = None


Outcome = Done | Failed | Hashed
