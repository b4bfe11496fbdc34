"""The registry client against a real registry that is open to everyone."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from s3lo.errors import NotFoundError, ServiceError, SizeMismatch
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Index, Manifest, parse_document
from s3lo.model.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests import servers
from tests.integration.registry.pushed import NAMES, Pushed, client, push, pushed_index
from tests.unit.transports import builders


@pytest.fixture(scope="module")
def filled(registry: servers.Registry, pushed: Pushed) -> servers.Registry:
    """Open to everyone; ``org/app`` has the tags ``v1`` and ``v2``, the latter of Docker's types."""
    push(registry, pushed, "org/app:v1")
    amd64, blobs = builders.platform_image("amd64")
    files = builders.layout([{**amd64, "annotations": NAMES}], blobs)
    layout = builders.write_tree(files, pushed.layout.parent / "single")
    push(registry, Pushed(layout, ""), "org/app:v2", "--format=v2s2")
    return registry


def test_an_index_comes_as_it_was_pushed(filled: servers.Registry, pushed: Pushed) -> None:
    with client(filled.host) as registry:
        root = registry.root()
        assert (root.digest, root.media_type) == (pushed.digest, OCI_INDEX)
        index = parse_document(root.raw, root.media_type)
        assert isinstance(index, Index)
        for entry in index.manifests:
            manifest = parse_document(registry.document(entry), entry.media_type)
            assert isinstance(manifest, Manifest)
            assert Digest.of(registry.document(manifest.config)) == manifest.config.digest
            for layer in manifest.layers:
                assert (
                    Digest.of(b"".join(registry.open_range(layer, 0, layer.size))) == layer.digest
                )


def test_manifests_of_dockers_types_are_taken(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        root = registry.root()
        assert root.media_type == DOCKER_MANIFEST
        assert isinstance(parse_document(root.raw), Manifest)


def test_an_image_is_found_by_its_digest(filled: servers.Registry, pushed: Pushed) -> None:
    with client(filled.host, f"org/app@{pushed.digest}") as registry:
        assert registry.root().digest == pushed.digest


def test_another_tag_is_looked_at_and_may_be_absent(filled: servers.Registry) -> None:
    with client(filled.host) as registry:
        found = registry.manifest_tag("v2")
        assert found is not None
        assert found.media_type == DOCKER_MANIFEST
        assert registry.manifest_tag("sha256-0.sig") is None


def test_tags_are_listed_over_several_pages(
    filled: servers.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.transports.registry.client._TAGS_A_PAGE", 1)
    with client(filled.host) as registry:
        assert list(registry.tags()) == ["v1", "v2"]


def test_a_registry_without_the_referrers_api_has_them_by_tag(
    filled: servers.Registry, pushed: Pushed
) -> None:
    """The fallback of registries before distribution spec 1.1."""
    with client(filled.host) as registry:
        assert registry.referrers(Digest(pushed.digest)) == ()
        tag = f"sha256-{pushed.digest[7:]}"
        push(filled, pushed, f"org/app:{tag}")
        found = registry.referrers(Digest(pushed.digest))
        assert [each.media_type for each in found] == [OCI_MANIFEST] * 3


def test_a_range_is_exactly_what_was_asked_for(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        manifest = parse_document(registry.root().raw)
        assert isinstance(manifest, Manifest)
        [layer] = manifest.layers
        whole = b"".join(registry.open_range(layer, 0, layer.size))
        for start, end in ((0, 1), (5, 100), (layer.size - 7, layer.size), (9, 9)):
            opened = registry.open_range(layer, start, end)
            assert (b"".join(opened), opened.end) == (whole[start:end], end)


def test_a_descriptor_that_promises_another_size_is_found_out(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        manifest = parse_document(registry.root().raw)
        assert isinstance(manifest, Manifest)
        [layer] = manifest.layers
        for size in (layer.size - 1, layer.size + 1):
            wrong = Descriptor(layer.media_type, layer.digest, size)
            with pytest.raises(SizeMismatch):
                list(registry.open_range(wrong, 0, size))
            with pytest.raises(SizeMismatch):
                list(registry.open_range(wrong, 3, size))
            with pytest.raises(SizeMismatch):
                registry.document(Descriptor("", layer.digest, size))


@pytest.mark.parametrize("name", ["org/app:v3", "org/other:v1", f"org/app@sha256:{'0' * 64}"])
def test_what_is_not_there_is_not_found(filled: servers.Registry, name: str) -> None:
    with client(filled.host, name) as registry, pytest.raises(NotFoundError, match="MANIFEST_UNK"):
        registry.root()
    with client(filled.host, "org/other:v1") as registry, pytest.raises(NotFoundError):
        list(registry.tags())


def test_many_threads_share_one_client(filled: servers.Registry) -> None:
    with client(filled.host, "org/app:v2") as registry:
        manifest = parse_document(registry.root().raw)
        assert isinstance(manifest, Manifest)
        [layer] = manifest.layers
        found: list[Digest] = []

        def read() -> None:
            found.append(Digest.of(b"".join(registry.open_range(layer, 0, layer.size))))

        threads = [Thread(target=read) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [layer.digest] * 16


def test_nobody_there_is_told_after_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3lo.backoff.BASE_SECONDS", 0.001)
    [port] = servers.free_ports(1)
    host = f"127.0.0.1:{port}"
    with client(host) as registry, pytest.raises(ServiceError, match=rf"{host}.*refused"):
        registry.root()


def test_lists_of_dockers_type_are_taken(registry: servers.Registry, tmp_path: Path) -> None:
    amd64, blobs = builders.platform_image("amd64")
    push(registry, pushed_index([amd64], blobs, tmp_path), "org/list:v1", "--format=v2s2")
    with client(registry.host, "org/list:v1") as opened:
        assert opened.root().media_type == DOCKER_LIST
