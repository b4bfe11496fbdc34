"""The Docker daemon: images out of a real one and back into it.

The daemon is the one that Debian has. ``S3LO_TEST_DOCKER_HOSTS`` may name more, separated by
spaces, for other versions and stores: each then runs the same tests.
"""

from __future__ import annotations

import io
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import pytest

from s3lo.errors import DaemonError, IntegrityError, Interrupted, NotFoundError
from s3lo.events import BytesMoved, Event, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Manifest
from s3lo.transports import docker_archive
from s3lo.transports.coming import AllThere
from s3lo.transports.docker_daemon import DockerDaemon, connect
from s3lo.transports.image import Compression, PulledImage, SourceImage
from s3lo.transports.packing import Packing
from s3lo.transports.source import open_source, parse_source
from tests import images

_numbers = itertools.count(1)
_HOSTS = os.environ.get("S3LO_TEST_DOCKER_HOSTS", "").split()


@pytest.fixture(params=["own", *_HOSTS])
def daemon(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerDaemon]:
    own = request.param == "own"
    host = request.getfixturevalue("dockerd").host if own else request.param
    monkeypatch.setenv("DOCKER_HOST", host)
    with connect() as found:
        yield found


@pytest.fixture
def made(tmp_path: Path) -> images.Image:
    """An image that no daemon has seen; its first and last layer are the same."""
    seed = os.getpid() * 1000 + next(_numbers)
    image = images.sized_image(tmp_path, (1_000_000, 5_000_000), seed)
    return images.image_of([*image.layers, image.layers[0]])


@pytest.fixture
def name(made: images.Image) -> str:
    return f"app-{made.id[-12:]}:v1"


def opened(source: str, staging: Path, compression: Compression = "zstd") -> SourceImage:
    return open_source(
        parse_source(source), staging=staging, packing=Packing(compression), observer=ignore
    )


@pytest.fixture(params=["zstd", "gzip", "none"])
def pulled(
    request: pytest.FixtureRequest, made: images.Image, name: str, tmp_path: Path
) -> PulledImage:
    return _pulled(made, name, tmp_path, request.param)


def _pulled(
    made: images.Image, name: str, directory: Path, compression: Compression
) -> PulledImage:
    """What a pull leaves: every blob in a file."""
    archive = directory / "old.tar"
    images.write_docker_archive(made, archive, name)
    image = opened(f"docker-archive:{archive}", directory / "made", compression)
    assert isinstance(image.root, Manifest)
    blobs = directory / "made" / "blobs" / "sha256"
    with open(archive, "rb") as source:
        for digest, file in image.blobs.items():
            if file.path == archive:
                source.seek(file.offset)
                (blobs / digest.hex).write_bytes(source.read(file.size))
    return PulledImage(image.root, blobs)


def expected_id(daemon: DockerDaemon, image: PulledImage) -> str:
    is_new = daemon.facts().has_containerd_store
    return str(image.manifest.digest if is_new else image.manifest.config.digest)


def test_a_daemon_says_what_it_is(daemon: DockerDaemon) -> None:
    daemon.ping()
    facts = daemon.facts()
    assert facts.version
    assert facts.driver
    assert facts.unpacks == (() if facts.has_containerd_store else ("gzip", "zstd"))


def test_an_image_loads_with_every_compression_under_its_id(
    daemon: DockerDaemon, pulled: PulledImage, made: images.Image, name: str
) -> None:
    assert daemon.load(pulled, [name], observer=ignore) == expected_id(daemon, pulled)
    assert pulled.manifest.config.digest == made.id


def test_an_image_comes_back_as_it_went_in(
    daemon: DockerDaemon, pulled: PulledImage, made: images.Image, name: str, tmp_path: Path
) -> None:
    daemon.load(pulled, [name], observer=ignore)
    saved = opened(name, tmp_path / "saved", "none")
    assert isinstance(saved.root, Manifest)
    assert saved.root.config.digest == made.id
    assert len(saved.root.layers) == 3
    for file in saved.blobs.values():
        assert Digest.of(file.path.read_bytes()) == file.digest
        assert file.is_verified


