"""Client: what a repository of a registry has, by the names that images give it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from s3lo.errors import DigestMismatch, InvalidDocument, InvalidReference, SizeMismatch
from s3lo.events import Observer, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import MAX_DOCUMENT_BYTES, Descriptor
from s3lo.model.reference import TAG
from s3lo.model.registry_reference import RegistryReference
from s3lo.transports.registry.options import RegistryOptions
from s3lo.transports.registry.received import ACCEPT, Received, is_manifest_type, receive
from s3lo.transports.registry.watch import Watch

if TYPE_CHECKING:
    from typing_extensions import Self

    from s3lo.transports.registry.blobs import Blobs
    from s3lo.transports.registry.opened_range import OpenedRange
    from s3lo.transports.registry.session import Reply, Session

__all__ = ["Received", "Registry", "RegistryOptions"]

_TAGS_A_PAGE = 1000


class _TagsPage(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


_TAGS_PAGE = msgspec.json.Decoder(_TagsPage)


class Registry:
    """One repository of a registry. For any thread; asks for nothing before something is asked of it.

    Every method raises NotFoundError, AccessDeniedError, IntegrityError, ServiceError after retries,
    ThrottledError, LocalError for certificates that are unreadable, and Interrupted once ``cancel`` is
    set or it was closed. ``observer`` is told from the threads that ask.
    """

    def __init__(
        self,
        reference: RegistryReference,
        options: RegistryOptions,
        observer: Observer = ignore,
        cancel: threading.Event | None = None,
    ) -> None:
        self.reference = reference
        self._options = options
        self._observer = observer
        self._watch = Watch(cancel)
        self._lock = threading.Lock()
        self._opened: tuple[Session, Blobs] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def root(self) -> Received:
        """What the reference names: a manifest or an index."""
        return self.image(self.reference)

    def image(self, reference: RegistryReference) -> Received:
        """The same of another image of the repository."""
        found = self._manifest(reference.version, str(reference), reference.digest)
        assert found is not None
        return found

    def manifest_tag(self, tag: str) -> Received | None:
        """The same of another tag of the repository; None where there is none."""
        if not TAG.fullmatch(tag):
            raise InvalidReference(f"{tag!r} is not a tag")
        what = f"{self.reference.host}/{self.reference.repository}:{tag}"
        if not self._session.has(f"manifests/{tag}", what, accept=ACCEPT):
            return None
        return self._manifest(tag, what, may_be_absent=True)

    def document(self, descriptor: Descriptor) -> bytes:
        """A manifest, an index or a small blob (a config) by its digest, proven to be that."""
        if descriptor.size > MAX_DOCUMENT_BYTES:
            raise InvalidDocument(f"{descriptor.digest} is too large for a document")
        is_manifest = is_manifest_type(descriptor.media_type)
        what = f"{self.reference.host}/{self.reference.repository}@{descriptor.digest}"
        reply = self._session.fetch(
            f"{'manifests' if is_manifest else 'blobs'}/{descriptor.digest}",
            what,
            accept=ACCEPT if is_manifest else "",
            most_bytes=MAX_DOCUMENT_BYTES,
        )
        if len(reply.body) != descriptor.size:
            raise SizeMismatch(
                f"{what} came with {len(reply.body)} bytes where {descriptor.size} are expected"
            )
        if is_manifest:
            return _received(reply, descriptor.digest, what).raw
        if Digest.of(reply.body) != descriptor.digest:
            raise DigestMismatch(f"{what} came with other content than its name says")
        return reply.body

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """What refers to a manifest: signatures, attestations; nothing where the registry has none."""
        from s3lo.transports.registry.referrers import referrers

        return referrers(self._session, digest)

    def tags(self) -> Iterator[str]:
        """Every tag of the repository, as the registry orders them."""
        from s3lo.transports.registry.pages import pages

        what = f"the tags of {self.reference.host}/{self.reference.repository}"
        for reply in pages(self._session, f"tags/list?n={_TAGS_A_PAGE}", what):
            try:
                page = _TAGS_PAGE.decode(reply.body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidDocument(f"{what} came as something else: {error}") from error
            for tag in page.tags or ():
                if not TAG.fullmatch(tag):
                    raise InvalidDocument(f"{what} have one that is none: {tag[:200]!r}")
                yield tag

    def open_range(self, blob: Descriptor, start: int, end: int) -> OpenedRange:
        """The bytes ``[start, end)`` of a blob, asked for by now; nobody has checked its digest."""
        from s3lo.transports.registry.opened_range import OpenedRange

        session, blobs = self._open()
        return OpenedRange(session, blobs, blob, start, end)

    def close(self) -> None:
        """End what is under way, and close every connection."""
        self._watch.close()
        with self._lock:
            if self._opened is not None:
                self._opened[0].close()

    def _manifest(
        self, version: str, what: str, wanted: Digest | None = None, *, may_be_absent: bool = False
    ) -> Received | None:
        reply = self._session.fetch(
            f"manifests/{version}",
            what,
            accept=ACCEPT,
            most_bytes=MAX_DOCUMENT_BYTES,
            also=(404,) if may_be_absent else (),
        )
        if reply.status == 404:
            return None
        return _received(reply, wanted, what)

    @property
    def _session(self) -> Session:
        return self._open()[0]

    def _open(self) -> tuple[Session, Blobs]:
        with self._lock:
            if self._opened is None:
                # Here, for urllib3 takes 0.1 s to import.
                from s3lo.transports.registry.blobs import Blobs
                from s3lo.transports.registry.session import Session

                session = Session(self.reference, self._options, self._observer, self._watch)
                self._opened = session, Blobs(session)
            return self._opened


def _received(reply: Reply, wanted: Digest | None, what: str) -> Received:
    headers = reply.headers
    content_type = headers.get("content-type", "")
    return receive(reply.body, content_type, headers.get("docker-content-digest", ""), wanted, what)
