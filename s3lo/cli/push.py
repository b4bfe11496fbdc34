"""push: an image of this machine into a store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, engine_options, option, storage_options
from s3lo.cli.progress import observing
from s3lo.cli.render import count, show, size, workers
from s3lo.errors import UsageError

if TYPE_CHECKING:
    from s3lo.bucket.options import StorageOptions
    from s3lo.engine.options import EngineOptions
    from s3lo.operations.results import PushResult
    from s3lo.transports.image import Compression


@click.command()
@click.argument("source")
@click.argument("reference", metavar="REF")
@option(
    "--platform",
    multiple=True,
    metavar="P",
    help="os/architecture[/variant], of several in SOURCE; can be given more than once.",
)
@option(
    "--compression",
    type=click.Choice(("zstd", "gzip", "none")),
    default="zstd",
    show_default=True,
    help="For layers that come uncompressed.",
)
@option(
    "--compression-level",
    type=click.IntRange(0),
    metavar="N",
    help="More is smaller and slower; zstd 1 to 19, by default 3, gzip 1 to 9, by default 6.",
)
@option("--force", is_flag=True, help="Replace a tag that a rule protects; upload every blob anew.")
@storage_options
@engine_options()
@common_options
def push(
    source: str,
    reference: str,
    platform: tuple[str, ...],
    compression: Compression,
    compression_level: int | None,
    force: bool,
    storage: StorageOptions,
    engine: EngineOptions,
    common: Common,
) -> None:
    """Put an image into a store: s3lo push app:v1 s3://bucket/app:v1

    SOURCE is an image of the Docker daemon, oci:DIR[:NAME], oci-archive:FILE,
    docker-archive:FILE, or - for an archive on stdin.
    """
    if source == "-" and sys.stdin.isatty():
        raise UsageError("an archive is expected on stdin, which is a terminal")
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        result = s3lo.push(
            source,
            reference,
            platform=platform,
            compression=compression,
            compression_level=compression_level,
            force=force,
            connection=common.connection,
            storage=storage,
            engine=engine,
            tmpdir=common.tmpdir,
            observer=observer,
        )
    show(result.to_json(), text_of(result), common.output)


def text_of(result: PushResult) -> str:
    """A push as a person wants to read it."""
    moved = sum(blob.uploaded for blob in result.blobs)
    return (
        f"Pushed {result.reference}\n"
        f"  {result.digest} ({result.platform})\n"
        f"  {count(len(result.blobs), 'blob')}, {size(result.bytes)}:"
        f" {moved} uploaded ({size(result.bytes_uploaded)}),"
        f" {len(result.blobs) - moved} already there\n"
        f"  {result.seconds:.2f} s, {workers(result.engine.processes)}"
    )
