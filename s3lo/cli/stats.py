"""stats: what a store holds and costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, option
from s3lo.cli.progress import observing
from s3lo.cli.render import count, show, size

if TYPE_CHECKING:
    from s3lo.operations.results import StatsResult

_NAMED = 5


@click.command()
@click.argument("bucket")
@option("--layers", is_flag=True, help="The blobs whose sharing saves most, and who shares them.")
@common_options
def stats(bucket: str, layers: bool, common: Common) -> None:
    """Count a store: s3lo stats s3://bucket/"""
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        result = s3lo.stats(bucket, layers=layers, connection=common.connection, observer=observer)
    show(result.to_json(), "\n".join(_lines(result)), common.output)
    if result.unreadable:
        raise click.exceptions.Exit(1)


def _lines(result: StatsResult) -> Iterator[str]:
    """A store as a person wants to read it."""
    yield f"{'images':<9} {result.images}"
    yield f"{'tags':<9} {result.tags}"
    yield f"{'blobs':<9} {result.blobs}"
    yield f"{'stored':<9} {size(result.stored_bytes)}"
    for name, bytes_ in result.by_storage_class.items():
        yield f"  {name} {size(bytes_)}"
    yield f"{'logical':<9} {size(result.logical_bytes)}, were each tag stored for itself"
    yield f"{'saved':<9} {size(result.saved_bytes)} by sharing"
    if result.monthly_cost_usd or "LOCAL" not in result.by_storage_class:
        yield f"{'cost':<9} about ${result.monthly_cost_usd:.2f} a month: {result.prices}"
    for layer in result.layers:
        more = f" and {len(layer.images) - _NAMED} more" if len(layer.images) > _NAMED else ""
        yield (
            f"{layer.digest} {size(layer.size)} in {count(layer.tags, 'tag')} of"
            f" {', '.join(layer.images[:_NAMED])}{more}: saves {size(layer.saved_bytes)}"
        )