def test_a_push_does_not_depend_on_which_way_an_image_came(
    daemon: DockerDaemon, made: images.Image, name: str, tmp_path: Path
) -> None:
    image = _pulled(made, name, tmp_path, "zstd")
    daemon.load(image, [name], observer=ignore)
    assert opened(name, tmp_path / "saved").root == image.manifest


def test_an_image_is_saved_by_id_and_by_a_name_without_tag(
    daemon: DockerDaemon, made: images.Image, name: str, tmp_path: Path
) -> None:
    image = _pulled(made, name, tmp_path, "gzip")
    short = name.partition(":")[0]
    other = _pulled(images.tiny_static_image(tmp_path), name, tmp_path / "made", "gzip")
    daemon.load(other, [f"{short}:other"], observer=ignore)
    image_id = daemon.load(image, [f"{short}:latest"], observer=ignore)
    for source in (short, image_id, image_id.removeprefix("sha256:")[:12]):
        saved = opened(source, tmp_path / f"by-{len(source)}")
        assert isinstance(saved.root, Manifest)
        assert saved.root.config.digest == made.id


def test_an_image_without_a_name_is_found_by_its_id(
    daemon: DockerDaemon, pulled: PulledImage
) -> None:
    assert daemon.load(pulled, [], observer=ignore) == expected_id(daemon, pulled)


def test_an_image_may_get_several_names(
    daemon: DockerDaemon, pulled: PulledImage, name: str, tmp_path: Path
) -> None:
    names = [name, f"ghcr.io/org/{name}"]
    daemon.load(pulled, names, observer=ignore)
    ids = {opened(each, tmp_path / str(len(each)), "none").manifests[0].config for each in names}
    assert len(ids) == 1


def test_a_name_that_was_another_image_s_moves(
    daemon: DockerDaemon, pulled: PulledImage, name: str, tmp_path: Path
) -> None:
    other = _pulled(images.tiny_static_image(tmp_path), name, tmp_path / "made", "gzip")
    daemon.load(other, [name], observer=ignore)
    assert daemon.load(pulled, [name], observer=ignore) == expected_id(daemon, pulled)


def test_layers_that_the_daemon_has_need_not_be_sent(
    daemon: DockerDaemon, made: images.Image, name: str, tmp_path: Path
) -> None:
    base = images.image_of(made.layers[:2])
    (tmp_path / "base").mkdir()
    daemon.load(_pulled(base, f"base-{name}", tmp_path / "base", "gzip"), [name], observer=ignore)
    image = _pulled(made, name, tmp_path, "zstd")
    known = daemon.known_layers(docker_archive.config_of(image).diff_ids)
    if daemon.facts().has_containerd_store:
        assert known == 0
        return
    assert known == 2
    # The last layer is the same content as the first, on top of others: it has to be sent.
    omit = {layer.digest for layer in image.manifest.layers[:known]}
    omit -= {layer.digest for layer in image.manifest.layers[known:]}
    for digest in omit:
        image.path(digest).unlink()
    assert daemon.load(image, [name], omit=omit, observer=ignore) == made.id


def test_an_observer_hears_of_what_is_sent_and_saved(
    daemon: DockerDaemon, made: images.Image, name: str, tmp_path: Path
) -> None:
    image = _pulled(made, name, tmp_path, "gzip")
    events: list[Event] = []
    daemon.load(image, [name], observer=events.append)
    daemon.save(name, tmp_path / "saved", Packing("none"), observer=events.append)
    moved = {"load": 0, "save": 0}
    for event in events:
        assert isinstance(event, BytesMoved)
        moved[event.phase] += event.bytes_
    sent = sum(blob.size for blob in image.manifest.blobs)
    assert sent <= moved["load"] < sent + 20_000
    assert moved["save"] >= sent


