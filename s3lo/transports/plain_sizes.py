"""Plain sizes: how large layers are when they are decompressed, counted before anybody asks.

A tar says how long a member is before it begins, and gzip knows it only modulo 4 GiB: counting takes
a decompression of its own, for which there are other cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from s3lo.cpus import usable_cpus
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor
from s3lo.transports.decompression import compression_of, decompress, uncompressed_size
from s3lo.transports.image import PulledImage, Ready
from s3lo.transports.streams import open_range, pieces

_PIECE_BYTES = 1 << 20
"""Small enough to be counted while it is in a core's cache."""


@contextmanager
def plain_sizes(
    image: PulledImage, layers: Sequence[Descriptor], ready: Ready
) -> Iterator[Callable[[Digest], int]]:
    """Gives what waits for the size of one of the layers, all of which are being counted."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(usable_cpus(), thread_name_prefix="s3lo-count")
    try:
        counts = {layer.digest: pool.submit(_plain_size, image, layer, ready) for layer in layers}
        yield lambda digest: counts[digest].result()
    finally:
        # Not waited for: a count may wait for a blob that only comes when its caller has gone on.
        pool.shutdown(wait=False, cancel_futures=True)


def _plain_size(image: PulledImage, layer: Descriptor, ready: Ready) -> int:
    ready(layer.digest, layer.size)
    path = image.path(layer.digest)
    size = uncompressed_size(path)
    if size is not None:
        return size
    with open_range(path, 0, layer.size) as source:
        plain = decompress(source, compression_of(path))
        return sum(map(len, pieces(plain, _PIECE_BYTES)))
