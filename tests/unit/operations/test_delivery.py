"""Delivery: what an image is called where it goes, and what is found out before it is brought."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from s3lo import staging
from s3lo.errors import DestinationExists, LocalError, UsageError
from s3lo.events import ignore
from s3lo.operations.pulling.delivery import Delivery, delivery_to
from s3lo.transports import oci_layout
from s3lo.transports.image import PulledImage
from tests.unit.transports.test_docker_archive import pulled


def _delivery(to: str, name: str = "", *, force: bool = False) -> Delivery:
    with delivery_to(to, name, force, None, ignore) as delivery:
        return delivery


def _deliver(delivery: Delivery) -> str:
    """What a pull does: look, bring the blobs, make the image appear."""
    delivery.check()
    with delivery.staging() as directory:
        image: PulledImage = pulled(directory, "zstd")
        return delivery.deliver(image, frozenset())


def _reference_name(directory: Path) -> str:
    (entry,) = json.loads((directory / "index.json").read_bytes())["manifests"]
    return str(entry.get("annotations", {}).get("org.opencontainers.image.ref.name", ""))


@pytest.mark.parametrize("to", ["docker", "oci:x", "docker-archive:x", "docker-archive:x:a b"])
@pytest.mark.parametrize("name", ["Bad Name!!", "app:", "a/../b", "app@sha256:" + "0" * 64])
def test_a_name_that_is_none_is_refused_before_anything_moves(to: str, name: str) -> None:
    with pytest.raises(UsageError):
        _delivery(to, name)


@pytest.mark.parametrize("own_name", ["!", "a b", "-v1", "v1-"])
def test_a_reference_name_that_is_none_is_refused(own_name: str) -> None:
    with pytest.raises(UsageError):
        _delivery(f"oci:x:{own_name}")


@pytest.mark.parametrize(
    ("to", "name", "reference_name"),
    [
        ("", "app:v1", "v1"),
        ("", "127.0.0.1:5000/app", "latest"),
        ("", "127.0.0.1:5000/app:v2", "v2"),
        ("", "MyApp:v1", "v1"),
        ("", "", ""),
        (":v3", "app:v1", "v3"),
        (":host:5000/app:v3", "app:v1", "host:5000/app:v3"),
    ],
)
def test_a_layout_names_its_image_by_the_tag(
    to: str, name: str, reference_name: str, tmp_path: Path
) -> None:
    """127.0.0.1:5000/app became 5000/app."""
    _deliver(_delivery(f"oci:{tmp_path / 'out'}{to}", name))
    assert _reference_name(tmp_path / "out") == reference_name


def test_only_who_needs_temporary_files_needs_a_place_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", missing)
    _deliver(_delivery(f"oci:{tmp_path / 'out'}"))
    for to in ("docker", f"docker-archive:{tmp_path / 'x'}"):
        with pytest.raises(LocalError):
            _delivery(to)


@pytest.mark.skipif(
    not os.path.ismount("/dev/shm") or not os.access("/dev/shm", os.W_OK),
    reason="needs a second file system at /dev/shm",
)
def test_a_link_to_another_file_system_is_filled_there(tmp_path: Path) -> None:
    """Blobs were brought beside the link, from where no rename leads to what it names."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        target = Path(elsewhere, "target")
        target.mkdir()
        (tmp_path / "out").symlink_to(target)
        delivery = _delivery(f"oci:{tmp_path / 'out'}", "app:v1")
        _deliver(delivery)
        assert _reference_name(target) == "v1"
        assert (tmp_path / "out").is_symlink()
        assert [each.name for each in Path(elsewhere).iterdir()] == ["target"]


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is taken for a mount point, and cannot be renamed onto either."""
    directory = tmp_path / "mounted"
    directory.mkdir()
    rename = os.rename

    def busy(source: str, destination: str) -> None:
        assert Path(destination) != directory
        rename(source, destination)

    monkeypatch.setattr(os, "rename", busy)
    monkeypatch.setattr(oci_layout, "is_mount_point", lambda path: path == directory)
    return directory


@pytest.mark.parametrize("names", [(), ("lost+found",), (".s3lo-left",)])
def test_an_empty_mount_point_is_filled(names: tuple[str, ...], mounted: Path) -> None:
    for name in names:
        (mounted / name / "kept").mkdir(parents=True)
    _deliver(_delivery(f"oci:{mounted}", "app:v1"))
    assert _reference_name(mounted) == "v1"
    found = {each.name for each in mounted.iterdir()}
    assert found == {"blobs", "index.json", "oci-layout", *names}


def test_a_mount_point_s_index_comes_last_and_a_failure_leaves_it_empty(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []

    def fail_last(source: Path, destination: Path) -> None:
        moved.append(destination.name)
        if destination.name == "index.json":
            raise OSError(5, "Input/output error")
        os.rename(source, destination)

    monkeypatch.setattr(staging, "rename_new", fail_last)
    with pytest.raises(LocalError):
        _deliver(_delivery(f"oci:{mounted}"))
    assert moved[-1] == "index.json"
    assert list(mounted.iterdir()) == []


@pytest.mark.parametrize("force", [False, True])
def test_a_mount_point_with_a_layout_is_refused_before_the_transfer(
    force: bool, mounted: Path
) -> None:
    _deliver(_delivery(f"oci:{mounted}"))
    with pytest.raises(DestinationExists) as raised:
        _delivery(f"oci:{mounted}", force=force).check()
    assert "inside it" in raised.value.hint
