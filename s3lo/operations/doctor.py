"""doctor: whether a store is well, what is wrong with it, and what mends that.

examination: what is there ──► checks ──► content, if it is to be read ──► diagnosis
"""

from __future__ import annotations

from threading import Event

from s3lo import errors
from s3lo.bucket.local import is_store
from s3lo.bucket.options import ConnectionOptions
from s3lo.bucket.store import Store
from s3lo.engine.options import EngineOptions
from s3lo.errors import S3loError, UsageError
from s3lo.events import Observer, ignore
from s3lo.model.objects import Endpoint
from s3lo.model.reference import parse_location
from s3lo.operations.clean import GRACE_SECONDS
from s3lo.operations.depot import Depot, opened
from s3lo.operations.examining.checks import (
    check_access,
    check_layout,
    check_orphans,
    check_region,
    check_rules,
    check_storage,
    check_uploads,
)
from s3lo.operations.examining.completeness import check_closure, check_tags
from s3lo.operations.examining.content import Sample, check_content
from s3lo.operations.examining.diagnosis import DoctorResult, is_healthy
from s3lo.operations.examining.examination import examine
from s3lo.operations.phase import cancellable, one_at_a_time

_NO_CONNECTION = ConnectionOptions()
_NO_ENGINE = EngineOptions()


def doctor(
    bucket: str,
    *,
    deep: bool = False,
    sample: float | None = None,
    seed: int | None = None,
    connection: ConnectionOptions = _NO_CONNECTION,
    engine: EngineOptions = _NO_ENGINE,
    observer: Observer = ignore,
    cancel: Event | None = None,
) -> DoctorResult:
    """Examine a store and change nothing in it.

    With ``deep`` blobs are read and hashed as well: all of them, or a ``sample``, a share of their
    number above 0 and up to 1, drawn with ``seed``. What is wrong is among the checks of the result;
    raised is only what leaves nothing to be said: no such store, no access at all, no answer.
    """
    _require_share(deep, sample, seed)
    observer = one_at_a_time(cancellable(observer, cancel))
    drawn = Sample.drawn(sample, seed)
    with errors.context("examining", bucket):
        location = parse_location(bucket, is_store)
        with opened(location, connection, engine) as depot:
            result = _diagnose(depot, drawn if deep else None, observer, cancel)
    return result


def _require_share(deep: bool, sample: float | None, seed: int | None) -> None:
    if sample is not None and not 0 < sample <= 1:
        raise UsageError("a sample is more than nothing and at most all", hint="Write 5% or 100%.")
    if (sample is not None or seed is not None) and not deep:
        raise UsageError("a sample is of what is read", hint="Add --deep.")
    if seed is not None and sample is None:
        raise UsageError("a seed is for drawing a sample", hint="Add --sample 5%.")


def _diagnose(
    depot: Depot, sample: Sample | None, observer: Observer, cancel: Event | None
) -> DoctorResult:
    store = depot.store
    asked = _endpoint(store)
    seen = examine(store, GRACE_SECONDS, observer, keeps_names=sample is not None)
    endpoint = _endpoint(store)
    tags = () if isinstance(seen.census, S3loError) else seen.census.tags
    checks = [
        check_access(seen),
        check_region(endpoint, asked.region if asked else ""),
        check_layout(seen),
        check_rules(seen, {tag.image for tag, _ in tags}),
        check_tags(seen),
        check_closure(seen, store),
        check_orphans(seen),
        check_uploads(seen),
        check_storage(seen, endpoint),
    ]
    report = None
    if sample:
        content, report = check_content(seen, depot.engine, sample, observer, cancel)
        checks.append(content)
    return DoctorResult(
        reference=str(store.location),
        healthy=is_healthy(checks),
        checks=tuple(checks),
        seed=sample.seed if sample and sample.share < 1 else None,
        engine=report,
    )


def _endpoint(store: Store) -> Endpoint | None:
    """Of a bucket, as far as it is known by now where that is."""
    from s3lo.bucket.s3 import S3Store

    return store.endpoint if isinstance(store, S3Store) else None
