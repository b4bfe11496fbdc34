"""pull: an image of a store onto this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, engine_options, option
from s3lo.cli.progress import observing
from s3lo.cli.render import count, show, size, workers

if TYPE_CHECKING:
    from s3lo.engine.options import EngineOptions
    from s3lo.operations.results import PullResult


@click.command()
@click.argument("reference", metavar="REF")
@click.argument("image_tag", metavar="[IMAGE_TAG]", default="")
@option(
    "--to",
    metavar="DEST",
    default="docker",
    show_default=True,
    help="docker, oci:DIR, oci-archive:FILE or docker-archive:FILE.",
)
@option("--platform", metavar="P", help="os/architecture[/variant]; default: this machine's.")
@option("--force", is_flag=True, help="Replace what exists at DEST.")
@engine_options(receives=True)
@common_options
def pull(
    reference: str,
    image_tag: str,
    to: str,
    platform: str | None,
    force: bool,
    engine: EngineOptions,
    common: Common,
) -> None:
    """Get an image from a store: s3lo pull s3://bucket/app:v1

    IMAGE_TAG is its name at DEST, by default the one it has in the store.
    """
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        result = s3lo.pull(
            reference,
            image_tag,
            to=to,
            platform=platform,
            force=force,
            connection=common.connection,
            engine=engine,
            tmpdir=common.tmpdir,
            observer=observer,
        )
    show(result.to_json(), text_of(result), common.output)


def text_of(result: PullResult) -> str:
    """A pull as a person wants to read it."""
    moved = sum(blob.transferred for blob in result.blobs)
    phases = result.phases
    return (
        f"Pulled {result.reference} to {result.destination}\n"
        f"  {result.digest} ({result.platform})\n"
        f"  {count(len(result.blobs), 'blob')}, {size(result.bytes)}:"
        f" {moved} transferred ({size(result.bytes_transferred)}, {result.gbps:.2f} Gbit/s),"
        f" {len(result.blobs) - moved} already there\n"
        f"  {result.seconds:.2f} s (resolve {phases.resolve:.2f}, transfer {phases.transfer:.2f},"
        f" load {phases.load:.2f}), {workers(result.engine.processes)}"
    )
