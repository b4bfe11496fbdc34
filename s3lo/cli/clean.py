"""clean: what of a store can go, and away with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, duration, option
from s3lo.cli.progress import observing
from s3lo.cli.render import columns, count, is_terminal, show, size, table

if TYPE_CHECKING:
    from s3lo.operations.results import CleanResult

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("bucket")
@option("--confirm", is_flag=True, help="Delete. Without it, only tell what would be deleted.")
@option("--tags", is_flag=True, help="Tags that the rules let go of.")
@option("--blobs", is_flag=True, help="Blobs and chunks that no tag needs.")
@option("--uploads", is_flag=True, help="Uploads that were never completed.")
@option("--grace", type=duration, default="1h", help="Spare what is younger.  [default: 1h]")
@option("--config", type=_FILE, metavar="FILE", help="Rules to take for the store's s3lo.yaml.")
@common_options
def clean(
    bucket: str,
    confirm: bool,
    tags: bool,
    blobs: bool,
    uploads: bool,
    grace: float,
    config: Path | None,
    common: Common,
) -> None:
    """Delete what can go: s3lo clean s3://bucket/ --confirm

    Without --tags, --blobs and --uploads all three are looked at.
    """
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        result = s3lo.clean(
            bucket,
            confirm=confirm,
            tags=tags,
            blobs=blobs,
            uploads=uploads,
            grace_seconds=grace,
            rules=config,
            connection=common.connection,
            observer=observer,
        )
    show(result.to_json(), "\n".join(_lines(result)), common.output)
    if result.errors:
        raise click.exceptions.Exit(1)


def _lines(result: CleanResult) -> Iterator[str]:
    """The tags that go and why, and how much of what."""
    rows = [(f"{t.image}:{t.tag}", f"{t.rule}={t.limit}", t.source) for t in result.tags]
    if rows:
        yield table(("IMAGE:TAG", "RULE", "FROM"), rows)
    counts = (result.tags_pruned, result.blobs_deleted, result.chunks_deleted)
    amounts = zip(("tag", "blob", "chunk"), counts, strict=True)
    if not is_terminal():
        yield from (columns((f"{noun}s", str(number)), None) for noun, number in amounts)
        yield columns(("uploads", str(result.uploads_aborted)), None)
        yield columns(("bytes", str(result.bytes_freed)), None)
        return
    what = [count(number, noun) for noun, number in amounts if number or noun != "chunk"]
    verb = "Would delete" if result.dry_run else "Deleted"
    uploads = count(result.uploads_aborted, "unfinished upload")
    yield f"{verb} {', '.join(what)} ({size(result.bytes_freed)}) and {uploads}"
    if result.dry_run and not result.errors:
        yield "Nothing was deleted yet: --confirm does it."
