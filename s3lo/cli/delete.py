"""delete: a tag out of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, option
from s3lo.cli.progress import observing
from s3lo.cli.render import count, show

if TYPE_CHECKING:
    from s3lo.operations.results import DeleteResult

_BLOBS_STAY = "Blobs stay until `s3lo clean` removes those that nothing refers to any more."


@click.command()
@click.argument("reference", metavar="REF")
@option("--dry-run", is_flag=True, help="Show what would be deleted, and delete nothing.")
@option("--all-tags", is_flag=True, help="With a digest: every tag of the image that has it.")
@option("--force", is_flag=True, help="Delete a tag that a rule protects.")
@common_options
def delete(reference: str, dry_run: bool, all_tags: bool, force: bool, common: Common) -> None:
    """Delete a tag: s3lo delete s3://bucket/app:v1"""
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        result = s3lo.delete(
            reference,
            dry_run=dry_run,
            all_tags=all_tags,
            force=force,
            connection=common.connection,
            observer=observer,
        )
    show(result.to_json(), text_of(result), common.output)


def text_of(result: DeleteResult) -> str:
    """A deletion as a person wants to read it."""
    lines = []
    for tag in result.tags:
        verb = "Would delete" if result.dry_run else "Deleted"
        objects = count(len(tag.keys), "object")
        lines.append(f"{verb} {tag.image}:{tag.tag} ({tag.digest or 'no manifest'}), {objects}")
        lines.extend(f"  {key}" for key in tag.keys if result.dry_run)
    return "\n".join(lines if result.dry_run else [*lines, _BLOBS_STAY])
