"""Depot: a store together with the engine that moves its blobs, opened for one operation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from s3lo.bucket.options import ConnectionOptions, StorageOptions
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.engine.transfers import Engine
from s3lo.model.reference import Location

if TYPE_CHECKING:
    from s3lo.bucket.connection import Connection
    from s3lo.engine.crt.wire import NativeWire
    from s3lo.engine.sockets.wire import SocketWire


_NO_STORAGE = StorageOptions()


class Depot:
    """Documents go through ``store``, blobs through ``engine``."""

    def __init__(self, store: Store, make_engine: Callable[[], Engine]) -> None:
        self.store = store
        self._make_engine = make_engine

    @cached_property
    def engine(self) -> Engine:
        """Made when blobs are to be moved: it takes 15 ms to import, which a list does without."""
        return self._make_engine()


@contextmanager
def opened(
    location: Location,
    connection: ConnectionOptions,
    engine: EngineOptions,
    storage: StorageOptions = _NO_STORAGE,
) -> Iterator[Depot]:
    """Open a store by its name and close it afterwards."""
    storage.check()
    if location.scheme == "local":
        depot = _open_local(location, engine)
    else:
        depot = _open_s3(location, connection, engine, storage)
    try:
        yield depot
    finally:
        depot.store.close()


def _open_local(location: Location, engine: EngineOptions) -> Depot:
    from s3lo.bucket.local import LocalStore

    def make_engine() -> Engine:
        from s3lo.engine.backend import LocalConfig
        from s3lo.engine.parallel import ParallelEngine

        return ParallelEngine(LocalConfig(os.path.abspath(location.name)), engine)

    return Depot(LocalStore(location), make_engine)


def _open_s3(
    location: Location,
    connection: ConnectionOptions,
    engine: EngineOptions,
    storage: StorageOptions,
) -> Depot:
    from s3lo.bucket.connection import connect
    from s3lo.engine.proxies import is_proxied

    reached = connect(location.name, connection)
    if engine.backend == "auto" and not is_proxied(reached.endpoint):
        from s3lo.engine.sockets.wire import SocketWire

        wire = SocketWire(reached.endpoint, reached.credentials, engine.interfaces)
        return _on_wire(location, wire, engine, storage)
    if engine.backend != "s3transfer":
        try:
            from s3lo.engine.crt.wire import NativeWire
        except ImportError:  # no awscrt wheel for this platform
            if engine.backend == "native":
                raise
        else:
            native = NativeWire(reached.endpoint, reached.credentials, engine.interfaces)
            return _on_wire(location, native, engine, storage)
    return _open_s3transfer(location, reached, engine, storage)


def _on_wire(
    location: Location,
    wire: NativeWire | SocketWire,
    engine: EngineOptions,
    storage: StorageOptions,
) -> Depot:
    from s3lo.bucket.s3 import S3Store

    def make_engine() -> Engine:
        from s3lo.engine.parallel import ParallelEngine

        return ParallelEngine(wire, engine)

    return Depot(S3Store(location, wire.endpoint, wire, put_headers=storage.headers), make_engine)


def _open_s3transfer(
    location: Location, reached: Connection, engine: EngineOptions, storage: StorageOptions
) -> Depot:
    from s3lo.bucket.boto_wire import BotoWire, s3_client
    from s3lo.bucket.s3 import S3Store

    wire = BotoWire(reached.endpoint, reached.credentials)
    store = S3Store(location, reached.endpoint, wire, put_headers=storage.headers)

    def make_engine() -> Engine:
        from s3lo.engine.whole_objects import WholeObjectEngine

        # Its client when first used: only then is the bucket's region known for sure.
        return WholeObjectEngine(
            lambda: s3_client(store.endpoint, reached.credentials), location.name, engine
        )

    return Depot(store, make_engine)
