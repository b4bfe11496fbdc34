"""S3lo: our own command as a contender, of this checkout or of another commit of it."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from perf.contender import Command, Job

HERE = Path(__file__).resolve().parents[1]


class NoSuchCommit(Exception):
    """A commit that this checkout does not have."""


@dataclass(frozen=True)
class S3lo:
    """The command ``s3lo`` with the package of one tree, whatever is installed."""

    name: str = "s3lo"
    tree: Path = HERE
    module: tuple[str, ...] = ("s3lo.cli.main",)
    """Whose ``main`` is run, and its first arguments."""
    options: tuple[str, ...] = ()
    """Beside those that a job needs."""

    def version(self) -> str:
        return describe_commit("HEAD") if self.tree == HERE else self.tree.name

    def command(self, job: Job, scratch: Path) -> Command:
        reference = f"s3://{job.bucket}/{job.image}"
        pull = ("pull", reference, *self._to(job))
        verb = ("push", f"oci:{job.layout}", reference) if job.action == "push" else pull
        trusting = ("--ca-bundle", job.ca_bundle) if job.ca_bundle else ()
        reaching = ("--region", job.region, *trusting)
        command = self.command_of((*verb, *reaching, *self.options), job.endpoint_url, scratch)
        daemon = {"DOCKER_HOST": job.docker_host} if job.docker_host else {}
        return Command(command.argv, {**command.env, **daemon})

    def command_of(self, verb: tuple[str, ...], endpoint_url: str, tmpdir: Path) -> Command:
        """A command of ours, with its options; its result is a JSON document."""
        module, *first = self.module
        # As the script that is installed does it: -m costs a small pull a twelfth of its time.
        run = f"from {module} import main; main()"
        return Command(
            argv=(
                *(sys.executable, "-c", run, *first, *verb, "--tmpdir", str(tmpdir)),
                *("--endpoint-url", endpoint_url, "--progress", "none", "-o", "json"),
            ),
            env={"PYTHONPATH": f"{self.tree}:{HERE}"},
        )

    def _to(self, job: Job) -> tuple[str, ...]:
        unverified = () if job.verified else ("--verify", "none")
        if job.docker_host:
            return ("perf-s3lo:v1", *unverified)
        return ("--to", f"oci:{job.out}", *unverified)


def fixed_window(width: int) -> S3lo:
    """With so many parts in flight throughout: what the tuner's choice is held against."""
    return S3lo(f"fixed-{width}", module=("perf.fixed_window", str(width)))


_WIDTHS = (12, 25, 50, 100, 200, 300, 400, 600)
FIXED_WINDOWS = {by.name: by for by in map(fixed_window, _WIDTHS)}


@contextmanager
def tree_of(revision: str) -> Iterator[Path]:
    """The package as it was at a commit, unpacked; raises NoSuchCommit."""
    done = _git("archive", revision, "s3lo")
    if done.returncode:
        raise NoSuchCommit(done.stderr.decode().strip())
    with TemporaryDirectory(prefix="s3lo-perf-tree-") as directory:
        tree = Path(directory) / describe_commit(revision)
        tree.mkdir()
        subprocess.run(["tar", "-x", "-C", str(tree)], input=done.stdout, check=True)
        yield _compiled(tree)


@contextmanager
def tree_of_checkout() -> Iterator[Path]:
    """The package as it is here, copied: a gate's two trees must differ in nothing but code."""
    with TemporaryDirectory(prefix="s3lo-perf-tree-") as directory:
        tree = Path(directory) / describe_commit("HEAD")
        shutil.copytree(HERE / "s3lo", tree / "s3lo", ignore=shutil.ignore_patterns("__pycache__"))
        yield _compiled(tree)


def _compiled(tree: Path) -> Path:
    """With bytecode: where the environment forbids to write it, a run without it compiles all that
    it imports, and the gate once found unchanged code 20% faster than its baseline."""
    if not compileall.compile_dir(tree, quiet=2):
        raise NoSuchCommit(f"{tree.name} does not compile with this Python")
    return tree


def describe_commit(revision: str) -> str:
    """The short name of a commit; with a + where the package has changed since."""
    name = _git("rev-parse", "--short", revision).stdout.decode().strip() or "unknown"
    if revision == "HEAD" and _git("status", "--porcelain", "s3lo").stdout:
        return f"{name}+"
    return name


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(HERE), *arguments], check=False, capture_output=True)
