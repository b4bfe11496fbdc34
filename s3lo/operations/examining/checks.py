"""Checks: what an examination says of everything but what tags need. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from s3lo.bucket.keys import BLOBS, CHUNK_PREFIXES, MANIFESTS, RULES_KEY
from s3lo.bucket.prices import TIERED
from s3lo.errors import AccessDeniedError, InvalidDocument, S3loError
from s3lo.model.glob import glob
from s3lo.model.objects import Endpoint, Unfinished
from s3lo.model.s3_errors import Unsupported
from s3lo.operations.examining.diagnosis import Check, Finding, Status, unknown
from s3lo.operations.examining.examination import Examination
from s3lo.quantities import count, size, span

_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


def check_access(seen: Examination) -> Check:
    """What may be done. Nobody who only pulls has to write."""
    may_list = not isinstance(seen.census, AccessDeniedError) and not isinstance(
        seen.blobs_error, AccessDeniedError
    )
    read = () if isinstance(seen.census, S3loError) else seen.census.roots
    may_read = not isinstance(seen.rules, AccessDeniedError) or any(read)
    permissions = {
        "list": "allowed" if may_list else "denied",
        "read": "allowed" if may_read else "denied",
        "write": seen.access.write,
        "delete": seen.access.delete,
    }
    needs = {"list": "everything", "read": "everything", "write": "push", "delete": "clean, delete"}
    findings = [
        Finding(name, f"denied: {needs[name]} needs it")
        for name, permission in permissions.items()
        if permission == "denied"
    ]
    status: Status = "denied" if findings else "ok"
    if not (may_list and may_read):
        status = "failed"
    if seen.access.left:
        status = "advice" if status == "ok" else status
        left = f"{seen.location}{seen.access.left}"
        findings.append(Finding(left, "a probe that could not be removed", _remove(left)))
    detail = ", ".join(f"{name} {permission}" for name, permission in permissions.items())
    return Check("access", status, detail, tuple(findings))


def check_region(endpoint: Endpoint | None, asked: str) -> Check:
    """Whether requests go where the bucket is. ``asked``: the region of the first one."""
    if endpoint is None:
        return Check("region", "skipped", "a directory has none")
    if endpoint.region == asked:
        return Check("region", "ok", f"{asked} at {endpoint.url}" if endpoint.url else asked)
    problem = f"the bucket is in {endpoint.region}: each command is sent there from {asked} first"
    mend = f"export AWS_REGION={endpoint.region}"
    return Check("region", "advice", endpoint.region, (Finding(asked, problem, mend),))


def check_layout(seen: Examination) -> Check:
    """Keys that are no store's, and those of tags that are not there."""
    location = seen.location
    places = (seen.foreign, seen.folders.foreign, seen.inventory.foreign)
    foreign = sum(place.count for place in places)
    left = seen.folders.left()
    findings = [
        Finding(key, "no key of a store", _remove(f"{location}{key}"))
        for place in places
        for key in place.first
    ]
    clean = f"s3lo clean {location} --tags --confirm"
    problem = "of a tag that is not there: a push or a deletion did not end"
    findings += [Finding(each.folder, problem, clean if each.is_cleaned else "") for each in left]
    findings += [Finding(str(location), error.message) for error in seen.unlisted]
    detail = f"{foreign} foreign, {len(left)} left of tags that are not there"
    status: Status = "advice" if foreign or left else "ok"
    if seen.unlisted:
        denied = all(isinstance(error, AccessDeniedError) for error in seen.unlisted)
        status = "denied" if denied else "failed"
        detail += "; not everything could be listed"
    figures = {"foreign": foreign, "left": len(left)}
    return Check("layout", status, detail, tuple(findings), figures)


def check_rules(seen: Examination, images: Iterable[str]) -> Check:
    """Whether ``s3lo.yaml`` is understood, and whether each section is of an image that there is."""
    rules = seen.rules
    if isinstance(rules, InvalidDocument):
        mend = f"s3lo config set {seen.location} KEY=VALUE, or {RULES_KEY} by hand"
        return Check("rules", "failed", rules.message, (Finding(RULES_KEY, rules.message, mend),))
    if isinstance(rules, S3loError):
        return unknown("rules", rules)
    present = list(images)
    idle = [name for name in rules.images if not any(map(glob(name).match, present))]
    findings = [Finding(f"images.{name}", "no image is called like this") for name in idle]
    detail = count(len(rules.images), "section") + " beside the defaults"
    return Check("rules", "advice" if idle else "ok", detail, tuple(findings))


