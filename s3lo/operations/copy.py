"""copy: images from registries, stores and layouts into a store, as they are, without a daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import Struct

from s3lo import errors
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions, StorageOptions
from s3lo.bucket.tags import list_tags
from s3lo.engine.options import EngineOptions
from s3lo.errors import Interrupted, NotFoundError, S3loError
from s3lo.events import Note, Observer, ignore
from s3lo.model.platform import Platform
from s3lo.model.reference import ImageReference, Location
from s3lo.model.registry_reference import RegistryReference
from s3lo.operations.copying.image import Copying, copy_image
from s3lo.operations.copying.layout_origin import LayoutOrigin
from s3lo.operations.copying.origin import Means, Origin
from s3lo.operations.copying.relayed import Relaying
from s3lo.operations.copying.source import (
    CopyRepository,
    CopySource,
    Images,
    name_of,
    parse_copy_repository,
    parse_copy_source,
    parse_images,
    tagged,
)
from s3lo.operations.depot import Depot, opened
from s3lo.operations.landing import Landing, parse_landing, tell_new_store
from s3lo.operations.phase import cancellable, one_at_a_time
from s3lo.operations.results import CopiesResult, CopyResult, FailedCopy
from s3lo.transports.source import LayoutSource

if TYPE_CHECKING:
    from typing_extensions import Self

    from s3lo.transports.registry.client import Registry
    from s3lo.transports.registry.login import Login

_NO_CONNECTION = ConnectionOptions()
_NO_STORAGE = StorageOptions()
_NO_ENGINE = EngineOptions()


class CopyOptions(Struct, frozen=True):
    """What is copied of each image, and how the places are reached."""

    platforms: tuple[str, ...] = ()
    """``os/architecture[/variant]``; none means all of them, and the index as it is."""
    referrers: bool = True
    """Whether signatures, attestations and the like that refer to the image come along."""
    force: bool = False
    """Over immutable tags, and over blobs that are there, which repairs damaged ones."""
    creds: str = ""
    """``USER:PASSWORD`` for registries; without, what docker and skopeo have is used."""
    insecure: bool = False
    connection: ConnectionOptions = _NO_CONNECTION
    storage: StorageOptions = _NO_STORAGE
    engine: EngineOptions = _NO_ENGINE


_DEFAULTS = CopyOptions()


def copy(
    source: str,
    reference: str,
    options: CopyOptions = _DEFAULTS,
    *,
    observer: Observer = ignore,
    cancel: Event | None = None,
) -> CopyResult:
    """Copy an image into a store; returns when its tag is visible and all that it needs is there.

    ``source`` is an image of a registry as ``docker pull`` takes it, of a store, or ``oci:DIR[:NAME]``.
    Manifests stay what they are, byte for byte, unless some platforms are chosen. Blobs that the store
    has, with the right size, are not moved; a service copies its own by itself. ``cancel``, once set,
    ends it with Interrupted. Raises the errors of ``s3lo.errors``; after any of them the tag is as it
    was.
    """
    with _Copies(options, observer, cancel) as copies:
        return copies.one(source, reference)


def copy_all(
    pairs: Iterable[tuple[str, str]],
    options: CopyOptions = _DEFAULTS,
    *,
    observer: Observer = ignore,
    cancel: Event | None = None,
) -> CopiesResult:
    """Copy many images, each a source and a reference, one after the other, past those that fail.

    Raises only Interrupted; what failed is in the result.
    """
    with _Copies(options, observer, cancel) as copies:
        return copies.all(pairs)


def copy_tags(
    source: str,
    destination: str,
    options: CopyOptions = _DEFAULTS,
    *,
    observer: Observer = ignore,
    cancel: Event | None = None,
) -> CopiesResult:
    """The same of all tags of a repository, or of an image of a store, to an image of a store.

    Raises besides what listing the tags may end with.
    """
    with _Copies(options, observer, cancel) as copies, errors.context("copying", source):
        target = parse_images(destination, is_store)
        repository = parse_copy_repository(source, is_store)
        tags = copies.tags(repository)
        named = [(name_of(tagged(repository, tag)), str(target.tagged(tag))) for tag in tags]
        if not named:
            raise NotFoundError(f"{source} has no tags")
        return copies.all(named)


class _Copies:
    """Copies of one run. Stores and repositories are opened once."""

    def __init__(self, options: CopyOptions, observer: Observer, cancel: Event | None) -> None:
        self._options = options
        self._observer = one_at_a_time(cancellable(observer, cancel))
        self._cancel = cancel
        self._open = ExitStack()
        self._depots: dict[Location, Depot] = {}
        self._registries: dict[tuple[str, str], Registry] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, value, trace)

    def one(self, source: str, reference: str) -> CopyResult:
        options = self._options
        with errors.context("copying", source):
            target = parse_landing(reference)
            parsed = parse_copy_source(source, is_store)
            how = Copying(
                name_of(parsed),
                tuple(Platform.parse(each) for each in options.platforms),
                options.referrers,
                self._observer,
                self._cancel,
            )
            if target.location not in self._depots:
                tell_new_store(target.location, self._observer)
            landing = Landing(self._depot(target.location), target, options.force, options.storage)
            return copy_image(self._origin(parsed), landing, how)

    def all(self, pairs: Iterable[tuple[str, str]]) -> CopiesResult:
        started_at = time.monotonic()
        done: list[CopyResult] = []
        failed: list[FailedCopy] = []
        for source, reference in pairs:
            try:
                done.append(self.one(source, reference))
            except Interrupted:
                raise
            except S3loError as error:
                self._observer(Note(f"{source} was not copied: {error.message}"))
                failed.append(
                    FailedCopy(source, reference, error.code, error.message, error.exit_code)
                )
            else:
                self._observer(Note(f"{source} is {reference} now", level=1))
        moved = sum(each.bytes_transferred for each in done)
        return CopiesResult(tuple(done), tuple(failed), moved, time.monotonic() - started_at)

    def tags(self, repository: CopyRepository) -> Sequence[str]:
        if isinstance(repository, Images):
            return list(list_tags(self._depot(repository.location).store, repository.image))
        return list(self._registry(repository).tags())

    def _depot(self, location: Location) -> Depot:
        """Of a source and of a target alike."""
        if location not in self._depots:
            options = self._options
            self._depots[location] = self._open.enter_context(
                opened(location, options.connection, options.engine, options.storage)
            )
        return self._depots[location]

    def _registry(self, reference: RegistryReference) -> Registry:
        key = (reference.host, reference.repository)
        if key not in self._registries:
            from s3lo.transports.registry.client import Registry, RegistryOptions

            options = RegistryOptions(
                self._options.insecure,
                self._options.connection.ca_bundle,
                self._login(reference),
            )
            registry = Registry(reference, options, self._observer, self._cancel)
            self._registries[key] = self._open.enter_context(registry)
        return self._registries[key]

    def _login(self, reference: RegistryReference) -> Callable[[], Login | None]:
        from s3lo.transports.registry.logins import find_login

        options = self._options
        return lambda: find_login(
            reference.host, reference.repository, options.creds, options.connection.profile
        )

    def _origin(self, source: CopySource) -> Origin:
        means = Means(self._options.engine, self._observer, self._cancel)
        if isinstance(source, LayoutSource):
            return LayoutOrigin(source, means)
        if isinstance(source, ImageReference):
            from s3lo.operations.copying.store_origin import StoreOrigin

            return StoreOrigin(self._depot(source.location), source, means)
        from s3lo.operations.copying.registry_origin import RegistryOrigin

        registry = self._registry(source)
        return RegistryOrigin(registry, source, Relaying(registry.open_range, str(source), means))
