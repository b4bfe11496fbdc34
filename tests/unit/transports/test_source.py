"""Source and destination: what the command line says, and the way to what it means."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from s3lo.errors import NotFoundError, UsageError
from s3lo.events import ignore
from s3lo.transports.destination import (
    ArchiveDestination,
    Destination,
    DockerDestination,
    LayoutDestination,
    parse_destination,
)
from s3lo.transports.image import SourceImage
from s3lo.transports.packing import Packing
from s3lo.transports.source import (
    ArchiveSource,
    DockerSource,
    LayoutSource,
    Source,
    StdinSource,
    open_source,
    parse_source,
)
from tests.unit.transports import builders

LAYERS = [builders.layer("one")]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("alpine", DockerSource("alpine")),
        ("127.0.0.1:5000/o/app:v1", DockerSource("127.0.0.1:5000/o/app:v1")),
        ("0123456789ab", DockerSource("0123456789ab")),
        ("oci:dir", LayoutSource(Path("dir"))),
        ("oci:/abs/dir:v1", LayoutSource(Path("/abs/dir"), "v1")),
        ("oci:dir:host:5000/app:v1", LayoutSource(Path("dir"), "host:5000/app:v1")),
        ("oci-archive:a.tar", ArchiveSource(Path("a.tar"), "oci")),
        ("docker-archive:a.tar", ArchiveSource(Path("a.tar"), "docker")),
        ("docker-archive:a.tar:app:v1", ArchiveSource(Path("a.tar"), "docker", "app:v1")),
        ("-", StdinSource()),
    ],
)
def test_a_source_is_understood(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    "text",
    ["", "oci:", "oci-archive:", "docker-archive:", "oci::v1", "s3://bucket/app:v1", "A B", "--x"],
)
def test_another_source_is_a_usage_error_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(text)
    assert "oci:DIR" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("docker", DockerDestination()),
        ("oci:dir", LayoutDestination(Path("dir"))),
        ("oci:dir:v1", LayoutDestination(Path("dir"), "v1")),
        ("docker-archive:a.tar", ArchiveDestination(Path("a.tar"))),
        ("oci-archive:a.tar", ArchiveDestination(Path("a.tar"), form="oci")),
        ("docker-archive:a.tar:app:v1", ArchiveDestination(Path("a.tar"), "app:v1")),
    ],
)
def test_a_destination_is_understood(text: str, destination: Destination) -> None:
    assert parse_destination(text) == destination


@pytest.mark.parametrize("text", ["", "docker:", "oci:", "oci", "docker-archive:", "oci-archive:"])
def test_another_destination_is_a_usage_error_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_destination(text)
    assert "docker-archive:FILE" in caught.value.hint


def opened(text: str, staging: Path, stdin: bytes = b"") -> SourceImage:
    image = open_source(
        parse_source(text),
        staging=staging,
        packing=Packing(),
        observer=ignore,
        stdin=io.BytesIO(stdin),
    )
    builders.check(image)
    return image


def test_every_way_leads_to_the_same_image(tmp_path: Path) -> None:
    files = builders.plain_layout(LAYERS)
    builders.write_tree(files, tmp_path / "layout")
    (tmp_path / "oci.tar").write_bytes(builders.tar(files))
    (tmp_path / "docker.tar").write_bytes(builders.tar(builders.old_save(LAYERS)))
    staging = tmp_path / "staging"
    texts = [
        f"oci:{tmp_path}/layout",
        f"oci-archive:{tmp_path}/oci.tar",
        f"docker-archive:{tmp_path}/docker.tar",
        "-",
    ]
    stdin = builders.tar(builders.old_save(LAYERS))
    assert len({opened(text, staging, stdin).root.digest for text in texts}) == 1


@pytest.mark.parametrize("text", ["oci:absent", "oci-archive:absent", "docker-archive:absent"])
def test_what_is_not_there_is_not_found(text: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        opened(text, tmp_path)


def test_a_store_as_a_source_is_not_sent_to_a_command_that_is_not_there() -> None:
    with pytest.raises(UsageError) as raised:
        parse_source("s3://bucket/app:v1")
    assert "s3lo copy" not in raised.value.hint
