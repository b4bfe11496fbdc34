"""What a real daemon keeps of an image is read as the daemon would save it, or not believed."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import s3lo
from s3lo.errors import NotFoundError, S3loError
from s3lo.events import BytesMoved, Event, Note, ignore
from s3lo.model.digest import Digest
from s3lo.model.documents import Manifest
from s3lo.transports import overlay_store
from s3lo.transports.image import SourceImage
from s3lo.transports.overlay_store import KeptImage
from s3lo.transports.packing import Packing, ReadAgain
from tests.servers import Dockerd
from tests.servers.dockerd import emptied
from tests.unit.transports import builders

PAX = {"SCHILY.xattr.user.note": "kept", "mtime": "1.25"}
NAME = "kept:v1"


@pytest.fixture
def daemon(dockerd: Dockerd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DOCKER_HOST", dockerd.host)
    with emptied(dockerd.host) as client:
        yield client


def hard_layer() -> bytes:
    """All that a layer's tar may have which a directory has not, or not in this form."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:

        def add(name: str, content: bytes = b"", **more: Any) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in more.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))

        add("etc", type=tarfile.DIRTYPE, mode=0o755)
        add("etc/shadow", b"root:*:", mode=0o000, uid=12345, uname="nobody-here")
        add("./etc/dotted", b"dotted", mtime=1)
        add("etc/" + "long/" * 40 + "name", b"far below")
        add("etc/caf\udce9", b"no UTF-8")
        add("etc/empty")
        add("etc/shadow-too", type=tarfile.LNKTYPE, linkname="etc/shadow")
        add("etc/passwd", type=tarfile.SYMTYPE, linkname="/etc/nowhere")
        add("etc/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
        add("etc/fifo", type=tarfile.FIFOTYPE)
        add("etc/noted", b"noted", pax_headers=PAX)
        add("usr", type=tarfile.DIRTYPE)
        add("usr/.wh..wh..opq")
        add("srv/.wh.gone")
        add("usr/large", bytes(range(256)) * 40_000)
    return out.getvalue()


LAYERS = [
    builders.tar({"srv/gone": b"soon", "usr/below": b"below"}),
    hard_layer(),
    builders.tar({}),
    builders.tar({"usr/large": b"small now"}, format=tarfile.USTAR_FORMAT),
]


def load(daemon: Any, layers: list[bytes]) -> str:
    """Returns the image's id."""
    config = builders.config(layers)
    names = [f"{number}.tar" for number in range(len(layers))]
    saved = [{"Config": "config.json", "RepoTags": [NAME], "Layers": names}]
    files: dict[str, bytes | builders.Link] = dict(zip(names, layers, strict=True))
    documents = {"config.json": config, "manifest.json": json.dumps(saved).encode()}
    daemon.load_image(builders.tar({**files, **documents}))
    return f"sha256:{builders.sha(config)}"


def found(daemon: Any, dockerd: Dockerd, image_id: str) -> KeptImage:
    layers = daemon.inspect_image(image_id)["RootFS"]["Layers"]
    diff_ids = [Digest.parse(each) for each in layers]
    kept = overlay_store.find(dockerd.root, Digest.parse(image_id), diff_ids)
    assert kept
    return kept


def read(kept: KeptImage, staging: Path) -> SourceImage:
    return overlay_store.read(kept, staging, Packing("none"), (), ignore)


def contents(image: SourceImage) -> list[bytes]:
    assert isinstance(image.root, Manifest)
    files = [image.blobs[layer.digest] for layer in image.root.layers]
    assert all(file.is_verified for file in files)
    return [file.path.read_bytes() for file in files]


def test_every_layer_is_the_tar_that_came(daemon: Any, dockerd: Dockerd, tmp_path: Path) -> None:
    image_id = load(daemon, LAYERS)
    image = read(found(daemon, dockerd, image_id), tmp_path)
    assert isinstance(image.root, Manifest)
    assert image.root.config.digest == image_id
    assert contents(image) == LAYERS


def test_what_a_container_changed_is_read_as_the_daemon_saves_it(
    daemon: Any, dockerd: Dockerd, tmp_path: Path
) -> None:
    """Layers that never came as a tar: the daemon made it of a directory."""
    load(daemon, [builders.tar({"etc/hosts": b"one"}), hard_layer()])
    container = daemon.create_container(NAME, ["/none"])["Id"]
    daemon.put_archive(container, "/", builders.tar({"new/file": b"n" * 70_000, "etc/x": b""}))
    image_id = daemon.commit(container, "kept", "v2")["Id"]
    daemon.remove_container(container)
    image = read(found(daemon, dockerd, image_id), tmp_path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(daemon.get_image(image_id)))) as archive:
        [saved] = json.loads(read_member(archive, "manifest.json"))
        assert contents(image) == [read_member(archive, name) for name in saved["Layers"]]


