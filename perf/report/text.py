"""Text: one outcome, or all of them side by side, for a terminal, a log or a README."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from perf.outcome import Outcome
from perf.report.columns import GAP, aligned, markdown_table
from perf.report.numbers import payload, plain, ratio_mark, with_range
from perf.report.standing import Standing, peers, standings

COLUMNS = 110
_NAME_COLUMNS = 24
_PEER_COLUMNS = 9
_HEADER = ("", "wall s", "Gbit/s", "CPU s/GB", "peak MiB", "requests", "ratio")
_RATIO = (
    "ratio: wall of s3lo to that of the contender, in the same round: median (least to most); "
    "below 1, s3lo took less time"
)
_MARKS = (
    "Wall of s3lo to that of the contender, median of paired rounds; below 1, s3lo took less time. "
    "~: rounds on both sides of 1. -: no figure."
)


def table(outcome: Outcome) -> str:
    """Everything of one workload, the fastest contender first."""
    verified = "verified" if outcome.verified else "not verified"
    lines = [
        *_wrapped(f"{outcome.workload}: {outcome.about}"),
        *_wrapped(f"{payload(outcome.payload_bytes)}, {verified}; {outcome.conditions}"),
        *_wrapped(f"checked: {outcome.checked}"),
        *_wrapped("versions: " + ", ".join(f"{x} {y}" for x, y in outcome.versions.items())),
        "",
        *_figures(outcome),
        *(
            line
            for name, reason in outcome.left_out.items()
            for line in _wrapped(f"left out: {name}: {reason}")
        ),
    ]
    return "\n".join(lines)


def _figures(outcome: Outcome) -> list[str]:
    every = standings(outcome)
    if not every:
        return ["no contender has a counted round"]
    decimals = _decimals(every)
    rows = [_HEADER, *(_row(standing, decimals) for standing in every)]
    taken = sum(max(len(row[i]) for row in rows) + len(GAP) for i in range(1, len(_HEADER)))
    lines = aligned(rows, min(_NAME_COLUMNS, COLUMNS - taken))
    rounds = len(outcome.rounds)
    counted = f"{rounds} round{'' if rounds == 1 else 's'}; wall is median (least to most)"
    return [*lines, "", *_wrapped(f"{counted}; {_RATIO}")]


def _row(standing: Standing, decimals: int) -> tuple[str, ...]:
    cpu = standing.cpu_seconds_per_gb
    return (
        standing.name,
        with_range(standing.wall_seconds, decimals),
        plain(standing.goodput_gbps),
        "-" if cpu is None else plain(cpu),
        f"{standing.peak_mib:.0f}",
        _requests(standing),
        "-" if standing.ratio is None else with_range(standing.ratio, 2),
    )


def _requests(standing: Standing) -> str:
    if standing.requests is None:
        return "-"
    refused = f" ({standing.refused} refused)" if standing.refused else ""
    return f"{standing.requests}{refused}"


def _decimals(every: Sequence[Standing]) -> int:
    """One number of decimals for a whole column, enough for the fastest run."""
    least = min(standing.wall_seconds.least for standing in every)
    return 3 if least < 1 else 2 if least < 100 else 1


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)


def summary(outcomes: Sequence[Outcome]) -> str:
    """A line a workload, a column a peer; what does not fit beside each other stands below."""
    every = peers(outcomes)
    name_width = min(_NAME_COLUMNS, max((len(x.workload) for x in outcomes), default=0))
    fit = (COLUMNS - name_width) // (_PEER_COLUMNS + len(GAP))
    lines: list[str] = []
    for start in range(0, len(every), fit):
        rows = _ratios(outcomes, every[start : start + fit])
        lines += [*aligned(rows, _NAME_COLUMNS, _PEER_COLUMNS), ""]
    return "\n".join((*lines, *_wrapped(_MARKS)))


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The summary as Markdown."""
    rows = _ratios(outcomes, peers(outcomes))
    return "\n".join((*markdown_table(rows), "", _MARKS))


def _ratios(outcomes: Sequence[Outcome], names: Sequence[str]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [["workload", *names]]
    for outcome in outcomes:
        cells = _ratio_cells(outcome)
        rows.append([outcome.workload, *(cells.get(name, "-") for name in names)])
    return rows


def _ratio_cells(outcome: Outcome) -> Mapping[str, str]:
    return {
        standing.name: f"{standing.ratio.median:.2f}{ratio_mark(standing.ratio)}"
        for standing in standings(outcome)
        if standing.ratio
    }
