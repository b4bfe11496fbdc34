"""Tar reader: the members of an archive, in order and once, with nothing taken on trust.

``tarfile`` in stream mode takes an archive that was cut between two members for a whole one. Here
an archive ends with its end mark (POSIX.1-2008 pax, "ustar Interchange Format": two blocks of
zeros, of which one is enough for everybody) or it is an error.
"""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from s3lo.errors import IntegrityError, from_os
from s3lo.transports.streams import PIECE_BYTES, Limited, Readable, read_up_to

_BLOCK = tarfile.BLOCKSIZE
_LONG_NAME, _LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_MOST_METADATA_BYTES = 1 << 20
_MOST_DIGITS = 20
"""As many as 2^64 has: Python refuses to read numbers of thousands of them."""
_ENCODING, _ERRORS = "utf-8", "surrogateescape"


class Source(Protocol):
    """What an archive is read from: bytes, of which some are passed over."""

    def read(self, size: int, /) -> bytes: ...

    def skip(self, size: int, /) -> None: ...

    def tell(self) -> int: ...


class StreamSource:
    """An archive that comes once and cannot be sought in."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._position = 0

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self._position += len(piece)
        return piece

    def skip(self, size: int, /) -> None:
        rest = Limited(self, size, "the archive")
        while rest.read(PIECE_BYTES):
            pass

    def tell(self) -> int:
        return self._position


class FileSource:
    """An archive in a file: contents are sought over, so that only headers are read."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._size = os.fstat(fd).st_size

    def read(self, size: int, /) -> bytes:
        try:
            return os.read(self._fd, size)
        except OSError as error:
            raise from_os(error, "reading the archive") from error

    def skip(self, size: int, /) -> None:
        if self.tell() + size > self._size:
            raise _cut_short()
        os.lseek(self._fd, size, os.SEEK_CUR)

    def tell(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_CUR)


class Member(Struct, frozen=True):
    """A file of an archive, or a link to one. ``offset`` and ``size`` are in bytes."""

    name: str
    offset: int
    size: int
    target: str = ""
    """For a link: the name of what it leads to, relative to the archive's root."""


def is_tar(head: bytes) -> bool:
    """Whether 512 bytes are a tar header, of any dialect, or the end mark of an empty archive."""
    try:
        tarfile.TarInfo.frombuf(head, _ENCODING, _ERRORS)
    except tarfile.HeaderError:
        return len(head) == _BLOCK and not any(head)
    return True


def members(source: Source) -> Iterator[tuple[Member, Readable]]:
    """The files and links of an archive, each with what reads its content.

    What was not read of a content is passed over. Raises IntegrityError for an archive that is
    cut short, is no archive, or has names that lead out of it.
    """
    named: dict[str, str] = {}
    while (info := _header(source)) is not None:
        padding = -info.size % _BLOCK
        if info.type in (_LONG_NAME, _LONG_LINK):
            key = "path" if info.type == _LONG_NAME else "linkpath"
            named[key] = _metadata(source, info).rstrip(b"\0").decode(_ENCODING, _ERRORS)
            source.skip(padding)
            continue
        if info.type in _PAX:
            named.update(_pax_records(_metadata(source, info)))
            source.skip(padding)
            continue
        size = int(named.get("size", info.size)) if _has_content(info) else 0
        end = source.tell() + size
        if (member := _member(info, named, source.tell(), size)) is not None:
            yield member, Limited(source, size, f"{member.name} in the archive")
        source.skip(end - source.tell() + (-size % _BLOCK))
        named = {}


def _cut_short() -> IntegrityError:
    return IntegrityError(
        "the archive is cut short", hint="Make it again; check that its copy is complete."
    )


def _header(source: Source) -> tarfile.TarInfo | None:
    """The next header; None at the end mark, after which whatever follows is read away."""
    block = read_up_to(source, _BLOCK)
    if len(block) < _BLOCK:
        raise _cut_short()
    try:
        info = tarfile.TarInfo.frombuf(block, _ENCODING, _ERRORS)
    except tarfile.HeaderError as error:
        if any(block):
            raise IntegrityError(f"not a tar archive: {error}") from error
        while source.read(PIECE_BYTES):
            pass
        return None
    if info.size < 0:
        raise IntegrityError("not a tar archive: a negative size")
    return info


def _has_content(info: tarfile.TarInfo) -> bool:
    return info.type not in (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE)


def _metadata(source: Source, info: tarfile.TarInfo) -> bytes:
    """The content of a header that only describes the next one."""
    if info.size > _MOST_METADATA_BYTES:
        raise IntegrityError(f"not an image archive: a tar header of {info.size} bytes")
    content = read_up_to(source, info.size) if info.size else b""
    if len(content) < info.size:
        raise _cut_short()
    return content


def _pax_records(content: bytes) -> dict[str, str]:
    """``"%d %s=%s\\n"`` records (POSIX.1-2008 pax, "pax Extended Header")."""
    records: dict[str, str] = {}
    while content:
        length, _, _ = content.partition(b" ")
        if not _is_number(length) or not 0 < int(length) <= len(content):
            raise IntegrityError("not a tar archive: a malformed extended header")
        record, content = content[: int(length)], content[int(length) :]
        key, _, value = record[len(length) + 1 : -1].decode(_ENCODING, _ERRORS).partition("=")
        records[key] = value
    if not _is_number(records.get("size", "0").encode(_ENCODING, _ERRORS)):
        raise IntegrityError("not a tar archive: a malformed size")
    return records


def _is_number(digits: bytes) -> bool:
    """Whether these are ASCII digits; of text, ``isdigit`` also takes what ``int`` does not."""
    return digits.isdigit() and len(digits) <= _MOST_DIGITS


def _member(info: tarfile.TarInfo, named: dict[str, str], offset: int, size: int) -> Member | None:
    """What a header stands for, where it is a file or a link."""
    if "GNU.sparse.major" in named or info.type == tarfile.GNUTYPE_SPARSE:
        raise IntegrityError("the archive has sparse members, which no image archive has")
    if not (info.isfile() or info.issym() or info.islnk()):
        return None
    name = safe_name(named.get("path", info.name))
    if info.isfile():
        return Member(name, offset, size)
    target = named.get("linkpath", info.linkname)
    if info.issym():
        if target.startswith("/"):
            raise _unsafe(target)
        target = posixpath.join(posixpath.dirname(name), target)
    return Member(name, offset, 0, safe_name(target))


def safe_name(name: str) -> str:
    """A name inside an archive or a layout, in its shortest form.

    Raises IntegrityError for one that leads elsewhere.
    """
    short = posixpath.normpath(name)
    if not name or "\0" in name or short.startswith("/") or short.split("/")[0] in ("..", "."):
        raise _unsafe(name)
    return short


def _unsafe(name: str) -> IntegrityError:
    return IntegrityError(f"the name {name!r} leads out of the image")
