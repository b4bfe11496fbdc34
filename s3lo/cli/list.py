"""list: the tags of a store, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, option
from s3lo.cli.progress import observing
from s3lo.cli.render import Lines, age, columns, is_terminal, write_document

if TYPE_CHECKING:
    from s3lo.operations.results import ListedTag

_SHORT = ("IMAGE:TAG", "AGE")
_LONG = ("IMAGE:TAG", "DIGEST", "PLATFORMS", "MEDIA TYPE", "AGE")
_WIDTHS = {_SHORT: (48, 10), _LONG: (48, 71, 24, 58, 10)}
"""Lines are shown as they come: nobody knows yet how wide the widest is."""


@click.command()
@click.argument("bucket")
@option("--digests", is_flag=True, help="Read each manifest: digest, platforms, media type.")
@option("--filter", "pattern", default="", metavar="GLOB", help="team/*, or team/*:v* for tags.")
@common_options
def list(bucket: str, digests: bool, pattern: str, common: Common) -> None:
    """List the tags of a store: s3lo list s3://bucket/

    A line is shown as soon as it is known, in the order of the keys. JSON and YAML come as one
    document, with digests, sorted by name.
    """
    is_text = common.output == "text"
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        tags = s3lo.list_tags(
            bucket,
            pattern=pattern,
            digests=digests or not is_text,
            connection=common.connection,
            observer=observer,
        )
        seen = _show(tags, _LONG if digests else _SHORT) if is_text else [*tags]
    if not is_text:
        seen = sorted(seen, key=lambda tag: (tag.image, tag.tag))
        write_document([tag.to_json() for tag in seen], common.output)
    if any(tag.problem for tag in seen):
        raise click.exceptions.Exit(1)


def _show(tags: Iterator[ListedTag], header: tuple[str, ...]) -> Sequence[ListedTag]:
    """Write lines as tags come; gives those with a problem."""
    widths = _WIDTHS[header] if is_terminal() else None
    troubled = []
    with Lines() as lines:
        if widths:
            lines.add(columns(header, widths))
        for tag in tags:
            lines.add(columns(_cells(tag, is_long=header is _LONG, is_aged=bool(widths)), widths))
            if tag.problem:
                troubled.append(tag)
    return troubled


def _cells(tag: ListedTag, *, is_long: bool, is_aged: bool) -> Sequence[str]:
    name = f"{tag.image}:{tag.tag}"
    when = age(tag.last_modified) if is_aged and tag.last_modified else tag.last_modified
    if not is_long:
        return name, when
    return name, tag.digest or "unreadable", ",".join(tag.platforms), tag.media_type, when
