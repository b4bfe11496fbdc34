"""Copies that a service makes by itself, while it, or somebody else, makes trouble.

The service is the origin, which counts what it copies, behind a proxy that misbehaves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from s3lo.bucket.copy_answers import NotCopied
from s3lo.bucket.options import StorageOptions
from s3lo.bucket.server_copy import ServerCopy
from s3lo.errors import (
    Interrupted,
    NotFoundError,
    ServiceError,
    SizeMismatch,
    ThrottledError,
)
from s3lo.model.objects import Credentials
from s3lo.model.s3_errors import InvalidStorageClass
from tests.conftest import serving
from tests.integration.copying import KEY, LARGE, SIZES, SMALL, WIRES, Copying, open_store
from tests.servers import Origin, OriginOptions, Unruly
from tests.servers.unruly import Answer, Exchange, Fault, Gate, lose_answer, refusing, slow_down

PART = "partNumber=2"
FINISH = "?uploadId="
BOTH = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in parts"])


@dataclass
class Rig:
    """The service, the proxy before it, and what is to be copied."""

    origin: Origin
    proxy: Unruly
    copying: Copying

    @property
    def path(self) -> str:
        return f"/target/{KEY}"

    @property
    def copied(self) -> bytes:
        return self.copying.target.get(KEY)

    def check_nothing_is_left(self) -> None:
        assert self.origin.counters().open_uploads == 0
        assert f"target/{KEY}" not in self.origin.objects()


def _rig(wire: str, root: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        origin = stack.enter_context(serving(Origin(root, OriginOptions(sink="memory"))))
        proxy = stack.enter_context(Unruly(origin.url))
        any_one = Credentials("any", "any")
        source, target = (
            open_store(bucket, proxy.url, any_one, WIRES[wire]) for bucket in ("source", "target")
        )
        copying = Copying(source, target)
        stack.callback(copying.close)
        yield Rig(origin, proxy, copying)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    yield from _rig("sockets", tmp_path)


@pytest.fixture(params=list(WIRES))
def each_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    yield from _rig(request.param, tmp_path)


def _first(act: Callable[[], object]) -> Fault:
    """Something happens before the request is passed on."""

    def fault(exchange: Exchange) -> None:
        act()
        exchange.reply(exchange.forward())

    return fault


@pytest.mark.parametrize(("content", "copies"), [(SMALL, 1), (LARGE, 3)], ids=["whole", "in parts"])
def test_no_byte_of_a_blob_passes_here(content: bytes, copies: int, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    before = rig.origin.counters()
    rig.copying.copy(content, if_absent=True)
    after = rig.origin.counters()
    assert after.copies - before.copies == copies
    assert after.bytes_copied - before.bytes_copied == len(content)
    assert after.bytes_sent == before.bytes_sent
    assert after.bytes_received == before.bytes_received
    assert rig.copied == content


@BOTH
def test_a_burst_of_503_is_waited_out(content: bytes, each_rig: Rig) -> None:
    rig = each_rig
    rig.copying.source.put(KEY, content)
    rig.proxy.when("PUT", rig.path, slow_down, every=2)
    rig.copying.copy(content)
    assert rig.copied == content
    assert sum(rig.copying.told) == len(content)


@BOTH
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("part", ["", PART])
def test_a_service_that_stays_busy_is_given_up_and_nothing_is_left(
    part: str, content: bytes, rig: Rig
) -> None:
    rig.copying.source.put(KEY, content)
    rig.proxy.when("PUT", rig.path if content is SMALL else rig.path + "?" + part, slow_down)
    with pytest.raises(ThrottledError):
        rig.copying.copy(content)
    rig.check_nothing_is_left()


@BOTH
def test_an_error_in_a_200_is_tried_again(content: bytes, each_rig: Rig) -> None:
    rig = each_rig
    rig.copying.source.put(KEY, content)
    rig.proxy.when("PUT", rig.path, refusing(200, "InternalError"), times=2)
    rig.copying.copy(content)
    assert rig.copied == content


@BOTH
def test_an_error_in_a_200_that_stays_is_an_error(content: bytes, each_rig: Rig) -> None:
    rig = each_rig
    rig.copying.source.put(KEY, content)
    rig.proxy.when("PUT", rig.path, refusing(200, "InternalError"))
    with pytest.raises(ServiceError) as raised:
        rig.copying.copy(content)
    assert not isinstance(raised.value, NotCopied)
    rig.check_nothing_is_left()


@BOTH
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (501, "NotImplemented"),
        (405, "MethodNotAllowed"),
        (400, "InvalidRequest"),
        (400, "CrossLocationLoggingProhibited"),
        (403, "AccessDenied"),
        (403, "InvalidObjectState"),
        (404, "NoSuchKey"),
        (404, "NoSuchBucket"),
        (200, "AccessDenied"),
    ],
)
def test_a_service_that_does_not_copy_is_told_from_trouble(
    status: int, code: str, content: bytes, rig: Rig
) -> None:
    rig.copying.source.put(KEY, content)
    rig.proxy.when("PUT", rig.path, refusing(status, code))
    with pytest.raises(NotCopied):
        rig.copying.copy(content, if_absent=True)
    rig.check_nothing_is_left()


@BOTH
def test_a_condition_that_the_service_does_not_know_is_left_out(content: bytes, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    rig.copying.target.put(KEY, b"damage")
    refuse = refusing(501, "NotImplemented", header="if-none-match")
    rig.proxy.when("PUT", rig.path, refuse)
    rig.proxy.when("POST", rig.path, refuse)
    rig.copying.copy(content, if_absent=True)
    assert rig.copied == content
    assert rig.origin.counters().open_uploads == 0


@BOTH
def test_a_class_that_the_service_does_not_have_is_done_without(content: bytes, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    in_a_class = (("x-amz-storage-class", "GLACIER_IR"),)

    def classed(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.reply(Answer(answer.status, (*answer.headers, *in_a_class), answer.body))

    rig.proxy.when("HEAD", f"/source/{KEY}", classed)
    refuse = refusing(400, "InvalidStorageClass", header="x-amz-storage-class")
    refused = [rig.proxy.when(method, rig.path, refuse) for method in ("PUT", "POST")]
    rig.copying.copy(content)
    assert rig.copied == content
    assert sum(rule.befallen for rule in refused) > 0
    before = len(rig.proxy.seen)
    rig.copying.copy(content)
    asked = [path for method, path in rig.proxy.seen[before:] if method in ("PUT", "POST")]
    assert len(asked) == (1 if content is SMALL else 5), "the class is tried once, not each time"


@BOTH
def test_a_class_that_was_asked_for_is_not_done_without(content: bytes, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    rig.copying.storage = StorageOptions(storage_class="NO_SUCH")
    refuse = refusing(400, "InvalidStorageClass", header="x-amz-storage-class")
    for method in ("PUT", "POST"):
        rig.proxy.when(method, rig.path, refuse)
    with pytest.raises(InvalidStorageClass):
        rig.copying.copy(content)
    rig.check_nothing_is_left()


@BOTH
def test_a_source_that_vanishes_is_not_found(content: bytes, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    vanish = _first(lambda: rig.copying.source.delete([KEY]))
    rig.proxy.when("PUT", rig.path if content is SMALL else PART, vanish, times=1)
    with pytest.raises(NotFoundError, match="source"):
        rig.copying.copy(content)
    rig.check_nothing_is_left()


@BOTH
def test_a_source_that_is_replaced_is_begun_with_anew(content: bytes, rig: Rig) -> None:
    """Parts of two objects would make a third, which nobody ever wrote."""
    rig.copying.source.put(KEY, content)
    other = content[::-1]
    replace = _first(lambda: rig.copying.source.put(KEY, other))
    rig.proxy.when("PUT", rig.path if content is SMALL else PART, replace, times=1)
    rig.copying.copy(content, if_absent=True)
    assert rig.copied == other
    assert rig.origin.counters().open_uploads == 0
    assert sum(rig.copying.told) == len(content)


@BOTH
def test_a_source_that_shrinks_is_a_wrong_size(content: bytes, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    shrink = _first(lambda: rig.copying.source.put(KEY, b"less"))
    rig.proxy.when("PUT", rig.path if content is SMALL else PART, shrink, times=1)
    with pytest.raises(SizeMismatch):
        rig.copying.copy(content)
    rig.check_nothing_is_left()


@BOTH
def test_a_source_that_is_replaced_again_and_again_is_given_up(content: bytes, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    replace = _first(lambda: rig.copying.source.put(KEY, content))
    rig.proxy.when("PUT", rig.path if content is SMALL else PART, replace)
    with pytest.raises(ServiceError, match="again and again"):
        rig.copying.copy(content)
    rig.check_nothing_is_left()
    assert sum(rig.copying.told) == 0


@BOTH
def test_who_is_faster_wins_and_nothing_is_left(content: bytes, rig: Rig) -> None:
    rig.copying.source.put(KEY, content)
    other = content[::-1]
    be_faster = _first(lambda: rig.copying.target.put(KEY, other))
    method, part = ("PUT", rig.path) if content is SMALL else ("POST", FINISH)
    rig.proxy.when(method, part, be_faster, times=1)
    rig.copying.copy(content, if_absent=True)
    assert rig.copied == other
    assert rig.origin.counters().open_uploads == 0


@BOTH
def test_a_lost_answer_is_no_conflict(content: bytes, each_rig: Rig) -> None:
    """What was done unseen is refused the second time: for its condition, or as it is done."""
    rig = each_rig
    rig.copying.source.put(KEY, content)
    method, part = ("PUT", rig.path) if content is SMALL else ("POST", FINISH)
    lost = rig.proxy.when(method, part, lose_answer, times=1)
    rig.copying.copy(content, if_absent=True)
    assert lost.befallen == 1
    assert rig.copied == content
    assert rig.origin.counters().open_uploads == 0


def test_an_upload_that_another_aborts_is_an_error(rig: Rig) -> None:
    """As ``clean`` may do with one that is old."""
    rig.copying.source.put(KEY, LARGE)
    rig.proxy.when("PUT", PART, refusing(404, "NoSuchUpload"))
    with pytest.raises(ServiceError, match="is gone"):
        rig.copying.copy(LARGE)
    rig.check_nothing_is_left()


def test_what_is_made_of_the_wrong_size_is_noticed(rig: Rig) -> None:
    rig.copying.source.put(KEY, LARGE)

    def shorten(exchange: Exchange) -> None:
        ranged = (("x-amz-copy-source-range", "bytes=0-9"),)
        kept = [(n, v) for n, v in exchange.headers if n.lower() != ranged[0][0]]
        exchange.headers = (*kept, *ranged)
        exchange.reply(exchange.forward())

    rig.proxy.when("PUT", PART, shorten)
    with pytest.raises(SizeMismatch):
        rig.copying.copy(LARGE)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_copy_that_is_cancelled_leaves_nothing(method: str, each_rig: Rig) -> None:
    """Half-way, and when all parts are there but not the object."""
    rig = each_rig
    rig.copying.source.put(KEY, LARGE)
    part = PART if method == "PUT" else "?uploads"
    rig.proxy.when(method, part, _first(rig.copying.cancel.set))
    with pytest.raises(Interrupted):
        rig.copying.copy(LARGE)
    rig.check_nothing_is_left()


def test_who_cancels_does_not_wait_for_parts_that_hang(rig: Rig) -> None:
    rig.copying.source.put(KEY, LARGE)
    gate = Gate()
    rig.proxy.when("PUT", PART, gate)

    def cancel_when_it_hangs(_: int) -> None:
        gate.wait_for(1)
        rig.copying.cancel.set()

    copies = ServerCopy(
        rig.copying.target, rig.copying.source, StorageOptions(), rig.copying.cancel, SIZES
    )
    with pytest.raises(Interrupted):
        copies.copy(KEY, len(LARGE), if_absent=False, copied=cancel_when_it_hangs)
    rig.check_nothing_is_left()
    gate.open()


def test_a_service_that_takes_its_time_is_asked_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others than S3 say nothing until all is copied: longer than any small request takes."""
    monkeypatch.setattr("s3lo.engine.sockets.wire.ANSWER_SECONDS", 0.2)
    rig.copying.source.put(KEY, SMALL)
    rig.proxy.when("PUT", rig.path, _first(lambda: time.sleep(0.6)))
    rig.copying.copy(SMALL)
    assert rig.proxy.count("PUT", rig.path) == 1
