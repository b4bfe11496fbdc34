"""Clean beside pushes: whatever the order of their requests, every tag that can be seen is whole.

The right-hand side of ``s3lo.bucket.cleaning`` is played by what a push is made of: it looks for blobs,
puts those that are missing, and publishes. For one small image all orders are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest

from s3lo.bucket import keys
from s3lo.bucket.cleaning import Cleaning
from s3lo.bucket.rules import Rulebook, parse_rules
from s3lo.errors import ServiceError
from s3lo.events import ignore
from s3lo.model import media_types
from s3lo.model.digest import Digest
from s3lo.model.documents import (
    Descriptor,
    Manifest,
    build_index,
    build_manifest,
    parse_document,
)
from s3lo.operations import publication as publishing
from s3lo.operations.clean import Task, clean_store
from s3lo.operations.cleaning.lifecycle import Grace
from s3lo.operations.publication import Publication, publish
from tests.unit.operations.memory_store import MemoryStore
from tests.unit.operations.schedules import Act, Choose, Seat, Stage, every, first, some

HOUR = 3600.0
NO_RULES = Rulebook()
KEEP_ONE = parse_rules(b"default: {lifecycle: {keep_last: 1}}")


@pytest.fixture(autouse=True)
def one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes abreast goes in some order; here it is always the same one."""

    def in_order(call: Callable[[Any], Any], items: Any, at_a_time: int) -> Iterator[Any]:
        del at_a_time
        return map(call, items)

    for module in ("publication", "cleaning.sweep", "cleaning.survey", "census"):
        monkeypatch.setattr(f"s3lo.operations.{module}.abreast", in_order)


def blob(content: bytes, media_type: str = media_types.OCI_LAYER) -> Descriptor:
    return Descriptor(media_type, Digest.of(content), len(content))


class Image:
    """What a push brings: content by its name in the image, and the manifest over it."""

    def __init__(self, *contents: bytes, is_index: bool = False) -> None:
        config, *layers = (blob(content) for content in contents)
        self.manifest = build_manifest(config, tuple(layers))
        self.raw = self.manifest.raw
        self.contents = {Digest.of(content): content for content in contents}
        if is_index:
            self.contents[self.manifest.digest] = self.raw
            self.raw = build_index((self.manifest.descriptor(),)).raw
        self.blobs = [blob(content) for content in self.contents.values()]

    def store(self, store: MemoryStore, only: Sequence[bytes] | None = None) -> None:
        for digest, content in self.contents.items():
            if only is None or content in only:
                store.put(keys.blob_key(digest), content)

    def tag(self, store: MemoryStore, image: str, tag: str) -> None:
        self.store(store)
        store.put(keys.layout_key(image, tag), keys.OCI_LAYOUT)
        store.put(keys.manifest_key(image, tag), self.raw)


def push(image: Image, name: str, tag: str, seat: Seat) -> None:
    def bring(wanted: Sequence[Descriptor]) -> None:
        for each in wanted:
            seat.store.put(keys.blob_key(each.digest), image.contents[each.digest])

    bring([each for each in image.blobs if not seat.store.head(keys.blob_key(each.digest))])
    publication = Publication(name, tag, image.raw, image.blobs)
    publish(seat.store, publication, bring, ignore, seat.sleep)


def clean(
    seat: Seat, book: Rulebook = NO_RULES, grace_seconds: float = HOUR, **parts: bool
) -> None:
    task = Task(
        seat.store,
        Grace(seat.store.now(), grace_seconds),
        is_confirmed=True,
        tags=parts.get("tags", True),
        blobs=parts.get("blobs", True),
        book=book,
        observer=ignore,
        sleep=seat.sleep,
    )
    assert not clean_store(task, uploads=False).errors


def check_whole(store: MemoryStore, *expected: str, may_have_mark: bool = False) -> None:
    """Every tag has all it needs, these tags are there, and no mark is left."""
    assert may_have_mark or keys.CLEANING_KEY not in store.objects
    found = filter(None, map(keys.parse_manifest_key, list(store.objects)))
    tags = {f"{image}:{tag}": keys.manifest_key(image, tag) for image, tag in found}
    assert set(expected) <= set(tags)
    for name, key in tags.items():
        image, _, tag = name.rpartition(":")
        assert keys.layout_key(image, tag) in store.objects, name
        document = parse_document(store.get(key))
        while not isinstance(document, Manifest):
            document = parse_document(store.get(keys.blob_key(document.manifests[0].digest)))
        for each in document.blobs:
            assert keys.blob_key(each.digest) in store.objects, f"{name} lacks a blob"


IMAGE = Image(b"old one", b"old two", b"new")


def old_blobs() -> MemoryStore:
    """Two of the image's three blobs are there, old, and no tag needs them; another tag is there."""
    store = MemoryStore()
    IMAGE.store(store, [b"old one", b"old two"])
    Image(b"other").tag(store, "other", "v1")
    store.advance(2 * HOUR)
    return store


CLEANS = 0
"""The actor that does; the other one pushes."""
WRITES = ("put", "remove", "delete")


def of_blobs(actor: int, method: str, key: str) -> bool:
    """Requests that push and clean may notice of each other where no tag is deleted. The blob that is
    new is too young for the clean, and its mark the clean alone writes."""
    if actor == CLEANS:
        return method in WRITES or (method == "list" and key in (keys.BLOBS, keys.MANIFESTS))
    if method == "head":
        return key.startswith(keys.BLOBS) and key != keys.blob_key(Digest.of(b"new"))
    return key != keys.layout_key("app", "v1")


