"""The servers that other tests rely on: they serve, they tell why not, they leave nothing."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import serving
from tests.servers import Dockerd, Missing, Nginx, Registry, SeaweedS3, Server, StartFailed
from tests.servers.dockerd import emptied
from tests.servers.process import find_program, free_ports, http_get


class _Python(Server):
    """A server made of a line of Python."""

    program = Path(sys.executable).name
    install = "install Python"
    deadline_seconds = 10.0

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code

    def prepare(self, directory: Path) -> list[str]:
        self.marker = directory / "up"
        return ["-c", self.code]

    def is_ready(self) -> bool:
        return self.marker.exists()


def _is_gone(pid: int) -> bool:
    """Ended, be it that nobody has collected its exit status yet (state Z)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_bucket_takes_objects_with_checksum_and_storage_class(
    seaweed: SeaweedS3, bucket: str
) -> None:
    seaweed.client.put_object(
        Bucket=bucket, Key="k", Body=b"x", StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA256"
    )
    seen: dict[str, Any] = seaweed.client.head_object(Bucket=bucket, Key="k")
    assert seen["ContentLength"] == 1
    assert seen["StorageClass"] == "STANDARD_IA"


def test_a_conditional_write_is_refused_where_the_key_is_taken(
    seaweed: SeaweedS3, bucket: str
) -> None:
    seaweed.client.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")
    with pytest.raises(seaweed.client.exceptions.ClientError, match="PreconditionFailed"):
        seaweed.client.put_object(Bucket=bucket, Key="k", Body=b"y", IfNoneMatch="*")


def test_nginx_serves_a_file_below_its_root(nginx: Nginx) -> None:
    (nginx.root / "key").write_bytes(b"content")
    assert http_get(int(nginx.url.rpartition(":")[2]), "/key") == (200, b"content")


def test_nginx_serves_a_file_by_tls_to_who_trusts_its_authority(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"content")
    with serving(Nginx(tmp_path, tls=True)) as nginx:
        trusting = ssl.create_default_context(cafile=str(nginx.ca_bundle))
        with urllib.request.urlopen(f"{nginx.url}/key", context=trusting) as answer:
            assert answer.read() == b"content"
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"{nginx.url}/key")


def test_a_registry_lists_no_image_at_first() -> None:
    """Of its own: the one that tests share has what they pushed."""
    with serving(Registry()) as registry:
        port = int(registry.host.rpartition(":")[2])
        assert http_get(port, "/v2/_catalog") == (200, b'{"repositories":[]}\n')


def test_dockerd_answers_and_leaves_nothing_behind() -> None:
    with serving(Dockerd()) as daemon:
        pid, directory = daemon.pid, daemon.log_path.parent
        assert daemon.is_ready()
    assert _is_gone(pid)
    assert not directory.exists()
    assert str(directory) not in Path("/proc/self/mountinfo").read_text()


def test_a_renewed_dockerd_answers_where_it_did_and_has_no_image() -> None:
    with serving(Dockerd(on_disk_of_its_own=True)) as daemon:
        with emptied(daemon.host) as client:
            client.import_image_from_data(bytes(2 * tarfile.BLOCKSIZE), repository="app")
            assert client.images()
            daemon.renew()
            assert not client.images()
        directory = daemon.log_path.parent
    assert str(directory) not in Path("/proc/self/mountinfo").read_text()


def test_a_server_that_ends_at_once_shows_its_last_words() -> None:
    with pytest.raises(StartFailed, match="no luck"), _Python("raise SystemExit('no luck')"):
        pass


def test_a_server_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Python, "grace_seconds", 0.1)
    code = (
        "import pathlib, signal, time; signal.signal(15, signal.SIG_IGN);"
        " pathlib.Path('up').touch(); time.sleep(60)"
    )
    with _Python(code) as server:
        pid = server.pid
    assert _is_gone(pid)


def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A killed test run left daemons behind that held their ports."""
    code = (
        "import os\nfrom tests.servers.test_servers import _Python\n"
        "code = \"import pathlib, time; pathlib.Path('up').touch(); time.sleep(60)\"\n"
        "with _Python(code) as server:\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(server.pid))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=False, env=environment, timeout=30)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while not _is_gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _is_gone(pid)


def test_a_missing_program_says_what_to_install() -> None:
    with pytest.raises(Missing, match=r"no such-program .*apt-get install such"):
        find_program("such-program", "apt-get install such")


def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(50))) == 50