def read_member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member
    return member.read()


def test_a_push_is_the_same_from_the_daemon_s_files_and_from_what_it_saves(
    daemon: Any, dockerd: Dockerd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(daemon, LAYERS)
    pushed, notes = {}, {}
    for host in (dockerd.host, dockerd.remote_host):
        monkeypatch.setenv("DOCKER_HOST", host)
        store = tmp_path / host[:3]
        (store / "blobs").mkdir(parents=True)
        events: list[Event] = []
        pushed[host] = s3lo.push(NAME, f"local://{store}/app:v1", observer=events.append).digest
        notes[host] = " ".join(event.text for event in events if isinstance(event, Note))
    assert pushed[dockerd.host] == pushed[dockerd.remote_host]
    assert "the daemon's own files" in notes[dockerd.host]
    assert "the daemon's own files" not in notes[dockerd.remote_host]


def test_another_daemon_s_files_are_not_taken_for_this_one_s(
    daemon: Any, dockerd: Dockerd, tmp_path: Path
) -> None:
    image_id = Digest.parse(load(daemon, LAYERS))
    diff_ids = [layer.diff_id for layer in found(daemon, dockerd, image_id).layers]
    assert overlay_store.find(tmp_path, image_id, diff_ids) is None
    other = Digest.of(b"another image")
    assert overlay_store.find(dockerd.root, other, diff_ids) is None
    assert overlay_store.find(dockerd.root, image_id, [other, *diff_ids[1:]]) is None


@pytest.mark.parametrize("damage", ["content", "shorter", "gone", "split"])
def test_a_layer_that_is_not_what_it_was_is_not_pushed(
    daemon: Any, dockerd: Dockerd, tmp_path: Path, damage: str
) -> None:
    """The daemon refuses to save it as well: nothing of it reaches the store."""
    image_id = load(daemon, [builders.layer(f"damaged by {damage}")])
    kept = found(daemon, dockerd, image_id)
    [layer] = kept.layers
    [file] = layer.files.iterdir()
    match damage:
        case "content":
            file.write_bytes(b"x" * file.stat().st_size)
        case "shorter":
            file.write_bytes(b"x")
        case "gone":
            file.unlink()
        case "split":
            layer.split.write_bytes(gzip.compress(b'{"type":2,"payload":"AAAA"}\n'))
    with pytest.raises(ReadAgain):
        read(kept, tmp_path / "staging")
    (tmp_path / "store/blobs").mkdir(parents=True)
    with pytest.raises(S3loError):
        s3lo.push(NAME, f"local://{tmp_path}/store/app:v1")
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_for_another_platform_nothing_of_an_image_leaves(daemon: Any, tmp_path: Path) -> None:
    load(daemon, LAYERS)
    (tmp_path / "store/blobs").mkdir(parents=True)
    with pytest.raises(NotFoundError, match="s390x"):
        s3lo.push(NAME, f"local://{tmp_path}/store/app:v1", platform="linux/s390x")
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_without_a_split_the_daemon_is_asked(daemon: Any, dockerd: Dockerd) -> None:
    image_id = load(daemon, [builders.layer("split no more")])
    [layer] = found(daemon, dockerd, image_id).layers
    layer.split.unlink()
    assert overlay_store.find(dockerd.root, Digest.parse(image_id), [layer.diff_id]) is None


def test_an_image_that_is_removed_meanwhile_is_not_found(daemon: Any, tmp_path: Path) -> None:
    load(daemon, LAYERS)
    removed: list[Event] = []

    def observe(event: Event) -> None:
        if isinstance(event, BytesMoved) and event.phase == "save" and not removed:
            removed.append(event)
            daemon.remove_image(NAME, force=True)

    (tmp_path / "store/blobs").mkdir(parents=True)
    with pytest.raises(NotFoundError):
        s3lo.push(NAME, f"local://{tmp_path}/store/app:v1", observer=observe)
    assert not (tmp_path / "store/manifests").exists()


def test_a_layer_of_which_only_the_files_were_lost_is_seen_at_once(
    daemon: Any, dockerd: Dockerd
) -> None:
    image_id = load(daemon, [builders.layer("lost")])
    [layer] = found(daemon, dockerd, image_id).layers
    shutil.rmtree(layer.files)
    assert overlay_store.find(dockerd.root, Digest.parse(image_id), [layer.diff_id]) is None