def blobs_beside_a_push(choose: Choose) -> None:
    store = old_blobs()
    stage = Stage(store, of_blobs)
    stage.run([partial(clean, tags=False), partial(push, IMAGE, "app", "v1")], choose)
    check_whole(store, "app:v1", "other:v1")


def test_a_push_beside_a_clean_of_blobs_in_every_order() -> None:
    assert sum(1 for _ in every(blobs_beside_a_push)) > 3432


def test_without_the_mark_some_order_loses_a_blob(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking again was not enough: the search finds what went wrong, so it can find it."""
    monkeypatch.setattr(publishing, "wait_for_cleaning", lambda *_: None)
    with pytest.raises(AssertionError, match="lacks a blob"):
        for _ in every(blobs_beside_a_push):
            pass


def of_tags(actor: int, method: str, key: str) -> bool:
    """The same where no blob is deleted."""
    if actor == CLEANS:
        return method in (*WRITES, "head") or (method == "list" and key == keys.MANIFESTS)
    return key.startswith(keys.MANIFESTS) or key == keys.CLEANING_KEY


def tags_beside_a_push(image: Image, choose: Choose) -> None:
    store = MemoryStore()
    IMAGE.tag(store, "app", "v1")
    store.advance(HOUR)
    IMAGE.tag(store, "app", "v2")
    store.advance(2 * HOUR)
    stage = Stage(store, of_tags)
    beside = partial(push, image, "app", "v1")
    stage.run([partial(clean, book=KEEP_ONE, blobs=False), beside], choose)
    check_whole(store, "app:v1")
    assert store.get(keys.manifest_key("app", "v1")) == image.raw


@pytest.mark.parametrize("image", [IMAGE, Image(b"newer")], ids=["same", "other"])
def test_a_condemned_tag_that_is_pushed_anew_stays_in_every_order(image: Image) -> None:
    assert sum(1 for _ in every(partial(tags_beside_a_push, image))) > 500


def everything(actor: int, method: str, key: str) -> bool:
    del actor, method, key
    return True


def three_tags() -> MemoryStore:
    """And old blobs that no tag needs."""
    store = old_blobs()
    for number in (1, 2, 3):
        Image(b"own %d" % number, is_index=True).tag(store, "app", f"v{number}")
        store.advance(2 * HOUR)
    return store


def test_a_clean_that_is_killed_anywhere_leaves_what_the_next_one_cleans() -> None:
    """Its mark is left as well: the next clean waits until that counts for nothing."""
    act: Act = partial(clean, book=KEEP_ONE)
    for after in count():
        store = three_tags()
        is_killed = Stage(store, everything).run([act], first, after)
        check_whole(store, "app:v3", "other:v1", may_have_mark=is_killed)
        Stage(store, everything).run([act], first)
        check_whole(store, "app:v3", "other:v1")
        kept = [image.blobs for image in (Image(b"own 3", is_index=True), Image(b"other"))]
        needed = {keys.blob_key(each.digest) for blobs in kept for each in blobs}
        assert {key for key in store.objects if key.startswith(keys.BLOBS)} == needed
        if not is_killed:
            assert after > 20
            return


def test_a_push_beside_a_clean_that_is_killed() -> None:
    """Anywhere, in orders by chance; a killed clean deletes nothing more, whatever its mark says."""
    store, after = MemoryStore(), 0

    def run(choose: Choose) -> None:
        beside = partial(push, IMAGE, "app", "v1")
        is_killed = Stage(store, everything).run([clean, beside], choose, after)
        check_whole(store, "app:v1", "other:v1", may_have_mark=is_killed)

    for source in some(run, 400, seed=1):
        store, after = old_blobs(), source.randrange(30)


@pytest.mark.parametrize("grace_seconds", [HOUR, 0.0])
def test_cleans_and_pushes_of_all_kinds_beside_each_other(grace_seconds: float) -> None:
    """Two cleans, two pushes, one of them of a tag that may be condemned; with a grace period of
    nothing, too, which is what a push meets that takes longer than that."""
    store = MemoryStore()
    acts: list[Act] = []

    def run(choose: Choose) -> None:
        Stage(store, everything).run(acts, choose)
        check_whole(store)

    for source in some(run, 400, seed=2):
        store = three_tags()
        contents = [b"old one", b"old two", b"own 1", b"own 2", *(b"%d" % n for n in range(4))]
        acts = [partial(clean, book=KEEP_ONE, grace_seconds=grace_seconds) for _ in range(2)]
        for _ in range(2):
            chosen = source.sample(contents, source.randrange(1, 6))
            image = Image(*chosen, is_index=source.random() < 0.3)
            acts.append(partial(push, image, "app", source.choice(["v1", "v2", "v9"])))


def test_one_clean_waits_for_another_and_finds_nothing_left() -> None:
    for _ in some(two_cleans, 300, seed=3):
        pass


def two_cleans(choose: Choose) -> None:
    store = three_tags()
    act: Act = partial(clean, book=KEEP_ONE)
    Stage(store, everything).run([act, act], choose)
    check_whole(store, "app:v3", "other:v1")


def test_a_mark_that_another_took_stops_a_clean() -> None:
    """As where a machine slept for minutes in the middle of it."""
    store = MemoryStore()
    with Cleaning(store) as cleaning:
        cleaning.announce(["a"])
        store.advance(31)
        with Cleaning(store) as other:
            with pytest.raises(ServiceError):
                cleaning.announce(["b"])
            with pytest.raises(ServiceError):
                cleaning.require()
            other.require()
        assert keys.CLEANING_KEY not in store.objects
    assert keys.CLEANING_KEY not in store.objects
