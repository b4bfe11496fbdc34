"""What the origin is told to do wrong or slowly: refusals, resets, delays, many at once."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from awscrt.checksums import crc32c

from tests.conftest import missing
from tests.native.origin_clients import BUCKET, boto, serving_origin
from tests.servers import Missing, Origin, OriginOptions
from tests.servers.origin import UploadedObject

TIMES = 300
CONTENT = bytes(range(256)) * 400


def _get(connection: http.client.HTTPConnection) -> int | None:
    """The status of a whole answer; None: it broke off."""
    try:
        connection.request("GET", f"/{BUCKET}/file")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    assert body == CONTENT or answer.status == 503
    return answer.status


def _put(connection: http.client.HTTPConnection) -> int | None:
    try:
        connection.request("PUT", f"/{BUCKET}/key", CONTENT)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    return answer.status


def _outcomes(
    origin: Origin, ask: Callable[[http.client.HTTPConnection], int | None]
) -> list[int | None]:
    connection = http.client.HTTPConnection(origin.address, origin.port, timeout=20)
    outcomes = [ask(connection) for _ in range(TIMES)]
    connection.close()
    return outcomes


def _write_file(root: Path) -> None:
    (root / BUCKET).mkdir()
    (root / BUCKET / "file").write_bytes(CONTENT)


@pytest.mark.parametrize("ask", [_get, _put])
def test_a_share_of_transfers_is_refused_and_the_connection_kept(
    ask: Callable[[http.client.HTTPConnection], int | None], tmp_path: Path
) -> None:
    _write_file(tmp_path)
    with serving_origin(tmp_path, OriginOptions(refused_share=0.3)) as origin:
        counted = Counter(_outcomes(origin, ask))
        counters = origin.counters()
    assert counted[503] == counters.refused
    assert counted[200] == TIMES - counted[503]
    assert 0.2 * TIMES < counted[503] < 0.4 * TIMES
    assert counters.connections == 1


@pytest.mark.parametrize("ask", [_get, _put])
def test_a_share_of_transfers_is_reset_amid_the_body(
    ask: Callable[[http.client.HTTPConnection], int | None], tmp_path: Path
) -> None:
    _write_file(tmp_path)
    with serving_origin(tmp_path, OriginOptions(reset_share=0.3)) as origin:
        counted = Counter(_outcomes(origin, ask))
        counters = origin.counters()
    assert counted[None] == counters.resets
    assert counted[200] == TIMES - counted[None]
    assert 0.2 * TIMES < counted[None] < 0.4 * TIMES
    moved = counters.bytes_sent + counters.bytes_received
    assert counted[200] * len(CONTENT) < moved < TIMES * len(CONTENT)


@pytest.mark.parametrize("ask", [_get, _put])
def test_so_many_transfers_fall_silent_until_the_client_hangs_up(
    ask: Callable[[http.client.HTTPConnection], int | None], tmp_path: Path
) -> None:
    _write_file(tmp_path)
    with serving_origin(tmp_path, OriginOptions(stalls=2)) as origin:
        for _ in range(2):
            for _ in range(2):
                client = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=0.3)
                assert ask(client) is None
            assert set(_outcomes(origin, ask)) == {200}
            assert origin.counters().stalls == 2
            assert origin.counters().resets == 0
            origin.clear()


def test_the_same_seed_refuses_the_same_requests(tmp_path: Path) -> None:
    _write_file(tmp_path)
    seen = []
    for seed in (1, 1, 2):
        with serving_origin(tmp_path, OriginOptions(refused_share=0.5, seed=seed)) as origin:
            seen.append(_outcomes(origin, _get))
    assert seen[0] == seen[1] != seen[2]


def test_refusals_end_so_long_after_the_first_transfer(tmp_path: Path) -> None:
    _write_file(tmp_path)
    options = OriginOptions(refused_share=1, refused_seconds=0.5)
    with serving_origin(tmp_path, options) as origin:
        for _ in range(2):
            assert set(_outcomes(origin, _get)) == {503}
            time.sleep(0.6)
            assert set(_outcomes(origin, _get)) == {200}
            origin.clear()


def test_metadata_is_neither_refused_nor_reset(tmp_path: Path) -> None:
    _write_file(tmp_path)
    with serving_origin(tmp_path, OriginOptions(refused_share=1, reset_share=1)) as origin:
        client = boto(origin)
        client.head_object(Bucket=BUCKET, Key="file")
        client.list_objects_v2(Bucket=BUCKET)
        client.create_multipart_upload(Bucket=BUCKET, Key="key")
        assert origin.counters().refused == 0


def test_requests_above_the_rate_are_refused(tmp_path: Path) -> None:
    """So many a second are served and no more, after what was saved up: a tenth of a second's."""
    _write_file(tmp_path)
    with serving_origin(tmp_path, OriginOptions(requests_per_second=200)) as origin:
        start = time.monotonic()
        counted = Counter(_outcomes(origin, _get))
        seconds = time.monotonic() - start
        assert counted[503] == origin.counters().refused
    assert 20 <= counted[200] <= 20 + 200 * seconds


