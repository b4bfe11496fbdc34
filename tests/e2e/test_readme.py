"""The README's samples do what it says: its session, its commands, its Python."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.e2e.conftest import S3lo, tiny_image
from tests.images import write_docker_archive
from tests.servers import SeaweedS3

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_CHANGES = re.compile(
    r"\d{4}-\d\d-\d\dT\S+Z|sha256:[0-9a-f]{64}|\b\d+ B\b|\d+\.\d+ (?:kB|Gbit/s|s)|\d+\.\d+(?=[,)])|linux/\w+"
)


def samples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def session() -> list[tuple[str, str]]:
    """The README's console session as commands with what each printed."""
    [text] = samples("console")
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def alike(text: str) -> str:
    """Text without what differs from run to run and from machine to machine."""
    return _CHANGES.sub("…", text).strip()


def test_the_session_runs_and_prints_what_it_shows(
    s3lo_with_docker: S3lo, seaweed: SeaweedS3, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    image = tiny_image(made)
    bucket = seaweed.create_bucket("readme-session")
    write_docker_archive(image, made / "tiny-image.tar", "tiny:v1")
    archive = f"docker-archive:{made / 'tiny-image.tar'}"
    s3lo_with_docker.json("push", archive, f"s3://{seaweed.create_bucket('readme-seed')}/tiny:v1")
    s3lo_with_docker.json("pull", "s3://readme-seed/tiny:v1", "tiny:v1")
    for command, shown in session():
        program, *arguments = shlex.split(command.replace("s3://bucket/", f"s3://{bucket}/"))
        if program != "s3lo":
            continue
        ran = s3lo_with_docker(*arguments, "--progress", "none")
        said = (ran.stdout + ran.stderr).replace(f"s3://{bucket}/", "s3://bucket/")
        said = said.replace(seaweed.endpoint_url, "http://127.0.0.1:8333")
        assert alike(said) == alike(shown), command


def test_the_python_sample_runs(
    s3lo: S3lo,
    aws_env: dict[str, str],
    seaweed: SeaweedS3,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert aws_env
    made = tmp_path / "made"
    made.mkdir()
    image = tiny_image(made)
    bucket = seaweed.create_bucket("readme-python")
    write_docker_archive(image, made / "tiny-image.tar", "tiny:v1")
    archive = f"docker-archive:{made / 'tiny-image.tar'}"
    pushed = s3lo.json("push", archive, f"s3://{bucket}/team/hello:v1")
    monkeypatch.chdir(tmp_path)
    [code] = samples("python")
    exec(compile(code.replace("s3://bucket/", f"s3://{bucket}/"), "README.md", "exec"), {})
    assert capsys.readouterr().out.split() == [
        pushed["digest"],
        str(pushed["bytes"]),
        "serial",
    ]


def test_the_two_commands_are_environments_of_tox() -> None:
    [commands] = [block for block in samples("sh") if "tox" in block]
    tox = (Path(__file__).parents[2] / "tox.ini").read_text(encoding="utf-8")
    named = re.findall(r"pipx run tox(?: -e (\w+))?", commands)
    assert named == ["demo", ""]
    assert "[testenv:demo]" in tox
