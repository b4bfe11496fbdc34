"""The region of a bucket, asked of the service."""

from __future__ import annotations

import pytest

from s3lo.backoff import ATTEMPTS
from s3lo.bucket import region
from s3lo.errors import NotFoundError, ServiceError, ThrottledError
from tests.servers.answering import HANG_UP, Answer, Answering


@pytest.mark.parametrize("status", [200, 301, 400, 403])
def test_a_region_is_discovered_however_the_answer_ends(answering: Answering, status: int) -> None:
    headers = {"x-amz-bucket-region": "ap-south-1", "location": "http://127.0.0.1:1/"}
    answering.script(Answer(status, headers=headers))
    assert region.discover("bucket", endpoint_url=answering.url) == "ap-south-1"
    assert (answering.seen[0].method, answering.seen[0].path) == ("HEAD", "/bucket")
    assert len(answering.seen) == 1, "a redirect is read, not followed"


def test_a_bucket_that_is_nowhere_has_no_region(answering: Answering) -> None:
    answering.script(Answer(404))
    with pytest.raises(NotFoundError, match="no such bucket: bucket"):
        region.discover("bucket", endpoint_url=answering.url)


def test_an_endpoint_without_regions_is_the_default_one(answering: Answering) -> None:
    assert region.discover("bucket", endpoint_url=f"{answering.url}/") == "us-east-1"


def test_discovery_waits_out_a_busy_service(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.bucket.region.time.sleep", lambda _: None)
    answering.script(
        Answer(503), HANG_UP, Answer(200, headers={"x-amz-bucket-region": "eu-west-1"})
    )
    assert region.discover("bucket", endpoint_url=answering.url) == "eu-west-1"


def test_a_fleet_that_is_refused_more_often_than_what_breaks_is_tried_still_finds_its_region(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3lo.bucket.region.time.sleep", lambda _: None)
    found = Answer(200, headers={"x-amz-bucket-region": "eu-west-1"})
    answering.script(*[Answer(503)] * (2 * ATTEMPTS), found)
    assert region.discover("bucket", endpoint_url=answering.url) == "eu-west-1"


def test_a_service_that_only_refuses_is_not_taken_for_one_without_regions(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to be in us-east-1."""
    monkeypatch.setattr("s3lo.bucket.region.time.sleep", lambda _: None)
    answering.script(Answer(503))
    with pytest.raises(ThrottledError, match="the region of bucket"):
        region.discover("bucket", endpoint_url=answering.url)


def test_who_has_a_patience_of_its_own_asks_once(answering: Answering) -> None:
    answering.script(Answer(503))
    with pytest.raises(ThrottledError, match="the region of bucket"):
        region.ask_once("bucket", endpoint_url=answering.url)
    assert len(answering.seen) == 1


def test_discovery_gives_up(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3lo.bucket.region.time.sleep", lambda _: None)
    answering.script(HANG_UP)
    with pytest.raises(ServiceError):
        region.discover("bucket", endpoint_url=answering.url)
    assert len(answering.seen) == ATTEMPTS


def test_discovery_goes_through_the_proxy(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", answering.url)
    answering.script(Answer(200, headers={"x-amz-bucket-region": "eu-west-1"}))
    assert region.discover("bucket", endpoint_url="http://s3.example.test") == "eu-west-1"
    assert answering.seen[0].path == "http://s3.example.test/bucket"
