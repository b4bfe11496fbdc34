"""Zstd frames: what their headers say without decompressing, and the seek table after them.

Sources: RFC 8878, sections 3.1.1 (frames), 3.1.1.2 (blocks) and 3.1.2 (skippable frames);
contrib/seekable_format/zstd_seekable_compression_format.md of the zstd repository, version 0.1.1.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from msgspec import Struct

from s3lo.errors import IntegrityError

MAGIC = b"\x28\xb5\x2f\xfd"
_SEEK_TABLE_FRAME = 0x184D2A5E
_SEEKABLE_MAGIC = 0x8F92EAB1
_LONGEST_HEADER = 18
_SKIPPABLE = struct.Struct("<II")
_ENTRY, _ENTRY_WITH_CHECKSUM = struct.Struct("<II"), struct.Struct("<III")
_FOOTER = struct.Struct("<IBI")
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3


def is_zstd(head: bytes) -> bool:
    """Whether content begins with a frame or with a skippable one."""
    return head.startswith(MAGIC) or _is_skippable(head)


def _is_skippable(head: bytes) -> bool:
    return len(head) >= 4 and head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50


def seek_table(frames: Iterable[tuple[int, int]]) -> bytes:
    """The skippable frame that ends a seekable file.

    ``frames`` are compressed and uncompressed sizes in bytes, in order. Any decoder skips it; one
    that knows it can begin to read at any frame.
    """
    entries = [_ENTRY.pack(*sizes) for sizes in frames]
    footer = _FOOTER.pack(len(entries), 0, _SEEKABLE_MAGIC)
    body = b"".join(entries) + footer
    return _SKIPPABLE.pack(_SEEK_TABLE_FRAME, len(body)) + body


class Frame(Struct, frozen=True):
    """Where a frame lies in its file, and how large its content is; all in bytes."""

    offset: int
    size: int
    content_size: int


def seekable_frames(fd: int, size: int) -> list[Frame] | None:
    """The frames of a file of ``size`` bytes, from its seek table; None where it has none.

    A table is what somebody says: a frame is where it says, and no larger, or the file is damaged.
    """
    footer = os.pread(fd, _FOOTER.size, size - _FOOTER.size) if size > _FOOTER.size else b""
    if len(footer) < _FOOTER.size:
        return None
    count, descriptor, magic = _FOOTER.unpack(footer)
    entry = _ENTRY_WITH_CHECKSUM if descriptor & 0x80 else _ENTRY
    table_size = _SKIPPABLE.size + count * entry.size + _FOOTER.size
    if magic != _SEEKABLE_MAGIC or table_size > size:
        return None
    table = os.pread(fd, table_size, size - table_size)
    if table[:4] != struct.pack("<I", _SEEK_TABLE_FRAME):
        return None
    frames, offset = [], 0
    for sizes in entry.iter_unpack(table[_SKIPPABLE.size : -_FOOTER.size]):
        frames.append(Frame(offset, sizes[0], sizes[1]))
        offset += sizes[0]
    return frames if offset == size - table_size else None


def content_size(fd: int, size: int) -> int | None:
    """How many bytes a zstd file of ``size`` bytes holds; None where a frame does not say.

    Reads headers only, a few bytes for every block of up to 128 KiB. Raises IntegrityError when
    the file is no sequence of whole frames.
    """
    total = position = 0
    while position < size:
        head = os.pread(fd, _LONGEST_HEADER, position)
        if _is_skippable(head) and len(head) >= 8:
            position += 8 + int.from_bytes(head[4:8], "little")
            continue
        declared, header_size, has_checksum = _frame_header(head)
        if declared is None:
            return None
        total += declared
        position = _end_of_blocks(fd, position + header_size, size) + 4 * has_checksum
    if position != size:
        raise IntegrityError("zstd content is cut short")
    return total


def _frame_header(head: bytes) -> tuple[int | None, int, bool]:
    """Declared content size, length of the header, whether a checksum follows the blocks."""
    if not head.startswith(MAGIC) or len(head) < 6:
        raise IntegrityError("zstd content has something else where a frame should begin")
    flags = head[4]
    is_single_segment = bool(flags & 0x20)
    start = 5 + (not is_single_segment) + (0, 1, 2, 4)[flags & 3]
    width = (1 if is_single_segment else 0, 2, 4, 8)[flags >> 6]
    field = head[start : start + width]
    if len(field) < width:
        raise IntegrityError("zstd content is cut short")
    declared = int.from_bytes(field, "little") + (256 if width == 2 else 0) if width else None
    return declared, start + width, bool(flags & 4)


def _end_of_blocks(fd: int, position: int, size: int) -> int:
    """Where the last block of a frame ends."""
    is_last = False
    while not is_last:
        head = os.pread(fd, 3, position)
        if len(head) < 3 or position >= size:
            raise IntegrityError("zstd content is cut short")
        block = int.from_bytes(head, "little")
        is_last, kind = bool(block & 1), block >> 1 & 3
        if kind == _RESERVED_BLOCK:
            raise IntegrityError("zstd content has a block of a reserved type")
        position += 3 + (1 if kind == _RLE_BLOCK else block >> 3)
    return position
