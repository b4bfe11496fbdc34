"""Recipe: which chunks a layer is made of that the Go tool (version 2 on) stored in pieces.

    {"layer": HEX, "size": N, "compressedDigest": HEX, "compressedSize": N,
     "chunks": [{"digest": HEX, "size": N, "compressedSize": N}, …]}

It lies under the digest that manifests have for the layer. Only what says what has to stay is read;
a field that is not known may name more of that, and then nobody knows what the recipe needs.
"""

from __future__ import annotations

import re

import msgspec

from s3lo.errors import InvalidDocument

MAX_RECIPE_BYTES = 64 << 20
"""Chunks are of 4 MB on the average: enough for a layer of terabytes."""

_HEX = re.compile(r"[0-9a-f]{64}\Z")


class _Chunk(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    digest: str
    size: int
    compressed_size: int = 0


class _Recipe(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    chunks: list[_Chunk] | None
    layer: str = ""
    size: int = 0
    compressed_digest: str = ""
    compressed_size: int = 0


_RECIPE = msgspec.json.Decoder(_Recipe)


def chunks_of(raw: bytes) -> frozenset[bytes]:
    """The digests (32 bytes each) of a recipe's chunks; raises InvalidDocument where it is none."""
    try:
        recipe = _RECIPE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidDocument(f"not a valid recipe: {error}") from error
    digests = [chunk.digest.removeprefix("sha256:") for chunk in recipe.chunks or ()]
    if not all(map(_HEX.match, digests)):
        raise InvalidDocument("not a valid recipe: a chunk without a digest")
    return frozenset(map(bytes.fromhex, digests))