def test_an_image_that_is_not_there_is_not_found(daemon: DockerDaemon, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        daemon.save("absent:v1", tmp_path, Packing("zstd"), observer=ignore)
    assert caught.value.exit_code == 3


def test_an_archive_that_the_daemon_refuses_is_told(
    daemon: DockerDaemon, made: images.Image, name: str, tmp_path: Path
) -> None:
    """A daemon says 200, then what went wrong: here a layer is not what the config says."""
    image = _pulled(made, name, tmp_path, "none")
    damaged = image.path(image.manifest.layers[1].digest)
    damaged.write_bytes(bytes(damaged.stat().st_size))
    with pytest.raises(DaemonError) as caught:
        daemon.load(image, [name], observer=ignore)
    assert caught.value.exit_code == 8


def test_an_error_while_sending_ends_the_load(
    daemon: DockerDaemon, made: images.Image, name: str, tmp_path: Path
) -> None:
    image = _pulled(made, name, tmp_path, "gzip")
    last = image.manifest.layers[-1]

    class Failing(AllThere):
        def wait_for(self, digest: Digest, start: int, end: int) -> None:
            if digest == last.digest and start < end:
                raise Interrupted("the download failed")

    with pytest.raises(Interrupted, match="the download failed"):
        daemon.load(image, [name], coming=Failing(), observer=ignore)
    with pytest.raises(NotFoundError):
        daemon.save(name, tmp_path / "saved", Packing("zstd"), observer=ignore)


def test_standard_input_takes_what_the_daemon_saves(
    daemon: DockerDaemon, made: images.Image, name: str, tmp_path: Path
) -> None:
    daemon.load(_pulled(made, name, tmp_path, "gzip"), [name], observer=ignore)
    with closing(docker.APIClient(os.environ["DOCKER_HOST"])) as client:
        archive = b"".join(client.get_image(name))
    source = open_source(
        parse_source("-"),
        staging=tmp_path / "staging",
        packing=Packing(),
        observer=ignore,
        stdin=io.BytesIO(archive),
    )
    assert source.root == opened(name, tmp_path / "saved").root


class CuttingProxy:
    """Stands before a daemon's socket and hangs up after so many bytes of an answer or a request."""

    def __init__(self, host: str, path: Path) -> None:
        self._daemon = host.removeprefix("unix://")
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._threads: list[threading.Thread] = []
        self.host = f"unix://{path}"
        self.left = {"request": 1 << 40, "answer": 1 << 40}

    def __enter__(self) -> CuttingProxy:
        self._start(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)
        self._server.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(self._daemon)
            there = threading.Thread(target=self._pump, args=(client, daemon, "request"))
            there.start()
            self._pump(daemon, client, "answer")
            there.join()

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        with suppress(OSError):
            while (piece := source.recv(1 << 16)) and self.left[way] > 0:
                self.left[way] -= len(piece)
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(daemon: DockerDaemon) -> Iterator[CuttingProxy]:
    del daemon
    with (
        TemporaryDirectory(dir="/tmp") as directory,
        CuttingProxy(os.environ["DOCKER_HOST"], Path(directory) / "s") as found,
    ):
        yield found


def test_a_daemon_that_hangs_up_while_it_saves_is_an_error(
    daemon: DockerDaemon, proxy: CuttingProxy, made: images.Image, name: str, tmp_path: Path
) -> None:
    daemon.load(_pulled(made, name, tmp_path, "gzip"), [name], observer=ignore)
    os.environ["DOCKER_HOST"] = proxy.host
    with connect() as cut:
        proxy.left["answer"] = 2_000_000
        with pytest.raises((DaemonError, IntegrityError)):
            cut.save(name, tmp_path / "saved", Packing("zstd"), observer=ignore)
    for path in (tmp_path / "saved").rglob("*"):
        if path.is_file():
            assert Digest.of(path.read_bytes()).hex == path.name


def test_a_daemon_that_hangs_up_while_it_loads_is_an_error(
    daemon: DockerDaemon, proxy: CuttingProxy, made: images.Image, name: str, tmp_path: Path
) -> None:
    image = _pulled(made, name, tmp_path, "gzip")
    os.environ["DOCKER_HOST"] = proxy.host
    with connect() as cut:
        proxy.left["request"] = 2_000_000
        with pytest.raises(DaemonError) as caught:
            cut.load(image, [name], observer=ignore)
    assert caught.value.exit_code == 8
    with pytest.raises(NotFoundError):
        daemon.save(name, tmp_path / "saved", Packing("zstd"), observer=ignore)
