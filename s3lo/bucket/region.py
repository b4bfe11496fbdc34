"""Region: where a bucket lives, asked of S3 itself without credentials.

A HEAD of a bucket is answered with ``x-amz-bucket-region`` whoever asks and however it ends: 200,
301, 403 (Amazon S3 API reference, HeadBucket).
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from s3lo.bucket.repeats import final_answer
from s3lo.errors import ServiceError
from s3lo.model.objects import Response
from s3lo.model.s3_errors import UntrustedEndpoint, error_from, is_retryable, no_such_bucket

if TYPE_CHECKING:
    from email.message import Message

DEFAULT_REGION = "us-east-1"
HEADER = "x-amz-bucket-region"

_AWS = "https://s3.amazonaws.com"
_TIMEOUT_SECONDS = 10.0


def discover(bucket: str, *, endpoint_url: str = "", ca_bundle: str = "") -> str:
    """The region of a bucket; ``us-east-1`` where an endpoint knows of none.

    Proxies from the environment are honoured. Raises NotFoundError where there is no such bucket,
    ServiceError where no answer comes, or none but refusals, however often it is asked.
    """
    ask = partial(_head, _url_of(bucket, endpoint_url), ca_bundle)
    return _told_by(final_answer(ask, time.sleep).response, bucket)


def ask_once(bucket: str, *, endpoint_url: str = "", ca_bundle: str = "") -> str:
    """The same for who has a patience already, which two would multiply."""
    return _told_by(_head(_url_of(bucket, endpoint_url), ca_bundle), bucket)


def _url_of(bucket: str, endpoint_url: str) -> str:
    return f"{(endpoint_url or _AWS).rstrip('/')}/{bucket}"


def _told_by(answer: Response, bucket: str) -> str:
    if is_retryable(answer):
        raise error_from(answer, f"the region of {bucket}")
    if answer.status == 404:
        raise no_such_bucket(bucket)
    return answer.headers.get(HEADER, DEFAULT_REGION)


def _head(url: str, ca_bundle: str) -> Response:
    # urllib knows proxies; it costs 30 ms to import, which a request across the network hides.
    import ssl
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, method="HEAD")
    try:
        with _opener(ca_bundle).open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return Response(answer.status, _lower(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.code, _lower(error.headers))
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise UntrustedEndpoint(f"no trusted TLS connection to {url}: {reason}") from error
        raise ServiceError(f"no answer from {url}: {reason}") from error


def _opener(ca_bundle: str) -> Any:
    """Opens URLs, trusting the CA bundle, and hands a redirect back instead of following it."""
    import urllib.request

    from s3lo.trust import trusting

    class Unfollowed(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    https = urllib.request.HTTPSHandler(context=trusting(ca_bundle))
    return urllib.request.build_opener(https, Unfollowed)


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
