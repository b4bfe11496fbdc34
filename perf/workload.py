"""Workload: what is moved, from what kind of origin, and who does it; read from a small file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from msgspec.structs import replace

from perf.measure import LIMIT_SECONDS
from s3lo.cli.options import size

WORKLOADS = Path(__file__).parent / "workloads"


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The image: blobs of noise or of holes, or real wheels unpacked into layers."""

    blobs: int = 0
    blob_size: str = "1MiB"
    sparse: bool = False
    """Nothing but zeros, which take no room on the disk that serves them."""
    wheels: tuple[str, ...] = ()
    wheels_of: tuple[str, ...] = ()
    """Platforms whose wheels are taken, as pip names them; this machine's by default."""
    layers: int = 4

    @property
    def blob_bytes(self) -> int:
        return size(self.blob_size)

    @property
    def key(self) -> str:
        """Names what is kept on disk between runs."""
        if self.wheels:
            return f"wheels-{'-'.join(self.wheels)}-{self.layers}"
        content = "zeros" if self.sparse else "noise"
        return f"{content}-{self.blobs}x{self.blob_bytes}"

    def __str__(self) -> str:
        if self.wheels:
            return f"{self.layers} layers of the wheels of {', '.join(self.wheels)}"
        return f"{self.blobs} x {self.blob_size}{' of zeros' if self.sparse else ''}"


class OriginLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the origin is told to hold back; nothing by default."""

    connection_rate: str = ""
    """Bytes a second of one connection."""
    requests_per_second: int = 0
    """Above it the origin answers 503."""
    first_byte_seconds: float = 0.0
    refused_share: float = 0.0
    reset_share: float = 0.0
    stalls: int = 0
    """So many transfers fall silent for ever, half-way."""
    tls: bool = False

    def __str__(self) -> str:
        said = {
            "TLS": self.tls,
            f"{self.connection_rate}/s a connection": self.connection_rate,
            f"503 above {self.requests_per_second} requests/s": self.requests_per_second,
            f"{self.first_byte_seconds} s to the first byte": self.first_byte_seconds,
            f"503 to {self.refused_share:.0%} of requests": self.refused_share,
            f"{self.reset_share:.0%} of requests reset": self.reset_share,
            f"{self.stalls} transfers that fall silent for ever": self.stalls,
        }
        return ", ".join(text for text, is_set in said.items() if is_set) or "no limits"


class LinkLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network between the two."""

    gbit_s: float
    round_trip_seconds: float

    def __str__(self) -> str:
        return f"a link of {self.gbit_s:g} Gbit/s, {self.round_trip_seconds * 1000:g} ms round trip"


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file below ``workloads/``; its name is the file's."""

    about: str
    action: Literal["pull", "push"]
    image: Shape
    contenders: tuple[str, ...] = ()
    """Peers, beside s3lo."""
    verified: bool = True
    to: Literal["oci", "docker"] = "oci"
    """Where a pull ends."""
    server: Literal["origin", "nginx"] = "origin"
    """What serves a pull: our own, or one that nobody says we made for ourselves, which holds nothing
    back and counts nothing."""
    origin: OriginLimits = OriginLimits()
    link: LinkLimits | None = None
    clients: int = 1
    """So many of each contender at once."""
    limit_seconds: float = LIMIT_SECONDS
    """Who takes longer is ended, and left out."""
    name: str = ""

    @property
    def needs_own_origin(self) -> bool:
        """Whether it asks for limits, or for a registry and a daemon, that we have to bring."""
        is_plain = self.origin == OriginLimits() and self.server == "origin"
        return self.link is not None or not is_plain or self.to == "docker"

    @property
    def conditions(self) -> str:
        link = f", {self.link}" if self.link else ""
        many = f", {self.clients} clients at once" if self.clients > 1 else ""
        return f"{self.server} with {self.origin}{link}{many}"


class InvalidWorkload(Exception):
    """A workload's file that means nothing; the message names it."""


def read_workload(path: Path) -> Workload:
    try:
        content: Any = yaml.safe_load(path.read_text("utf-8"))
        workload = msgspec.convert({**content, "name": path.stem}, Workload)
    except (yaml.YAMLError, msgspec.ValidationError, TypeError) as error:
        raise InvalidWorkload(f"{path}: {error}") from error
    if bool(workload.image.blobs) == bool(workload.image.wheels):
        raise InvalidWorkload(f"{path}: an image is either blobs or wheels")
    if workload.to == "docker" and (workload.action == "push" or workload.clients > 1):
        raise InvalidWorkload(f"{path}: only one pull at a time ends in Docker")
    holds_back = replace(workload.origin, tls=False) != OriginLimits() or workload.link
    if workload.server == "nginx" and (workload.action == "push" or holds_back):
        raise InvalidWorkload(f"{path}: nginx serves pulls and holds nothing back")
    return workload


def find_workloads(directory: Path = WORKLOADS) -> dict[str, Workload]:
    """All workloads of a folder by name, in alphabetical order."""
    return {path.stem: read_workload(path) for path in sorted(directory.glob("*.yaml"))}
