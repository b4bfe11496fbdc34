"""Pushed: images that skopeo puts into registries for tests, and clients for these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3lo.model.media_types import OCI_INDEX
from s3lo.model.registry_reference import parse_registry_reference
from s3lo.transports.registry.client import Registry, RegistryOptions
from s3lo.transports.registry.login import Login
from tests import servers
from tests.conftest import missing
from tests.servers import Missing
from tests.servers.registry import PASSWORD, USER
from tests.unit.transports import builders

OPEN = RegistryOptions()
LOGIN = Login(USER, PASSWORD)
NAMED = "registry.example"
"""A host that only a proxy knows."""
NAMES = {"org.opencontainers.image.ref.name": "v1"}


@dataclass(frozen=True)
class Pushed:
    """A layout with an index of two platforms and an attestation, tagged ``v1``."""

    layout: Path
    digest: str


def pushed_index(entries: list[dict[str, Any]], blobs: list[bytes], directory: Path) -> Pushed:
    index = builders.index(entries)
    entry = builders.descriptor(index, OCI_INDEX, annotations=NAMES)
    layout = builders.write_tree(builders.layout([entry], [*blobs, index]), directory)
    return Pushed(layout, entry["digest"])


def push(
    registry: servers.Registry, pushed: Pushed, name: str, option: str = "--preserve-digests"
) -> None:
    try:
        registry.push(f"oci:{pushed.layout}:v1", name, option)
    except Missing as reason:
        missing(reason)


def client(host: str, name: str = "org/app:v1", options: RegistryOptions = OPEN) -> Registry:
    return Registry(parse_registry_reference(f"{host}/{name}"), options)
