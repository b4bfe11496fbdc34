"""copy: from a real registry, a layout or another store into a store of each kind."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import s3lo
from s3lo.errors import ImmutableTag, NotFoundError, UsageError
from s3lo.events import BlobDone, Event, Note, PhaseStarted
from s3lo.model.media_types import DOCKER_LIST, OCI_INDEX
from tests.conftest import missing
from tests.servers import Missing, Registry, SeaweedS3, Unruly
from tests.servers.process import find_program
from tests.servers.unruly import Exchange, refusing
from tests.stores import Shelf
from tests.unit.transports import builders

LARGE = hashlib.shake_128(b"a layer that all platforms share").digest(20 << 20)
"""More than one step, so that it is relayed by several."""
NAME = {"org.opencontainers.image.ref.name": "v1"}
PLATFORMS = ("linux/amd64", "linux/arm64")


class Source:
    """An image of two platforms that share a layer, with an attestation, as a layout."""

    def __init__(self, directory: Path) -> None:
        entries, blobs = [], []
        for architecture in ("amd64", "arm64"):
            own = gzip.compress(builders.layer(architecture), mtime=0)
            config = builders.config([builders.layer(architecture), LARGE], architecture)
            layers = [
                (LARGE, f"{builders.LAYER_TYPE}+zstd"),
                (own, f"{builders.LAYER_TYPE}+gzip"),
            ]
            manifest = builders.manifest(config, layers)
            platform = {"os": "linux", "architecture": architecture}
            entries.append(builders.descriptor(manifest, builders.MANIFEST_TYPE, platform=platform))
            blobs += [config, own, manifest]
        about, attesting = builders.attestation(entries[0])
        self.index = builders.index([*entries, about])
        self.entries: list[dict[str, Any]] = [*entries, about]
        self.blobs = [LARGE, *blobs, *attesting]
        self.layout = builders.write_tree(
            builders.layout(
                [builders.descriptor(self.index, OCI_INDEX, annotations=NAME)],
                [*self.blobs, self.index],
            ),
            directory,
        )

    @property
    def digest(self) -> str:
        return f"sha256:{builders.sha(self.index)}"

    def require_in(self, shelf: Shelf, name: str) -> None:
        """All of it is there, under a tag, byte for byte."""
        image, _, tag = name.partition(":")
        assert shelf.store.get(f"manifests/{image}/{tag}/manifest.json") == self.index
        for blob in self.blobs:
            assert shelf.store.get(f"blobs/sha256/{builders.sha(blob)}") == blob


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def repository(registry: Registry, source: Source) -> str:
    """What the registry has it in, under the tag ``v1``."""
    push(registry, f"oci:{source.layout}:v1", "copied/app:v1")
    return f"{registry.host}/copied/app"


def push(registry: Registry, layout: str, name: str, option: str = "--preserve-digests") -> None:
    try:
        registry.push(layout, name, option)
    except Missing as reason:
        missing(reason)


def options(**given: Any) -> s3lo.CopyOptions:
    return s3lo.CopyOptions(**given)


def test_an_image_comes_whole_and_byte_for_byte(
    shelf: Shelf, source: Source, repository: str
) -> None:
    seen: list[Event] = []
    found = s3lo.copy(f"{repository}:v1", f"{shelf.url}org/app:v1", observer=seen.append)
    assert (found.digest, found.platforms) == (source.digest, PLATFORMS)
    assert found.source == f"{repository}:v1"
    assert (found.blobs_copied, found.blobs_skipped) == (len(source.blobs), 0)
    assert found.bytes_transferred == sum(map(len, source.blobs))
    assert {e.digest for e in seen if isinstance(e, BlobDone)} == {
        f"sha256:{builders.sha(blob)}" for blob in source.blobs
    }
    source.require_in(shelf, "org/app:v1")
    again = s3lo.copy(f"{repository}:v1", f"{shelf.url}org/app:v1")
    assert (again.blobs_copied, again.blobs_skipped) == (0, len(source.blobs))
    assert again.bytes_transferred == 0


def test_what_was_copied_is_pulled_for_each_platform_and_pushed_on_unchanged(
    shelf: Shelf, source: Source, repository: str, registry: Registry, tmp_path: Path
) -> None:
    s3lo.copy(f"{repository}@{source.digest}", f"{shelf.url}app:v1")
    for platform, entry in zip(PLATFORMS, source.entries, strict=False):
        layout = tmp_path / platform.replace("/", "-")
        pulled = s3lo.pull(f"{shelf.url}app:v1", to=f"oci:{layout}", platform=platform)
        assert pulled.digest == entry["digest"]
        name = f"onwards/{platform.rpartition('/')[2]}:v1"
        push(registry, f"oci:{layout}", name)
        raw = inspect(registry, name)
        assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == entry["digest"]


def inspect(registry: Registry, name: str) -> bytes:
    try:
        skopeo = find_program("skopeo", "apt-get install skopeo")
    except Missing as reason:
        missing(reason)
    command = [
        str(skopeo),
        "inspect",
        "--raw",
        "--tls-verify=false",
        f"docker://{registry.host}/{name}",
    ]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_lists_of_dockers_types_keep_their_bytes(
    shelf: Shelf, registry: Registry, tmp_path: Path
) -> None:
    entries, blobs = [], []
    for architecture in ("amd64", "arm64"):
        entry, own = builders.platform_image(architecture)
        entries.append(entry)
        blobs += own
    index = builders.index(entries)
    listed = builders.descriptor(index, OCI_INDEX, annotations=NAME)
    layout = builders.write_tree(builders.layout([listed], [*blobs, index]), tmp_path / "l")
    push(registry, f"oci:{layout}:v1", "copied/docker:v1", "--format=v2s2")
    raw = inspect(registry, "copied/docker:v1")
    assert DOCKER_LIST.encode() in raw
    found = s3lo.copy(f"{registry.host}/copied/docker:v1", f"{shelf.url}docker:v1")
    assert shelf.store.get("manifests/docker/v1/manifest.json") == raw
    assert found.digest == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_one_platform_is_its_manifest_and_several_are_an_index_with_what_attests_them(
    shelf: Shelf, source: Source, repository: str
) -> None:
    seen: list[Event] = []
    one = s3lo.copy(
        f"{repository}:v1",
        f"{shelf.url}one:v1",
        options(platforms=("linux/arm64",)),
        observer=seen.append,
    )
    assert (one.digest, one.platforms) == (source.entries[1]["digest"], ("linux/arm64",))
    assert any(isinstance(e, Note) and one.digest in e.text for e in seen)
    assert one.blobs_copied == 3
    amd64 = s3lo.copy(
        f"{repository}:v1",
        f"{shelf.url}some:v1",
        options(platforms=("linux/amd64", "linux/arm64")),
    )
    assert amd64.digest == source.digest
    with pytest.raises(NotFoundError, match="riscv64") as raised:
        s3lo.copy(f"{repository}:v1", f"{shelf.url}x:v1", options(platforms=("linux/riscv64",)))
    assert "linux/amd64, linux/arm64" in raised.value.hint
    assert not shelf.keys("manifests/x/")


def test_what_refers_to_an_image_comes_along_unless_it_is_left(
    shelf: Shelf, source: Source, repository: str, registry: Registry
) -> None:
    _, signing = builders.attestation(source.entries[0])
    document = signing[-1]
    registry.put("copied/app", "signing", document, builders.MANIFEST_TYPE, *signing[:-1])
    signed = builders.descriptor(document, builders.MANIFEST_TYPE, artifactType="application/x")
    lists = builders.index([signed])
    hexes = [source.digest[7:], source.entries[1]["digest"][7:]]
    registry.put("copied/app", f"sha256-{hexes[0]}", lists, OCI_INDEX)
    registry.put("copied/app", f"sha256-{hexes[1]}.sig", document, builders.MANIFEST_TYPE)
    found = s3lo.copy(f"{repository}:v1", f"{shelf.url}app:v1")
    assert found.attached == 2
    there = shelf.store.get(f"manifests/app/sha256-{hexes[0]}/manifest.json")
    assert b'"artifactType":"application/x"' in there
    assert shelf.store.get(f"manifests/app/sha256-{hexes[1]}.sig/manifest.json") == document
    for blob in signing:
        assert shelf.store.get(f"blobs/sha256/{builders.sha(blob)}") == blob
    s3lo.copy(f"{repository}:v1", f"{shelf.url}bare:v1", options(referrers=False))
    assert not [key for key in shelf.keys("manifests/bare/") if "sha256-" in key]
    onwards = s3lo.copy(f"{shelf.url}app:v1", f"{shelf.url}onwards:v1")
    assert (onwards.attached, onwards.bytes_transferred) == (2, 0)


def test_all_tags_of_a_repository_come_and_a_second_run_moves_nothing(
    shelf: Shelf, source: Source, registry: Registry
) -> None:
    for tag in ("a", "b", "c"):
        push(registry, f"oci:{source.layout}:v1", f"copied/tags:{tag}")
    found = s3lo.copy_tags(f"{registry.host}/copied/tags", f"{shelf.url}org/tags")
    assert sorted(each.reference for each in found.copies) == [
        f"{shelf.url}org/tags:{tag}" for tag in "abc"
    ]
    assert (found.failed, found.exit_code) == ((), 0)
    assert sum(each.blobs_copied for each in found.copies) == len(source.blobs)
    assert s3lo.copy_tags(f"{shelf.url}org/tags", f"{shelf.url}more").bytes_transferred == 0
    source.require_in(shelf, "more:c")
    with pytest.raises(UsageError):
        s3lo.copy_tags(f"{registry.host}/copied/tags:a", f"{shelf.url}org/tags")
    with pytest.raises(UsageError):
        s3lo.copy_tags(f"{registry.host}/copied/tags", f"{shelf.url}org/tags:a")
    with pytest.raises(NotFoundError):
        s3lo.copy_tags(f"{registry.host}/copied/none", f"{shelf.url}org/tags")


def test_a_list_goes_on_past_what_fails(shelf: Shelf, source: Source, repository: str) -> None:
    pairs = [
        (f"{repository}:none", f"{shelf.url}none:v1"),
        (f"{repository}:v1", f"{shelf.url}app:v1"),
        (f"{repository}:v1", f"{shelf.url}app"),
        ("docker-archive:x.tar", f"{shelf.url}x:v1"),
    ]
    found = s3lo.copy_all(pairs)
    assert [each.reference for each in found.copies] == [f"{shelf.url}app:v1"]
    assert [each.exit_code for each in found.failed] == [3, 2, 2]
    assert found.exit_code == 1
    assert s3lo.copy_all(pairs[:1]).exit_code == 3
    source.require_in(shelf, "app:v1")


def test_an_immutable_tag_is_left_unless_it_is_this_very_image(
    shelf: Shelf, source: Source, repository: str
) -> None:
    s3lo.copy(f"{repository}:v1", f"{shelf.url}app:v1")
    s3lo.set_config(f"{shelf.url}", {"immutable": "true"})
    s3lo.copy(f"{repository}:v1", f"{shelf.url}app:v1")
    narrower = options(platforms=("linux/amd64",))
    with pytest.raises(ImmutableTag):
        s3lo.copy(f"{repository}:v1", f"{shelf.url}app:v1", narrower)
    source.require_in(shelf, "app:v1")
    forced = options(platforms=("linux/amd64",), force=True)
    assert s3lo.copy(f"{repository}:v1", f"{shelf.url}app:v1", forced).blobs_copied == 3


def test_a_damaged_blob_is_repaired(shelf: Shelf, source: Source, repository: str) -> None:
    shelf.put(f"blobs/sha256/{builders.sha(LARGE)}", b"too short")
    s3lo.copy(f"{repository}:v1", f"{shelf.url}app:v1")
    source.require_in(shelf, "app:v1")


def test_a_layout_is_taken_as_it_is(shelf: Shelf, source: Source) -> None:
    found = s3lo.copy(f"oci:{source.layout}", f"{shelf.url}app:v1")
    assert (found.digest, found.platforms) == (source.digest, PLATFORMS)
    source.require_in(shelf, "app:v1")
    with pytest.raises(NotFoundError, match="no image"):
        s3lo.copy(f"oci:{source.layout}:other", f"{shelf.url}app:v1")


@pytest.mark.usefixtures("aws_env")
def test_an_image_goes_from_store_to_store_of_any_kind(
    shelf: Shelf, source: Source, bucket: str, tmp_path: Path
) -> None:
    s3lo.copy(f"oci:{source.layout}", f"{shelf.url}app:v1")
    (tmp_path / "other/blobs").mkdir(parents=True)
    other = f"s3://{bucket}/" if shelf.url.startswith("local") else f"local://{tmp_path}/other/"
    there = s3lo.copy(f"{shelf.url}app:v1", f"{other}org/app:v1")
    assert (there.digest, there.blobs_copied) == (source.digest, len(source.blobs))
    shelf.store.delete(key for key in shelf.keys("") if builders.sha(LARGE) not in key)
    shelf.store.put(f"blobs/sha256/{builders.sha(LARGE)}", b"damaged")
    back = s3lo.copy(f"{other}org/app:v1", f"{shelf.url}back:v1")
    assert back.bytes_transferred == sum(map(len, source.blobs))
    source.require_in(shelf, "back:v1")


@pytest.mark.usefixtures("aws_env")
def test_a_service_copies_between_its_buckets_by_itself(
    source: Source, bucket: str, seaweed: SeaweedS3
) -> None:
    other = seaweed.create_bucket(f"{bucket}-other")
    s3lo.copy(f"oci:{source.layout}", f"s3://{bucket}/app:v1")
    found = s3lo.copy(f"s3://{bucket}/app:v1", f"s3://{other}/org/app:v1")
    assert found.blobs_copied == len(source.blobs)
    documents = [source.blobs[3], source.blobs[6], source.blobs[9]]
    assert found.bytes_transferred == sum(map(len, documents))
    pulled = s3lo.pull(f"s3://{other}/org/app:v1", to=f"oci:{source.layout.parent}/{other}")
    assert pulled.bytes_transferred > len(LARGE)


def test_what_a_service_refuses_to_copy_passes_through(
    source: Source, bucket: str, seaweed: SeaweedS3, aws_env: dict[str, str]
) -> None:
    other = seaweed.create_bucket(f"{bucket}-other")
    kept = s3lo.StorageOptions(storage_class="STANDARD_IA")
    s3lo.copy(f"oci:{source.layout}", f"s3://{bucket}/app:v1", options(storage=kept))
    assert aws_env

    def refuse_copies(exchange: Exchange) -> None:
        is_copy = any(name.lower() == "x-amz-copy-source" for name, _ in exchange.headers)
        (refusing(501, "NotImplemented") if is_copy else _pass_on)(exchange)

    seen: list[Event] = []
    with Unruly(seaweed.endpoint_url) as proxy:
        proxy.when("PUT", "/", refuse_copies)
        connection = s3lo.ConnectionOptions(endpoint_url=proxy.url)
        found = s3lo.copy(
            f"s3://{bucket}/app:v1",
            f"s3://{other}/app:v1",
            options(connection=connection),
            observer=seen.append,
        )
    assert found.bytes_transferred == sum(map(len, source.blobs))
    assert any(isinstance(e, Note) and "passes through this machine" in e.text for e in seen)
    assert s3lo.inspect(f"s3://{other}/app:v1").digest == source.digest
    by_class = s3lo.stats(f"s3://{other}/").by_storage_class
    assert by_class["STANDARD_IA"] > len(LARGE)


def _pass_on(exchange: Exchange) -> None:
    exchange.reply(exchange.forward())


def test_files_of_a_local_store_are_given_second_names(source: Source, tmp_path: Path) -> None:
    (tmp_path / "one/blobs").mkdir(parents=True)
    (tmp_path / "two/blobs").mkdir(parents=True)
    s3lo.copy(f"oci:{source.layout}", f"local://{tmp_path}/one/app:v1")
    found = s3lo.copy(f"local://{tmp_path}/one/app:v1", f"local://{tmp_path}/two/app:v1")
    assert found.bytes_transferred < len(LARGE)
    name = f"blobs/sha256/{builders.sha(LARGE)}"
    assert (tmp_path / "two" / name).read_bytes() == LARGE
    assert not list((tmp_path / "two").glob(".s3lo-pending/*"))
    (tmp_path / "one" / name).unlink()
    assert (tmp_path / "two" / name).read_bytes() == LARGE


@pytest.mark.parametrize("phase", ["transfer", "publish"])
def test_a_reused_blob_that_is_cleaned_away_is_brought_back(
    shelf: Shelf, source: Source, repository: str, phase: str
) -> None:
    s3lo.copy(f"{repository}:v1", f"{shelf.url}old:v1")
    gone = f"blobs/sha256/{builders.sha(LARGE)}"

    found = s3lo.copy(
        f"{repository}:v1",
        f"{shelf.url}new:v1",
        observer=once_at(phase, lambda: shelf.store.delete([gone])),
    )
    assert found.blobs_copied == 1
    source.require_in(shelf, "new:v1")


def once_at(phase: str, act: Callable[[], None]) -> Callable[[Event], None]:
    """An observer that does something when a phase begins for the first time."""
    seen: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            if event.phase == phase and phase not in seen:
                act()
            seen.append(event.phase)

    return observe


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("docker-archive:x.tar", UsageError),
        ("dir:/tmp", UsageError),
        ("ftp://host/app:v1", UsageError),
        ("oci:", UsageError),
        ("UPPER/app:v1", UsageError),
        ("-", UsageError),
        ("oci:/nowhere", NotFoundError),
    ],
)
def test_what_is_no_source_is_said_to_be_none(
    said: str, kind: type[Exception], tmp_path: Path
) -> None:
    (tmp_path / "store/blobs").mkdir(parents=True)
    with pytest.raises(kind):
        s3lo.copy(said, f"local://{tmp_path}/store/app:v1")
    with pytest.raises(UsageError):
        s3lo.copy("alpine", f"local://{tmp_path}/store/app")
