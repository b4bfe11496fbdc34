"""Docker daemon: images out of and into a running one, through its API (Docker Engine API 1.41+).

The ``docker`` package knows how to reach a daemon (sockets, TLS, contexts, ssh); it is imported
when one is asked for, since that takes a fifth of a second. Requests are our own, so that bodies
are streamed in large pieces and every answer is judged in one place.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from s3lo.errors import DaemonError, IntegrityError, NotFoundError
from s3lo.events import BytesMoved, Note, Observer
from s3lo.model.digest import Digest
from s3lo.model.documents import ImageConfig
from s3lo.model.platform import Platform
from s3lo.transports import docker_archive, docker_form, overlay_store
from s3lo.transports.ahead import ahead
from s3lo.transports.archive import Wanted, read_stream
from s3lo.transports.coming import ALL_THERE, Coming
from s3lo.transports.docker_v1 import layer_namer
from s3lo.transports.image import Compression, PulledImage, SourceImage
from s3lo.transports.layout_files import named_blob
from s3lo.transports.names import canonical, familiar, is_name
from s3lo.transports.overlay_store import KeptImage
from s3lo.transports.packing import Holdings, Packing

_JSON = msgspec.json.Decoder()

_ANSWER_SECONDS = 60
"""For anything that a daemon knows without working for it."""

_WORK_SECONDS = 3600
"""For a load, which answers only when every layer is unpacked, and between pieces of a save."""

_LOCAL = "http+docker://localhost"
"""What the client calls a Unix socket."""
_CONTAINERD_STORE = "io.containerd.snapshotter.v1"
_MOST_ANSWER_BYTES = 4 << 20


class DaemonFacts(Struct, frozen=True):
    """What kind of daemon this is."""

    version: str
    api_version: str
    driver: str
    has_containerd_store: bool
    """Its images are named by the digests of manifests, not of configs."""
    root: Path = Path()
    """Where it keeps all it has, on its own machine."""

    @property
    def unpacks(self) -> tuple[Compression, ...]:
        """What layers are best sent without.

        A daemon with a store of its own decompresses on the core that unpacks, and before Docker 25
        knows no zstd: 405 MB of gzip took it 13.5 s, and 10.6 s as a plain tar (20.10, 2 CPUs). The
        containerd store keeps layers as they come.
        """
        return () if self.has_containerd_store else ("gzip", "zstd")


@contextmanager
def connect() -> Iterator[DockerDaemon]:
    """Reach the daemon that the docker CLI would: DOCKER_HOST, then DOCKER_CONTEXT, then the
    current context. Raises DaemonError where none answers.
    """
    import docker

    with _talking("connecting to the Docker daemon"):
        address = _address()
        _probe(address.get("base_url"))
        client = docker.APIClient(**address, version="auto", timeout=_ANSWER_SECONDS)
    with client:
        yield DockerDaemon(client)


def _address() -> dict[str, Any]:
    """Arguments of the client for where the daemon is."""
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    if os.environ.get("DOCKER_HOST"):
        arguments: dict[str, Any] = {**kwargs_from_env()}
    else:
        arguments = {}
        name = os.environ.get("DOCKER_CONTEXT") or None
        context = ContextAPI.get_context(name)
        if context is None:
            raise DaemonError(
                f"there is no Docker context {name or 'that the configuration names'}",
                hint="docker context ls lists those there are.",
            )
        if context.Host:
            arguments = {"base_url": context.Host, "tls": context.TLSConfig or False}
    is_ssh = str(arguments.get("base_url", "")).startswith("ssh://")
    return {**arguments, "use_ssh_client": is_ssh}


def _probe(host: str | None) -> None:
    """Knock at a local daemon's socket: the client leaks its own where nobody opens."""
    from docker.utils import parse_host

    scheme, _, path = str(parse_host(host)).partition("://")
    if scheme == "http+unix":
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(path)


