"""Fixtures of the end-to-end tests: the installed command, with an S3 service to talk to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.images import Image, tiny_static_image
from tests.servers import Dockerd, Missing, SeaweedS3


@dataclass(frozen=True)
class Ran:
    """What a command did: its exit status and what it wrote."""

    status: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


@dataclass(frozen=True)
class S3lo:
    """The command, run as a user would, in an environment of the test's own."""

    environment: Mapping[str, str]
    directory: Path
    timeout: float = field(default=150)

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "s3lo", *arguments],
            env=self.environment,
            cwd=self.directory,
            input=stdin,
            capture_output=True,
            timeout=self.timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run a command that must succeed; gives its result."""
        ran = self(*arguments, "-o", "json")
        assert ran.status == 0, ran.stderr
        return ran.result


def _environment(tmp_path: Path, *others: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "S3LO_", "DOCKER_"))
    }
    environment = {**kept, "HOME": str(tmp_path)}
    for other in others:
        environment.update(other)
    return environment


@pytest.fixture
def s3lo(seaweed: SeaweedS3, tmp_path: Path) -> S3lo:
    """The command, with no Docker daemon."""
    return S3lo(_environment(tmp_path, seaweed.env()), tmp_path)


@pytest.fixture
def s3lo_with_docker(seaweed: SeaweedS3, dockerd: Dockerd, tmp_path: Path) -> S3lo:
    """The command, with a Docker daemon."""
    return S3lo(_environment(tmp_path, seaweed.env(), dockerd.env()), tmp_path)


def tiny_image(directory: Path) -> Image:
    """An image of one static program; without the means for one the test is skipped."""
    try:
        return tiny_static_image(directory)
    except Missing as reason:
        missing(reason)
