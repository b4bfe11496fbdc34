"""The Python API: typed results, from threads, beside boto3, without forking or printing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag

import boto3
import pytest

import s3lo
from s3lo.events import BlobDone, BytesMoved, Event, PhaseEnded, PhaseStarted
from tests.images import Image, sized_image, write_oci_layout
from tests.servers import SeaweedS3

pytestmark = pytest.mark.usefixtures("aws_env")


@pytest.fixture
def image(tmp_path: Path) -> Image:
    made = sized_image(tmp_path, (300_000, 200_000))
    write_oci_layout(made, tmp_path / "source")
    return made


def test_push_and_pull_return_what_they_did_and_print_nothing(
    bucket: str,
    image: Image,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    reference = f"s3://{bucket}/app:v1"
    events: list[Event] = []
    pushed = s3lo.push(f"oci:{tmp_path / 'source'}", reference, observer=events.append)
    pulled = s3lo.pull(reference, to=f"oci:{tmp_path / 'out'}", observer=events.append)
    assert isinstance(pushed, s3lo.PushResult)
    assert isinstance(pulled, s3lo.PullResult)
    assert pulled.digest == pushed.digest
    assert pulled.image_id == image.id
    assert pushed.bytes_uploaded == pushed.bytes == pulled.bytes_transferred
    assert pulled.engine.mode == "serial"
    assert capfd.readouterr() == ("", "")
    started = [e.phase for e in events if isinstance(e, PhaseStarted)]
    assert started == ["save", "transfer", "publish", "resolve", "transfer", "load"]
    assert [e.phase for e in events if isinstance(e, PhaseEnded)] == started
    assert len([e for e in events if isinstance(e, BlobDone)]) == 2 * len(pushed.blobs)
    moved = sum(e.bytes_ for e in events if isinstance(e, BytesMoved) and e.phase == "transfer")
    assert moved == 2 * pushed.bytes


def test_many_threads_pull_at_once_beside_a_boto3_client(
    seaweed: SeaweedS3, bucket: str, image: Image, tmp_path: Path
) -> None:
    client = boto3.client("s3", endpoint_url=seaweed.endpoint_url)
    s3lo.push(f"oci:{tmp_path / 'source'}", f"s3://{bucket}/app:v1")

    def pull(number: int) -> str:
        client.list_objects_v2(Bucket=bucket)
        engine = s3lo.EngineOptions(processes=number % 2)
        to = f"oci:{tmp_path / str(number)}"
        pulled = s3lo.pull(f"s3://{bucket}/app:v1", to=to, engine=engine)
        assert pulled.engine.processes == number % 2
        return pulled.image_id

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(pull, range(8))) == {image.id}
    client.close()


@pytest.mark.usefixtures("image")
def test_a_pull_can_be_cancelled_from_another_thread(bucket: str, tmp_path: Path) -> None:
    s3lo.push(f"oci:{tmp_path / 'source'}", f"s3://{bucket}/app:v1")
    cancel = Flag()
    cancel.set()
    with pytest.raises(s3lo.S3loError) as caught:
        s3lo.pull(f"s3://{bucket}/app:v1", to=f"oci:{tmp_path / 'out'}", cancel=cancel)
    assert caught.value.exit_code == 130
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("image")
def test_workers_are_spawned_never_forked(
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """awscrt's threads do not survive a fork, so a process that holds them must never make one."""

    def forbidden() -> int:
        raise AssertionError("forked")

    monkeypatch.setattr(os, "fork", forbidden)
    monkeypatch.setattr(os, "forkpty", forbidden)
    engine = s3lo.EngineOptions(processes=2)
    s3lo.push(f"oci:{tmp_path / 'source'}", f"s3://{bucket}/app:v1", engine=engine)
    pulled = s3lo.pull(f"s3://{bucket}/app:v1", to=f"oci:{tmp_path / 'out'}", engine=engine)
    assert (pulled.engine.mode, pulled.engine.processes) == ("processes", 2)


@pytest.mark.usefixtures("image")
def test_no_thread_or_process_is_left_behind(bucket: str, tmp_path: Path) -> None:
    s3lo.push(f"oci:{tmp_path / 'source'}", f"s3://{bucket}/app:v1")
    for processes in (0, 2):
        engine = s3lo.EngineOptions(processes=processes)
        s3lo.pull(f"s3://{bucket}/app:v1", to=f"oci:{tmp_path / str(processes)}", engine=engine)
    left = [t.name for t in threading.enumerate() if t.name.startswith("s3lo")]
    assert left == []


def test_importing_the_package_imports_nothing_else() -> None:
    heavy = "{'awscrt', 'boto3', 'botocore', 'docker', 'rich', 'click', 'msgspec', 'yaml'}"
    code = f"import sys, s3lo; s3lo.S3loError; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_tune_says_what_it_would_choose_and_why() -> None:
    result = s3lo.tune(engine=s3lo.EngineOptions(target_gbps=50, processes=4))
    assert (result.target_gbps, result.target_source, result.processes) == (50, "flag", 4)
    assert 1 <= result.initial_in_flight <= result.wanted_in_flight <= result.max_in_flight
    assert result.cpus >= 1
    assert len(result.reasons) == 3