@contextmanager
def _talking(doing: str) -> Iterator[None]:
    """Turn what the client raises into errors of ours."""
    import docker.errors
    import requests
    import urllib3

    try:
        yield
    except (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as error:
        hint = ""
        if _is_about_permission(error):
            hint = "This user may not use the daemon's socket: join the group docker, or be root."
        raise DaemonError(f"{doing} failed: {error}", hint=hint) from error


def _is_about_permission(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, PermissionError):
        error = error.__cause__ or error.__context__
    return error is not None


class _Saved:
    """The body of an answer, whose errors are ours."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def read(self, size: int, /) -> bytes:
        with _talking("reading from the Docker daemon"):
            piece: bytes = self._raw.read(size)
        return piece


class DockerDaemon:
    """A daemon that answers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._facts: DaemonFacts | None = None

    def ping(self) -> None:
        """Raise DaemonError unless the daemon answers."""
        with self._answer("GET", "/_ping"):
            pass

    def facts(self) -> DaemonFacts:
        """What it says of itself, asked for once."""
        if self._facts is None:
            self._facts = self._ask_for_facts()
        return self._facts

    def _ask_for_facts(self) -> DaemonFacts:
        info = self._json("/info")
        status = dict(pair[:2] for pair in info.get("DriverStatus") or () if len(pair) > 1)
        return DaemonFacts(
            version=info.get("ServerVersion", ""),
            api_version=self._client.api_version,
            driver=info.get("Driver", ""),
            has_containerd_store=status.get("driver-type") == _CONTAINERD_STORE,
            root=Path(info.get("DockerRootDir", "")),
        )

    def save(
        self,
        name: str,
        staging: Path,
        packing: Packing,
        *,
        platforms: tuple[Platform, ...] = (),
        observer: Observer,
    ) -> SourceImage:
        """Read an image by name or id in one pass, or not at all where ``packing.holdings`` has all
        of it. Its blobs land in ``staging``, or leave by the outlet.

        With an outlet it is read from the daemon's own files where that can be. Raises NotFoundError
        where the daemon does not have it, ReadAgain where it has to be read without an outlet.
        """
        image = self._inspect(name)
        diff_ids = [Digest.parse(layer) for layer in _layers(image)]
        if packing.holdings and (held := _held(image, diff_ids, packing.holdings, platforms)):
            return held
        if packing.outlet:
            packing.outlet.expect(int(image.get("Size") or 0))
            if kept := self._kept(image, diff_ids):
                observer(Note(f"reading the daemon's own files in {kept.root}", level=1))
                return overlay_store.read(kept, staging, packing, platforms, observer)
        namer = layer_namer(diff_ids)
        path = f"/images/{quote(_exact_name(name, image))}/get"
        what = f"what the daemon saves of {name}"
        with self._answer("GET", path, stream=True, timeout=_WORK_SECONDS) as answer:
            return read_stream(
                _Saved(answer.raw),
                staging,
                packing,
                Wanted(platforms=platforms),
                observer,
                what,
                lambda member: named_blob(member) or namer(member),
            )

    def _kept(self, image: Any, diff_ids: Sequence[Digest]) -> KeptImage | None:
        """The image in the files of a daemon of this machine; None where they cannot be read."""
        if os.geteuid() != 0 or not self._client.base_url.startswith(_LOCAL):
            return None
        facts = self.facts()
        if facts.driver != overlay_store.DRIVER or facts.has_containerd_store:
            return None
        return overlay_store.find(facts.root, Digest.parse(image["Id"]), diff_ids)

    def load(
        self,
        image: PulledImage,
        tags: Collection[str],
        *,
        observer: Observer,
        omit: Collection[Digest] = (),
        coming: Coming = ALL_THERE,
    ) -> str:
        """Stream an image in under these names; returns its id once the daemon shows it there.

        ``omit`` are layers that :meth:`known_layers` counted, ``coming`` says what of the blobs is
        there. Raises DaemonError where the daemon refuses or ends up with another image.

        Layers are sent before they are proven, for a daemon makes nothing of them before it has read
        the end of the archive, which follows when they are. Where they come to be others after all,
        the archive is broken off, and sent once more.
        """
        facts = self.facts()
        make = partial(
            docker_archive.chunks, image, tags, unpacks=facts.unpacks, omit=omit, coming=coming
        )
        try:
            self._send_in(make(hasty=True), observer)
        except IntegrityError as error:
            observer(Note(f"sending the image to Docker once more: {error}", level=1))
            self._send_in(make(), observer)
        config = docker_archive.config_of(image)
        own_name = image.manifest.digest if facts.has_containerd_store else config.digest
        is_same = _has_layers if facts.has_containerd_store else _has_id
        ids = [self._loaded_id(name, config, is_same) for name in tags or (own_name,)]
        return ids.pop()

    def _send_in(self, archive: Iterator[bytes], observer: Observer) -> None:
        """Have an archive loaded. What making it raises breaks the request off, and is raised."""
        with self._answer(
            "POST",
            "/images/load?quiet=1",
            data=_told(ahead(archive), observer),
            headers={"Content-Type": "application/x-tar"},
            stream=True,
            timeout=_WORK_SECONDS,
        ) as answer:
            _raise_hidden_error(_Saved(answer.raw).read(_MOST_ANSWER_BYTES))

    def _loaded_id(
        self, name: str, config: ImageConfig, is_same: Callable[[Any, ImageConfig], bool]
    ) -> str:
        try:
            found = self._inspect(name)
        except NotFoundError as error:
            raise DaemonError(f"the daemon took the image and does not have {name}") from error
        if not is_same(found, config):
            raise DaemonError(f"the daemon has {found['Id']} as {name}, not {config.digest}")
        return str(found["Id"])

    def known_layers(self, diff_ids: tuple[Digest, ...]) -> int:
        """How many of an image's layers, from the bottom, the daemon has and need not be sent.

        None with the containerd image store, which takes nothing on trust.
        """
        if self.facts().has_containerd_store:
            return 0
        wanted = [str(diff_id) for diff_id in diff_ids]
        images = [self._inspect(image["Id"]) for image in self._json("/images/json")]
        return max((_common(_layers(image), wanted) for image in images), default=0)

    def _inspect(self, name: str) -> Any:
        return self._json(f"/images/{quote(name)}/json")

    def _json(self, path: str) -> Any:
        with self._answer("GET", path) as answer:
            return answer.json()

    @contextmanager
    def _answer(self, method: str, path: str, **arguments: Any) -> Iterator[Any]:
        """Send a request; raises NotFoundError or DaemonError where the answer is no success."""
        url = f"{self._client.base_url}/v{self._client.api_version}{path}"
        with _talking("talking to the Docker daemon"):
            arguments.setdefault("timeout", _ANSWER_SECONDS)
            answer = self._client.request(method, url, **arguments)
        with answer:
            if not answer.ok:
                raise _refusal(answer)
            yield answer


def _refusal(answer: Any) -> DaemonError | NotFoundError:
    with _talking("reading an answer of the Docker daemon"):
        content = answer.content
    try:
        said = _JSON.decode(content)["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        said = content.decode("utf-8", "replace")
    if answer.status_code == 404:
        return NotFoundError(f"the Docker daemon says: {said}", hint="docker images lists them.")
    return DaemonError(f"the Docker daemon refused ({answer.status_code}): {said}")


def _told(archive: Iterator[bytes], observer: Observer) -> Iterator[bytes]:
    """Tell of what is sent, and that it was in vain where no more is made."""
    sent = 0
    try:
        for chunk in archive:
            yield chunk
            sent += len(chunk)
            observer(BytesMoved("load", len(chunk)))
    except IntegrityError:
        observer(BytesMoved("load", -sent))
        raise


def _raise_hidden_error(answer: bytes) -> None:
    """Find the error in an answer that began with 200, before anything had gone wrong."""
    for line in answer.splitlines():
        try:
            message = _JSON.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(message, dict) and (error := message.get("errorDetail")):
            raise DaemonError(f"the Docker daemon could not load the image: {error['message']}")


def _exact_name(name: str, image: Any) -> str:
    """A name for exactly one image: given no tag, a daemon saves every one there is."""
    tags = {canonical(tag) for tag in image.get("RepoTags") or ()}
    if is_name(name) and canonical(name) in tags:
        return familiar(name)
    return str(image["Id"])


def _held(
    image: Any, diff_ids: Sequence[Digest], holdings: Holdings, platforms: Sequence[Platform]
) -> SourceImage | None:
    """The image, where its destination has all of it. With the containerd store its id is that of
    a manifest, which nobody has as a config."""
    return docker_form.held_image(Digest.parse(image["Id"]), diff_ids, holdings, platforms)


def _layers(image: Any) -> list[str]:
    return list((image.get("RootFS") or {}).get("Layers") or ())


def _has_id(image: Any, config: ImageConfig) -> bool:
    return bool(image["Id"] == config.digest)


def _has_layers(image: Any, config: ImageConfig) -> bool:
    return _layers(image) == [str(diff_id) for diff_id in config.diff_ids]


def _common(one: list[str], other: list[str]) -> int:
    """How many items two lists have in common from their beginnings."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
