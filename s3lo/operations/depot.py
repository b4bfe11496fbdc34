"""Depot: a store together with the engine that moves its blobs, opened for one operation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.engine.transfers import Engine
from s3lo.model.reference import Location

if TYPE_CHECKING:
    from s3lo.bucket.connection import Connection


@dataclass(frozen=True, slots=True)
class Depot:
    """Documents go through ``store``, blobs through ``engine``."""

    store: Store
    engine: Engine


@contextmanager
def opened(
    location: Location,
    connection: ConnectionOptions,
    engine: EngineOptions,
    *,
    only_reads: bool = False,
) -> Iterator[Depot]:
    """Open a store by its name and close it afterwards; ``only_reads`` makes for a quicker start."""
    make = _open_local if location.scheme == "local" else _open_s3
    if location.scheme != "local" and only_reads and engine.backend == "auto":
        make = _open_s3_for_reading
    depot = make(location, connection, engine)
    try:
        yield depot
    finally:
        depot.store.close()


def _open_local(location: Location, connection: ConnectionOptions, engine: EngineOptions) -> Depot:
    from s3lo.bucket.local import LocalStore
    from s3lo.engine.backend import LocalConfig
    from s3lo.engine.parallel import ParallelEngine

    del connection
    config = LocalConfig(os.path.abspath(location.name))
    return Depot(LocalStore(location), ParallelEngine(config, engine))


def _open_s3_for_reading(
    location: Location, connection: ConnectionOptions, engine: EngineOptions
) -> Depot:
    """Over sockets, without awscrt; a proxy is awscrt's."""
    from s3lo.bucket.connection import connect
    from s3lo.bucket.s3 import S3Store
    from s3lo.engine.parallel import ParallelEngine
    from s3lo.engine.proxies import is_proxied
    from s3lo.engine.socket_wire import SocketWire

    reached = connect(location.name, connection)
    if is_proxied(reached.endpoint):
        return _open_s3(location, connection, engine)
    wire = SocketWire(reached.endpoint, reached.credentials, engine.interfaces)
    return Depot(S3Store(location, reached.endpoint, wire), ParallelEngine(wire, engine))


def _open_s3(location: Location, connection: ConnectionOptions, engine: EngineOptions) -> Depot:
    from s3lo.bucket.connection import connect
    from s3lo.bucket.s3 import S3Store

    reached = connect(location.name, connection)
    if engine.backend != "s3transfer":
        try:
            from s3lo.engine.native import NativeWire
            from s3lo.engine.parallel import ParallelEngine
        except ImportError:  # no awscrt wheel for this platform
            if engine.backend == "native":
                raise
        else:
            wire = NativeWire(reached.endpoint, reached.credentials, engine.interfaces)
            store = S3Store(location, reached.endpoint, wire)
            return Depot(store, ParallelEngine(wire, engine))
    return _open_s3transfer(location, reached, engine)


def _open_s3transfer(location: Location, reached: Connection, engine: EngineOptions) -> Depot:
    from s3lo.bucket.boto_wire import BotoWire, s3_client
    from s3lo.bucket.s3 import S3Store
    from s3lo.engine.whole_objects import WholeObjectEngine

    store = S3Store(location, reached.endpoint, BotoWire(reached.endpoint, reached.credentials))
    return Depot(
        store,
        # Made when first used: only then is the bucket's region known for sure.
        WholeObjectEngine(
            lambda: s3_client(store.endpoint, reached.credentials), location.name, engine
        ),
    )
