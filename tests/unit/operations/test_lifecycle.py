"""Which tags go, held against the sentences of STORAGE ("s3lo.yaml") by examples and by properties."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from s3lo.bucket.catalog import Tag
from s3lo.bucket.rules import Lifecycle, Rulebook, Rules, parse_rules
from s3lo.model.attachment import subject_of
from s3lo.model.digest import Digest
from s3lo.operations.cleaning.lifecycle import Grace, Verdict, expired, orphaned

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.timezone.utc)
HOUR = 3600.0
DAY = 24 * HOUR
OLD = Digest.of(b"old")


def tag(name: str, age_seconds: float, image: str = "app") -> Tag:
    written = NOW - datetime.timedelta(seconds=age_seconds)
    return Tag(image, name, f"manifests/{image}/{name}/manifest.json", 1, written)


def gone(tags: Sequence[Tag], book: Rulebook, grace_seconds: float = HOUR) -> dict[str, str]:
    found = expired(tags, book, Grace(NOW, grace_seconds))
    return {str(v.tag): f"{v.rule}={v.limit} {v.source}" for v in found}


def test_each_verdict_names_its_rule_and_where_it_comes_from() -> None:
    book = parse_rules(
        b"""
        default: {lifecycle: {keep_last: 2, keep_tags: [latest]}}
        images:
          "dev/*": {lifecycle: {max_age: 7d}}
          app: {lifecycle: {keep_last: 1}}
        """
    )
    tags = [
        tag("v1", 3 * DAY), tag("v2", 2 * DAY), tag("latest", 9 * DAY),
        tag("a", 8 * DAY, "dev/x"), tag("b", 6 * DAY, "dev/x"), tag("c", 5 * DAY, "dev/x"),
        tag("a", 9 * DAY, "dev/y"),
        tag("v1", 90 * DAY, "other"), tag("v2", 91 * DAY, "other"),
    ]  # fmt: skip
    assert gone(tags, book) == {
        "app:v1": "keep_last=1 images.app",
        "dev/x:a": "keep_last=2 default",
        "dev/y:a": "max_age=7d images.dev/*",
    }


def test_images_beside_and_below_each_other_are_counted_apart() -> None:
    book = Rulebook(images={"app": Rules(lifecycle=Lifecycle(keep_last=1))})
    tags = [tag("v1", 3 * DAY), tag("v2", 2 * DAY), tag("x", 9 * DAY, "app/v1")]
    assert set(gone(tags, book)) == {"app:v1"}


def test_without_rules_nothing_goes() -> None:
    assert gone([tag("v1", 1e9)], Rulebook()) == {}


def test_of_tags_written_in_one_second_the_higher_number_is_newer() -> None:
    book = Rulebook(Rules(lifecycle=Lifecycle(keep_last=2)))
    tags = [tag(f"v{number}", DAY) for number in (9, 11, 10)]
    assert set(gone(tags, book)) == {"app:v9"}


def test_a_grace_of_nothing_spares_nothing() -> None:
    """The service's Date has whole seconds: what was written just now seemed to be of the future."""
    assert not Grace(NOW, 0).spares(NOW + datetime.timedelta(milliseconds=900))
    assert Grace(NOW, 0).spares(None)
    assert Grace(NOW, 60).spares(NOW + datetime.timedelta(seconds=5))
    assert not Grace(NOW, 60).spares(NOW - datetime.timedelta(seconds=60))


def test_tags_that_belong_to_a_manifest_are_known_by_their_names() -> None:
    hex_ = "a" * 64
    for name in (f"sha256-{hex_}", f"sha256-{hex_}.sig", f"sha256-{hex_}.a.b"):
        assert subject_of(name) == f"sha256:{hex_}"
    for name in (f"sha256-{hex_[1:]}", f"sha256-{hex_}x", f"x-sha256-{hex_}", f"sha256-{hex_}."):
        assert subject_of(name) is None


def referrers_gone(tags: Sequence[Tag], digests: dict[str, list[Digest]]) -> list[Verdict]:
    return orphaned(
        tags, {each.key: digests[each.name] for each in tags}, Rulebook(), Grace(NOW, HOUR)
    )


