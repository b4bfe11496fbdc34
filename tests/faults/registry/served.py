"""Registries that misbehave: one that behaves, a client of it through a proxy, and what befalls it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from s3lo.events import Event, Note
from s3lo.model.digest import Digest
from s3lo.model.documents import Descriptor, Manifest, parse_document
from s3lo.model.registry_reference import parse_registry_reference
from s3lo.transports.registry.client import Registry, RegistryOptions
from s3lo.transports.registry.login import Login
from tests import images, servers
from tests.conftest import missing
from tests.servers import Missing
from tests.servers.registry import PASSWORD, USER
from tests.servers.unruly import Answer, Exchange, Fault

NAME = "faults/app:v1"
OPEN = RegistryOptions()
LOGIN = Login(USER, PASSWORD)
LAYER_BYTES = 3_000_000


@dataclass(frozen=True)
class Served:
    """A registry that behaves and has an image ``NAME`` with a layer of 3 MB."""

    registry: servers.Registry
    manifest: str
    layer: Descriptor


def serve(registry: servers.Registry, directory: Path) -> Served:
    layout = directory / "layout"
    if not layout.exists():
        image = images.sized_image(directory, (LAYER_BYTES,))
        images.write_oci_layout(image, layout, compress=False)
    try:
        registry.push(f"oci:{layout}:latest", NAME, "--preserve-digests")
    except Missing as reason:
        missing(reason)
    [entry] = json.loads((layout / "index.json").read_bytes())["manifests"]
    raw = (layout / "blobs" / "sha256" / entry["digest"][7:]).read_bytes()
    document = parse_document(raw)
    assert isinstance(document, Manifest)
    return Served(registry, entry["digest"], document.layers[0])


def opened(
    url: str,
    name: str = NAME,
    options: RegistryOptions = OPEN,
    notes: list[str] | None = None,
    cancel: threading.Event | None = None,
) -> Registry:
    def observe(event: Event) -> None:
        assert isinstance(event, Note)
        if notes is not None:
            notes.append(event.text)

    host = url.partition("://")[2]
    return Registry(parse_registry_reference(f"{host}/{name}"), options, observe, cancel)


def read(registry: Registry, layer: Descriptor) -> str:
    """The digest of what comes of a whole layer."""
    return Digest.of(b"".join(registry.open_range(layer, 0, layer.size)))


def header(exchange: Exchange, name: str) -> str:
    return next((value for key, value in exchange.headers if key.lower() == name), "")


def noting(name: str, found: list[str]) -> Fault:
    """No fault: a header of each request is remembered."""

    def note(exchange: Exchange) -> None:
        found.append(header(exchange, name))
        exchange.reply(exchange.forward())

    return note


def without(name: str) -> Fault:
    """The registry never sees this header."""

    def strip(exchange: Exchange) -> None:
        exchange.headers = tuple(h for h in exchange.headers if h[0].lower() != name)
        exchange.reply(exchange.forward())

    return strip


def saying(status: int, body: bytes = b"", **headers: str) -> Fault:
    """An answer of its own; underscores in names of headers are dashes."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())

    def answer(exchange: Exchange) -> None:
        exchange.reply(Answer(status, (*named, ("Content-Length", str(len(body)))), body))

    return answer


def changed(change: Callable[[Answer], Answer]) -> Fault:
    """The registry's answer, changed."""
    return lambda exchange: exchange.reply(change(exchange.forward()))


def with_header(name: str, value: str) -> Callable[[Answer], Answer]:
    def change(answer: Answer) -> Answer:
        kept = [h for h in answer.headers if h[0].lower() != name.lower()]
        return replace(answer, headers=(*kept, (name, value)))

    return change


def redirect_to(url: str) -> Fault:
    """307 to the same path elsewhere."""

    def redirect(exchange: Exchange) -> None:
        location = ("Location", url + exchange.path)
        exchange.reply(Answer(307, (location, ("Content-Length", "0")), b""))

    return redirect
