"""Rounds: every contender does the workload once in each, in turn, and every result is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from perf.check import WrongResult
from perf.contender import Contender, Unsuited
from perf.measure import RunFailed, measure
from perf.outcome import Outcome, Run
from perf.s3lo_command import HERE
from perf.setting import Setting
from tests.servers import Missing

Say = Callable[[str], None]
AContender = TypeVar("AContender", bound=Contender)


def run_rounds(
    setting: Setting, contenders: Sequence[Contender], rounds: int, scratch: Path, say: Say
) -> Outcome:
    """Measure a workload. The first contender is ours, and has to succeed; a peer that fails, or
    that gives a wrong result, is left out with its reason.

    One more round than asked for is run: the first fills caches and is not counted.
    """
    versions, left_out = _installed(contenders)
    counted: list[dict[str, Run]] = []
    for number in range(rounds + 1):
        results: dict[str, Run] = {}
        for contender in in_turn(contenders, number):
            name = contender.name
            if name in left_out:
                continue
            try:
                results[name] = run_once(setting, contender, scratch)
            except (RunFailed, WrongResult, Unsuited) as problem:
                if contender is contenders[0]:
                    raise
                left_out[name] = str(problem)
                say(f"  {name} is left out: {problem}")
            else:
                say(f"  round {number}: {name} {results[name].wall_seconds:.3f} s")
        if number:
            counted.append(results)
    return _outcome(setting, versions, left_out, counted)


def _installed(contenders: Sequence[Contender]) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of those that are there, and the reason of those that are not."""
    versions: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for contender in contenders:
        try:
            versions[contender.name] = contender.version()
        except Missing as reason:
            left_out[contender.name] = str(reason)
    return versions, left_out


def in_turn(contenders: Sequence[AContender], number: int) -> list[AContender]:
    """Another first one in each round, and from it on forwards or, every second round, backwards:
    nobody is always the second, and nobody always runs after the same one."""
    step = -1 if number % 2 else 1
    return [
        contenders[(number + step * place) % len(contenders)] for place in range(len(contenders))
    ]


def run_once(setting: Setting, contender: Contender, scratch: Path) -> Run:
    """One run whose result was right; raises RunFailed, WrongResult or Unsuited."""
    setting.prepare()
    commands, env = [], {**setting.env, "PYTHONPATH": str(HERE)}
    for number, job in enumerate(setting.jobs()):
        own = scratch / f"client-{number}"
        own.mkdir(exist_ok=True)
        command = contender.command(job, own)
        commands.append((*setting.prefix, *command.argv))
        env.update(command.env)
    limit_seconds = setting.workload.limit_seconds
    cost = measure(commands, env, scratch, daemons=setting.daemons, limit_seconds=limit_seconds)
    # One that asks the origin for nothing has pulled from a registry, which does not count.
    requests = setting.store.requests() or None
    refused = setting.store.refused()
    setting.check()
    return Run(cost.wall_seconds, cost.cpu_seconds, cost.peak_rss_bytes, requests, refused)


def _outcome(
    setting: Setting,
    versions: Mapping[str, str],
    left_out: Mapping[str, str],
    counted: Sequence[Mapping[str, Run]],
) -> Outcome:
    workload = setting.workload
    kept = {name: text for name, text in versions.items() if name not in left_out}
    return Outcome(
        workload=workload.name,
        about=workload.about,
        payload_bytes=setting.job.total_bytes * workload.clients,
        verified=workload.verified,
        checked=setting.checked,
        conditions=workload.conditions,
        versions=kept,
        rounds=tuple({name: runs[name] for name in kept} for runs in counted),
        left_out=left_out,
    )