def test_what_belongs_to_a_manifest_goes_with_its_last_tag() -> None:
    inner, root, signature = Digest.of(b"inner"), Digest.of(b"root"), Digest.of(b"signature")
    names = {
        "v1": [root, inner],
        f"sha256-{inner.hex}.sig": [signature],
        f"sha256-{signature.hex}.att": [Digest.of(b"x")],
        f"sha256-{OLD.hex}": [Digest.of(b"y")],
        f"sha256-{Digest.of(b'y').hex}": [Digest.of(b"z")],
    }
    tags = [tag(name, DAY) for name in names]
    found = referrers_gone(tags, names)
    assert {v.tag.name for v in found} == set(list(names)[3:])
    assert found[0].rule == "referrer"
    assert found[0].limit == f"sha256:{OLD.hex}"
    assert len(referrers_gone(tags[1:], names)) == 4


def test_a_young_tag_that_belongs_to_nothing_yet_stays_with_what_belongs_to_it() -> None:
    names = {f"sha256-{OLD.hex}.sig": [Digest.of(b"s")], f"sha256-{Digest.of(b's').hex}": [OLD]}
    ages = dict(zip(names, (60, DAY), strict=True))
    assert referrers_gone([tag(name, ages[name]) for name in names], names) == []


def test_what_belongs_to_another_images_manifest_does_not_stay_for_it() -> None:
    other, mine = tag("v1", DAY, "other"), tag(f"sha256-{OLD.hex}.sig", DAY)
    found = orphaned([other, mine], {other.key: [OLD], mine.key: []}, Rulebook(), Grace(NOW, HOUR))
    assert [str(verdict.tag) for verdict in found] == [str(mine)]


NAMES = st.sampled_from(["a", "b", "c", "latest", "v1", "v2", f"sha256-{'0' * 64}.sig"])
TAGS = st.lists(
    st.builds(tag, NAMES, st.floats(0, 40 * DAY), st.sampled_from(["app", "app/x", "Other"])),
    unique_by=lambda each: each.key,
)
LIFECYCLES = st.builds(
    Lifecycle,
    st.none() | st.integers(1, 5),
    st.none() | st.floats(HOUR, 40 * DAY),
    st.none() | st.just(("latest", "a")),
)


@given(TAGS, LIFECYCLES, st.floats(0, 2 * DAY))
def test_a_tag_goes_exactly_when_it_breaks_a_rule(
    tags: list[Tag], lifecycle: Lifecycle, grace_seconds: float
) -> None:
    went = set(gone(tags, Rulebook(Rules(lifecycle=lifecycle)), grace_seconds))

    def age(each: Tag) -> float:
        assert each.last_modified is not None
        return (NOW - each.last_modified).total_seconds()

    for each in tags:
        ordinary = [t for t in tags if t.image == each.image and not t.name.startswith("sha256-")]
        newer = [t for t in ordinary if (age(t), t.name) < (age(each), each.name)]
        same_moment = [t for t in ordinary if t is not each and age(t) == age(each)]
        if same_moment or each not in ordinary:
            continue
        is_over = lifecycle.keep_last is not None and len(newer) >= lifecycle.keep_last
        is_aged = lifecycle.max_age_seconds is not None and age(each) > lifecycle.max_age_seconds
        is_kept = each.name in (lifecycle.keep_tags or ())
        is_young = grace_seconds > 0 and age(each) < grace_seconds
        assert (str(each) in went) == ((is_over or is_aged) and not is_kept and not is_young)
    assert not any(subject_of(name.partition(":")[2]) for name in went)


@given(TAGS, LIFECYCLES, st.randoms())
def test_the_order_of_the_listing_decides_nothing(
    tags: list[Tag], lifecycle: Lifecycle, random: object
) -> None:
    book = Rulebook(Rules(lifecycle=lifecycle))
    shuffled = list(tags)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert gone(tags, book) == gone(shuffled, book)


@given(TAGS, LIFECYCLES)
def test_what_stays_stays_when_the_rules_are_applied_once_more(
    tags: list[Tag], lifecycle: Lifecycle
) -> None:
    book = Rulebook(Rules(lifecycle=lifecycle))
    went = gone(tags, book)
    assert gone([each for each in tags if str(each) not in went], book) == {}
