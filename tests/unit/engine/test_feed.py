"""Feed: what is read of uploads that come one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from s3lo.engine.transfers import Upload
from s3lo.engine.upload.feed import Fed, Feed, NoMore, Offered
from s3lo.model.digest import Digest

SECONDS = 10.0
"""How long to wait for what must come."""


def upload(key: str) -> Upload:
    return Upload(Digest.of(b""), 0, key, Path("file"))


def test_each_upload_is_told_and_then_the_end() -> None:
    told: SimpleQueue[Fed] = SimpleQueue()
    Feed(iter([upload("a"), upload("b")]), told.put).start()
    heard = [told.get(timeout=SECONDS) for _ in range(3)]
    assert heard == [Offered(upload("a")), Offered(upload("b")), NoMore()]


def test_what_the_generator_raises_is_told_as_the_end() -> None:
    def made() -> Iterator[Upload]:
        yield upload("a")
        raise ZeroDivisionError

    told: SimpleQueue[Fed] = SimpleQueue()
    Feed(made(), told.put).start()
    assert told.get(timeout=SECONDS) == Offered(upload("a"))
    end = told.get(timeout=SECONDS)
    assert isinstance(end, NoMore)
    assert isinstance(end.error, ZeroDivisionError)


def test_a_generator_is_closed_with_the_first_that_it_gives_after_the_stop() -> None:
    asked, wake, closed = Event(), Event(), Event()

    def made() -> Iterator[Upload]:
        try:
            while True:
                asked.set()
                wake.wait(SECONDS)
                yield upload("a")
        finally:
            closed.set()

    feed = Feed(made(), lambda _: None)
    feed.start()
    assert asked.wait(SECONDS)
    feed.stop()
    assert not closed.is_set()
    wake.set()
    assert closed.wait(SECONDS)