def test_every_answer_waits_for_its_first_byte(tmp_path: Path) -> None:
    _write_file(tmp_path)
    with serving_origin(tmp_path, OriginOptions(first_byte_seconds=0.05)) as origin:
        connection = http.client.HTTPConnection(origin.address, origin.port, timeout=20)
        start = time.monotonic()
        assert [_get(connection), _put(connection), _get(connection)] == [200, 200, 200]
        assert time.monotonic() - start >= 0.15
        connection.close()


def test_two_thousand_connections_are_served(tmp_path: Path) -> None:
    count = 2000
    request = f"GET /{BUCKET}/file HTTP/1.1\r\nRange: bytes=0-9\r\n\r\n".encode()
    _write_file(tmp_path)
    with serving_origin(tmp_path, OriginOptions()) as origin:
        clients = [
            socket.create_connection((origin.address, origin.port), timeout=30)
            for _ in range(count)
        ]
        try:
            for client in clients:
                client.sendall(request)
            for client in clients:
                with client.makefile("rb") as answer:
                    assert b" 206 " in answer.readline()
            counters = origin.counters()
        finally:
            for client in clients:
                client.close()
    assert counters.peak_open_connections == counters.requests_total == count


def test_clearing_while_it_serves_hurts_nobody(tmp_path: Path) -> None:
    """Who reads an object goes on reading it when it is removed or replaced."""
    with serving_origin(tmp_path, OriginOptions(sink="memory")) as origin:

        def use(number: int) -> list[int]:
            connection = http.client.HTTPConnection(origin.address, origin.port, timeout=30)
            statuses = []
            for turn in range(60):
                content = bytes([number]) * (400_000 + turn)
                connection.request("PUT", f"/{BUCKET}/key", content)
                connection.getresponse().read()
                connection.request("GET", f"/{BUCKET}/key")
                answer = connection.getresponse()
                body = answer.read()
                statuses.append(answer.status)
                assert answer.status == 404 or (len(set(body)) == 1 and len(body) >= 400_000)
            connection.close()
            return statuses

        with ThreadPoolExecutor(8) as pool:
            uses = [pool.submit(use, number) for number in range(8)]
            while not all(use.done() for use in uses):
                origin.clear()
                origin.objects()
        statuses = {status for use in uses for status in use.result()}
    assert 200 in statuses
    assert statuses <= {200, 404}


def test_parts_that_come_at_once_make_the_object_they_should(tmp_path: Path) -> None:
    parts = {number: bytes([number]) * (10_000 + number) for number in range(1, 41)}
    whole = b"".join(parts.values())
    with serving_origin(tmp_path, OriginOptions(sink="directory")) as origin:
        client = boto(origin, max_pool_connections=16)
        upload = client.create_multipart_upload(Bucket=BUCKET, Key="key")["UploadId"]
        named = {"Bucket": BUCKET, "Key": "key", "UploadId": upload}

        def put(number: int) -> dict[str, object]:
            done = client.upload_part(PartNumber=number, Body=parts[number], **named)
            return {"PartNumber": number, "ETag": done["ETag"]}

        with ThreadPoolExecutor(16) as pool:
            listed = list(pool.map(put, parts))
        client.complete_multipart_upload(MultipartUpload={"Parts": listed}, **named)
        assert origin.objects() == {f"{BUCKET}/key": UploadedObject(len(whole), crc32c(whole))}
    assert (tmp_path / BUCKET / "key").read_bytes() == whole


def test_it_serves_in_a_network_of_its_own(tmp_path: Path) -> None:
    """It tells what it did all the same: its control socket is a file."""
    enter = 'ip link set lo up && exec "$0" "$@"'
    inside = ("unshare", "--net", "sh", "-c", enter)
    if os.geteuid() or not all(map(shutil.which, ("unshare", "ip"))):
        missing(Missing("a network namespace needs root, unshare and ip: apt-get install iproute2"))
    with serving_origin(tmp_path, OriginOptions(), inside=inside) as origin:
        assert origin.counters().connections == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((origin.address, origin.port), timeout=5)
