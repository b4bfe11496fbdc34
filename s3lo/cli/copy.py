"""copy: images from elsewhere into a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

import click

import s3lo
from s3lo.cli.options import Common, common_options, engine_options, option, storage_options
from s3lo.cli.progress import observing
from s3lo.cli.render import count, show, size
from s3lo.errors import UsageError

if TYPE_CHECKING:
    from s3lo.bucket.options import StorageOptions
    from s3lo.engine.options import EngineOptions
    from s3lo.operations.results import CopiesResult, CopyResult


@click.command()
@click.argument("source", default="")
@click.argument("reference", metavar="REF", default="")
@option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="P",
    help="os/architecture[/variant] of several; can be given more than once. Default: all.",
)
@option("--no-referrers", is_flag=True, help="Leave what refers to the image: signatures, SBOMs.")
@option("--all-tags", is_flag=True, help="All tags of SOURCE, a name without one, to REF, another.")
@option("--from-file", type=click.File(), metavar="LIST", help="Lines of SOURCE REF; -: stdin.")
@option("--creds", default="", metavar="USER[:PASSWORD]", help="For registries.")
@option("--force", is_flag=True, help="Replace a tag that a rule protects; move every blob anew.")
@storage_options
@engine_options()
@common_options
def copy(
    source: str,
    reference: str,
    platforms: tuple[str, ...],
    no_referrers: bool,
    all_tags: bool,
    from_file: TextIO | None,
    creds: str,
    force: bool,
    storage: StorageOptions,
    engine: EngineOptions,
    common: Common,
) -> None:
    """Bring an image into a store as it is: s3lo copy alpine:3.20 s3://bucket/alpine:3.20

    SOURCE is an image of a registry as docker pull takes it, s3://…, local://… or oci:DIR[:NAME].
    """
    if bool(from_file) == bool(source and reference) or (from_file and (source or all_tags)):
        raise UsageError("either SOURCE and REF are needed, or --from-file")
    options = s3lo.CopyOptions(
        platforms=platforms,
        referrers=not no_referrers,
        force=force,
        creds=creds,
        insecure=common.insecure,
        connection=common.connection,
        storage=storage,
        engine=engine,
    )
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        if from_file:
            pairs = s3lo.parse_copy_list(from_file, from_file.name)
            many = s3lo.copy_all(pairs, options, observer=observer)
        elif all_tags:
            many = s3lo.copy_tags(source, reference, options, observer=observer)
        else:
            one = s3lo.copy(source, reference, options, observer=observer)
            show(one.to_json(), "\n".join(_lines(one)), common.output)
            return
    show(many.to_json(), "\n".join(_many_lines(many)), common.output)
    if many.failed:
        raise click.exceptions.Exit(many.exit_code)


def _lines(result: CopyResult) -> Iterator[str]:
    """A copy as a person wants to read it."""
    yield f"Copied {result.source} to {result.reference}"
    yield f"  {result.digest} ({', '.join(result.platforms) or 'no image'})"
    attached = f", {count(result.attached, 'tag')} of what refers to it" if result.attached else ""
    yield (
        f"  {count(result.blobs_copied, 'blob')} copied, {result.blobs_skipped} already there"
        f"{attached}; {size(result.bytes_transferred)} through this machine"
    )
    yield f"  {result.seconds:.2f} s"


def _many_lines(result: CopiesResult) -> Iterator[str]:
    for each in result.copies:
        yield f"{each.reference} {each.digest}"
    for failed in result.failed:
        yield f"{failed.reference} failed: {failed.message}"
    yield (
        f"{count(len(result.copies), 'image')} copied, {len(result.failed)} failed,"
        f" {size(result.bytes_transferred)} in {result.seconds:.2f} s"
    )
