"""What the S3 store makes of a service's answers: busy, elsewhere, broken."""

from __future__ import annotations

import pytest

from s3lo.backoff import ATTEMPTS, REFUSED_SECONDS
from s3lo.bucket.s3 import S3Store
from s3lo.errors import AccessDeniedError, NotFoundError, S3loError, ServiceError, ThrottledError
from s3lo.model.reference import Location
from tests.integration.answered import WIRES, AnsweredStore, endpoint_of, wire
from tests.servers.answering import HANG_UP, Answer, Answering, error


def test_a_request_names_the_bucket_the_key_and_who_asks(answered: AnsweredStore) -> None:
    answered.by.script(Answer(200, b"content"))
    assert answered.store.get("manifests/a b/v1/manifest.json") == b"content"
    [seen] = answered.by.seen
    assert seen.path == "/bucket/manifests/a%20b/v1/manifest.json"
    assert seen.headers["x-amz-security-token"] == "token"
    assert seen.signed_for == "us-east-1"


@pytest.mark.parametrize("kind", WIRES)
def test_an_anonymous_request_is_not_signed(answering: Answering, kind: str) -> None:
    endpoint = endpoint_of(answering)
    store = S3Store(Location("s3", "bucket"), endpoint, wire(kind, endpoint, None))
    store.get("key")
    assert "authorization" not in answering.seen[0].headers
    store.close()


def test_a_burst_of_503_is_waited_out(answered: AnsweredStore) -> None:
    answered.by.script(error(503, "SlowDown"), error(500, "InternalError"), Answer(200, b"ok"))
    assert answered.store.get("key") == b"ok"
    assert len(answered.by.seen) == 3
    assert len(answered.slept) == 2


def test_an_object_that_looks_like_an_error_is_an_object(answered: AnsweredStore) -> None:
    answered.by.script(Answer(200, error(503, "SlowDown").body))
    assert answered.store.get("key") == error(503, "SlowDown").body
    assert len(answered.by.seen) == 1


def test_a_service_that_stays_busy_is_given_up(answered: AnsweredStore) -> None:
    answered.by.script(error(503, "SlowDown"))
    with pytest.raises(ThrottledError):
        answered.store.get("key")
    assert 60 <= sum(answered.slept) <= REFUSED_SECONDS


def test_a_service_that_refuses_for_a_while_is_not_asked_ever_more_seldom(
    answered: AnsweredStore,
) -> None:
    """One node of eight, whose manifest was refused five times while the others pulled, began to pull
    when these were done."""
    answered.by.script(*[error(503, "SlowDown")] * 5, Answer(200, b"ok"))
    assert answered.store.get("key") == b"ok"
    assert sum(answered.slept) <= 1.55


def test_a_fleet_that_is_refused_more_often_than_what_breaks_is_tried_still_gets_its_manifest(
    answered: AnsweredStore,
) -> None:
    answered.by.script(*[error(503, "SlowDown")] * (2 * ATTEMPTS), Answer(200, b"ok"))
    assert answered.store.get("key") == b"ok"


def test_a_lost_connection_is_tried_again(answered: AnsweredStore) -> None:
    answered.by.script(HANG_UP, Answer(200, b"ok"))
    assert answered.store.get("key") == b"ok"
    assert len(answered.slept) == 1


def test_an_answer_that_ends_early_is_tried_again(answered: AnsweredStore) -> None:
    answered.by.script(Answer(200, b"o", {"content-length": "2"}), Answer(200, b"ok"))
    assert answered.store.get("key") == b"ok"


def test_a_service_that_never_answers_is_an_error_of_the_service(answered: AnsweredStore) -> None:
    answered.by.script(HANG_UP)
    with pytest.raises(ServiceError):
        answered.store.get("key")
    assert len(answered.slept) == ATTEMPTS - 1


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_what_will_not_get_better_is_asked_once(answered: AnsweredStore, status: int) -> None:
    answered.by.script(error(status, "Whatever"))
    with pytest.raises(S3loError):
        answered.store.get("key")
    assert len(answered.by.seen) == 1


def test_only_404_is_absence(answered: AnsweredStore) -> None:
    answered.by.script(Answer(403))
    with pytest.raises(AccessDeniedError):
        answered.store.head("key")
    answered.by.script(Answer(400))
    with pytest.raises(ServiceError):
        answered.store.head("key")


def test_a_missing_bucket_is_told_from_a_missing_object(answered: AnsweredStore) -> None:
    answered.by.script(Answer(404))
    with pytest.raises(NotFoundError, match="no such bucket"):
        answered.store.head("key")
    assert [seen.path for seen in answered.by.seen] == ["/bucket/key", "/bucket/"]


def test_a_bucket_is_looked_for_once(answered: AnsweredStore) -> None:
    answered.by.reply = lambda seen: Answer(404 if seen.path != "/bucket/" else 200)
    assert [answered.store.head(key) for key in "abc"] == [None, None, None]
    assert len(answered.by.seen) == 4


@pytest.mark.parametrize(
    "moved",
    [
        error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
        error(307, "TemporaryRedirect", x_amz_bucket_region="eu-west-1"),
        error(400, "AuthorizationHeaderMalformed", x_amz_bucket_region="eu-west-1"),
        Answer(400, b"<Error><Code>IllegalLocation</Code><Region>eu-west-1</Region></Error>"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_a_bucket_in_another_region_is_followed_there(
    answered: AnsweredStore, moved: Answer
) -> None:
    answered.by.reply = lambda seen: Answer(200, b"ok") if seen.signed_for == "eu-west-1" else moved
    assert answered.store.get("key") == b"ok"
    assert answered.store.endpoint.region == "eu-west-1"
    assert answered.store.get("key") == b"ok"
    assert len(answered.by.seen) == 3, "the second request knew the way"
    assert answered.slept == []


def test_a_head_refused_for_its_region_is_followed_too(answered: AnsweredStore) -> None:
    moved = Answer(400, headers={"x-amz-bucket-region": "eu-west-1"})
    answered.by.reply = lambda seen: Answer() if seen.signed_for == "eu-west-1" else moved
    assert answered.store.head("key") is not None


def test_a_redirect_that_leads_nowhere_ends(answered: AnsweredStore) -> None:
    answered.by.script(error(301, "PermanentRedirect", x_amz_bucket_region="us-east-1"))
    with pytest.raises(ServiceError):
        answered.store.get("key")
    assert len(answered.by.seen) == 1
