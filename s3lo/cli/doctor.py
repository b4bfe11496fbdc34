"""doctor: whether a store is well, what is wrong with it, and what mends that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options, engine_options, option, share
from s3lo.cli.progress import observing
from s3lo.cli.render import columns, is_terminal, show, table
from s3lo.engine.options import EngineOptions

if TYPE_CHECKING:
    from s3lo.operations.examining.diagnosis import Check, DoctorResult, Finding


@click.command()
@click.argument("bucket")
@option("--deep", is_flag=True, help="Read the blobs too, and hash them.")
@option("--sample", type=share, metavar="PERCENT", help="With --deep: so many of them, by chance.")
@option("--seed", type=int, metavar="N", help="Draw the sample that was drawn with this seed.")
@engine_options()
@common_options
def doctor(
    bucket: str,
    deep: bool,
    sample: float | None,
    seed: int | None,
    engine: EngineOptions,
    common: Common,
) -> None:
    """Examine a store: s3lo doctor s3://bucket/

    Nothing in it is changed. Exit status 1 where a check has failed.
    """
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        result = s3lo.doctor(
            bucket,
            deep=deep,
            sample=sample,
            seed=seed,
            connection=common.connection,
            engine=engine,
            observer=observer,
        )
    show(result.to_json(), "\n".join(_lines(result)), common.output)
    if not result.healthy:
        raise click.exceptions.Exit(1)


def _lines(result: DoctorResult) -> Iterator[str]:
    """The checks, and below them what was found; for programs each finding with its check's name."""
    rows = [(check.name, check.status, check.detail) for check in result.checks]
    yield table(("CHECK", "STATUS", "DETAIL"), rows)
    for check in result.checks:
        for finding in check.findings:
            yield from _finding(check, finding)


def _finding(check: Check, finding: Finding) -> Iterator[str]:
    tags = ", ".join(finding.tags)
    if finding.tags_count > len(finding.tags):
        tags += f" and {finding.tags_count - len(finding.tags)} more"
    if not is_terminal():
        cells = (check.name, "finding", finding.subject, finding.problem, tags, finding.mend)
        yield columns(cells, None)
        return
    yield f"{check.name}: {finding.subject}: {finding.problem}"
    if tags and tags != finding.subject:
        yield f"    needed by {tags}"
    if finding.mend:
        yield f"    {finding.mend}"