def check_uploads(seen: Examination) -> Check:
    """Uploads that were begun and never completed: nobody sees them, and they cost."""
    uploads = seen.uploads
    if isinstance(uploads, Unsupported):
        return Check("uploads", "skipped", "the service does not list them")
    if isinstance(uploads, AccessDeniedError):
        return Check("uploads", "denied", uploads.message)
    if isinstance(uploads, S3loError):
        return unknown("uploads", uploads)
    is_local = seen.location.scheme == "local"
    ours = [each for each in uploads if is_local or _is_ours(each)]
    old = [each for each in ours if not seen.grace.spares(each.started)]
    figures = {"uploads": len(ours), "old": len(old), "foreign": len(uploads) - len(ours)}
    detail = f"{len(ours)} unfinished"
    if ours:
        ages = [(seen.grace.moment - each.started).total_seconds() for each in ours if each.started]
        detail += f", the oldest {span(max([0.0, *ages]))} old"
    known = sum(each.size_bytes or 0 for each in ours)
    if known:
        detail += f", {size(known)}"
        figures["bytes"] = known
    if not old:
        return Check("uploads", "ok", detail, (), figures)
    mend = f"s3lo clean {seen.location} --uploads --confirm"
    finding = Finding(count(len(old), "upload"), f"older than {_grace(seen)}", mend)
    return Check("uploads", "advice", detail, (finding,), figures)


def check_orphans(seen: Examination) -> Check:
    """Blobs that no tag needs."""
    if isinstance(seen.census, S3loError):
        return unknown("orphans", seen.census)
    if seen.blobs_error:
        return unknown("orphans", seen.blobs_error)
    all_, old = seen.inventory.orphans, seen.inventory.old_orphans
    figures = {
        "blobs": all_.count,
        "bytes": all_.bytes_,
        "old_blobs": old.count,
        "old_bytes": old.bytes_,
    }
    detail = f"{count(all_.count, 'blob')} ({size(all_.bytes_)}) that no tag needs"
    if all_.count > old.count:
        detail += f", {all_.count - old.count} of them younger than {_grace(seen)}"
    if seen.census.unreadable:
        detail += "; what could not be read may need some of them"
    if not old.count:
        return Check("orphans", "ok", detail, (), figures)
    subject = f"{count(old.count, 'blob')} ({size(old.bytes_)})"
    mend = f"s3lo clean {seen.location} --blobs --confirm"
    finding = Finding(subject, f"no tag needs them, older than {_grace(seen)}", mend)
    return Check("orphans", "advice", detail, (finding,), figures)


def check_storage(seen: Examination, endpoint: Endpoint | None) -> Check:
    """Whether blobs are in a class that suits them: read often at first, and then seldom."""
    if endpoint is None:
        return Check("storage", "skipped", "a directory has no storage classes")
    if seen.blobs_error:
        return unknown("storage", seen.blobs_error)
    classes = seen.inventory.classes
    detail = ", ".join(f"{name} {size(amount.bytes_)}" for name, amount in sorted(classes.items()))
    figures = {name: amount.bytes_ for name, amount in sorted(classes.items())}
    findings = []
    if "STANDARD" in seen.inventory.large_classes:
        large = seen.inventory.large_classes["STANDARD"]
        mend = f"aws s3 cp --recursive --storage-class {TIERED} {_blobs(seen)} {_blobs(seen)}"
        problem = f"in STANDARD; {TIERED} costs less for what is not pulled for 30 days"
        subject = f"{count(large.count, 'blob')} ({size(large.bytes_)})"
        findings.append(Finding(subject, problem, mend))
    for name in sorted(set(_ARCHIVES).intersection(classes)):
        subject = f"{count(classes[name].count, 'blob')} ({size(classes[name].bytes_)})"
        findings.append(Finding(subject, f"in {name}: no pull can read them until restored"))
    status: Status = "advice" if findings else "ok"
    return Check("storage", status, detail or "no blobs", tuple(findings), figures)


def _remove(address: str) -> str:
    """The command that removes a key or a folder, which no command of s3lo does."""
    scheme, _, path = address.partition("://")
    is_folder = address.endswith("/")
    if scheme == "local":
        return f"rm {'-r ' if is_folder else ''}{shlex.quote(path)}"
    return f"aws s3 rm {'--recursive ' if is_folder else ''}{shlex.quote(address)}"


def _is_ours(upload: Unfinished) -> bool:
    return upload.key.startswith((BLOBS, MANIFESTS, *CHUNK_PREFIXES))


def _blobs(seen: Examination) -> str:
    return f"{seen.location}{BLOBS}"


def _grace(seen: Examination) -> str:
    return span(seen.grace.seconds)
