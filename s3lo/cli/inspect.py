"""inspect: what an image in a store is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, option
from s3lo.cli.render import count, show, size, write_bytes

if TYPE_CHECKING:
    from s3lo.operations.results import InspectResult, PlatformSummary


@click.command()
@click.argument("reference", metavar="REF")
@option("--platform", metavar="P", help="os/architecture[/variant]; default: all.")
@option("--raw", is_flag=True, help="The manifest or index as it is stored, byte for byte.")
@common_options
def inspect(reference: str, platform: str | None, raw: bool, common: Common) -> None:
    """Show what an image is: s3lo inspect s3://bucket/app:v1"""
    if raw:
        write_bytes(s3lo.read_manifest(reference, platform=platform, connection=common.connection))
        return
    result = s3lo.inspect(reference, platform=platform, connection=common.connection)
    show(result.to_json(), text_of(result), common.output)


def text_of(result: InspectResult) -> str:
    """An image as a person wants to read it."""
    lines = [result.reference, f"  {result.digest}", f"  {result.media_type}"]
    for platform in result.platforms:
        lines.extend(_platform(platform))
    if result.attestations:
        lines.append(count(len(result.attestations), "attestation"))
    for signature in result.signatures:
        lines.append(f"signed with key {signature.key_id} ({signature.last_modified})")
    return "\n".join(lines)


def _platform(image: PlatformSummary) -> Iterator[str]:
    created = f", created {image.created}" if image.created else ""
    layers = count(len(image.layers), "layer")
    yield f"{image.platform or 'no image'}: {size(image.size)} in {layers}{created}"
    yield f"  manifest {image.digest}"
    yield f"  config   {image.config_digest}"
    for layer in image.layers:
        yield f"  layer    {layer.digest} {size(layer.size)} {layer.media_type}"
    for step in image.history:
        said = " ".join((step.created_by or step.comment or "(unknown)").split())
        yield f"  history  {said}{' (no layer)' if step.empty_layer else ''}"
