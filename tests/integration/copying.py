"""Copying: two buckets of one service, and a blob in the first."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from s3lo.bucket.options import StorageOptions
from s3lo.bucket.s3 import S3Store
from s3lo.bucket.server_copy import CopySizes, ServerCopy
from s3lo.model.objects import Credentials, Endpoint, Wire
from s3lo.model.reference import Location

MIB = 1 << 20
SIZES = CopySizes(whole_bytes=MIB, part_bytes=5 * MIB, side_by_side=4)
KEY = "blobs/sha256/some"
SMALL = random.Random(1).randbytes(300_000)
LARGE = random.Random(2).randbytes(12 * MIB + 1)
"""Three parts."""

Wiring = Callable[[Endpoint, Credentials], Wire]


def socket_wire(endpoint: Endpoint, credentials: Credentials) -> Wire:
    from s3lo.engine.sockets.wire import SocketWire

    return SocketWire(endpoint, lambda: credentials)


def native_wire(endpoint: Endpoint, credentials: Credentials) -> Wire:
    from s3lo.engine.crt.wire import NativeWire

    return NativeWire(endpoint, lambda: credentials)


def boto_wire(endpoint: Endpoint, credentials: Credentials) -> Wire:
    from s3lo.bucket.boto_wire import BotoWire

    return BotoWire(endpoint, lambda: credentials)


WIRES: dict[str, Wiring] = {"boto": boto_wire, "native": native_wire, "sockets": socket_wire}


def open_store(bucket: str, url: str, credentials: Credentials, wiring: Wiring) -> S3Store:
    """Who is told to wait before another try does not."""
    endpoint = Endpoint(bucket, "us-east-1", url, path_style=True)
    location = Location("s3", bucket)
    return S3Store(location, endpoint, wiring(endpoint, credentials), sleep=lambda _: None)


@dataclass
class Copying:
    """What is to be copied from where to where, and what was told of it."""

    source: S3Store
    target: S3Store
    storage: StorageOptions = field(default_factory=StorageOptions)
    cancel: Event = field(default_factory=Event)
    told: list[int] = field(default_factory=list)

    def copy(self, content: bytes, *, key: str = KEY, if_absent: bool = False) -> None:
        copies = ServerCopy(self.target, self.source, self.storage, self.cancel, SIZES)
        copies.copy(key, len(content), if_absent=if_absent, copied=self.told.append)

    def close(self) -> None:
        self.source.close()
        self.target.close()
