"""Script: a transfer by a command line tool, and SHA-256 of the files, as one shell script."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from perf.contender import Command, Job

# Not ``sha256sum``: where a distribution builds it without libcrypto (Debian 12), it knows no SHA
# instructions, takes four times as long as ``openssl`` and would decide every verified figure.
# Each batch writes a file of its own: two that shared one cut each other's lines at 4 KiB.
_CHECK = """\
check() {{
    rm -f {found}.* &&
    xargs -d '\\n' -P {cpus} -n {files} \\
        sh -c 'exec openssl dgst -sha256 -r "$@" > "$0.$$"' {found} < {names} &&
    cat {found}.* | LC_ALL=C sort | diff {expected} -
}}
"""
_PULL = """\
mkdir -p {directory}
{transfer}
"""
_PULL_VERIFIED = _PULL + "check\n"
_PUSH = "{transfer}\n"
# A shell that left at the first failure would leave the other half running.
_PUSH_VERIFIED = """\
check &
checking=$!
status=0
{transfer} || status=$?
wait "$checking" || status=$?
exit "$status"
"""
_BATCHES_PER_CPU = 16


def script(
    job: Job, scratch: Path, transfer: Sequence[str], env: Mapping[str, str] | None = None
) -> Command:
    """A transfer with what a verified job asks for: after a pull, or beside a push."""
    kinds = {"pull": (_PULL, _PULL_VERIFIED), "push": (_PUSH, _PUSH_VERIFIED)}
    text = kinds[job.action][job.verified].format(
        directory=shlex.quote(str(job.files)), transfer=shlex.join(transfer)
    )
    if job.verified:
        text = _check(job, scratch) + text
    path = scratch / "run.sh"
    path.write_text(f"set -e\n{text}")
    return Command(("sh", str(path)), env or {})


def _check(job: Job, scratch: Path) -> str:
    """A function of the script that fails unless every file is what its name says."""
    directory = job.files
    names, expected = scratch / "names", scratch / "expected"
    blobs = job.largest_first()
    names.write_text("".join(f"{directory / blob.hex}\n" for blob in blobs))
    sums = sorted(f"{blob.hex} *{directory / blob.hex}\n" for blob in blobs)
    expected.write_text("".join(sums))
    return _CHECK.format(
        cpus=job.cpus,
        files=max(1, len(blobs) // (job.cpus * _BATCHES_PER_CPU)),
        names=shlex.quote(str(names)),
        found=shlex.quote(str(scratch / "found")),
        expected=shlex.quote(str(expected)),
    )
