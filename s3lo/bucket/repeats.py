"""Repeats: what is asked is asked again until an answer comes that stays, or patience ends."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from s3lo.backoff import Patience
from s3lo.errors import ServiceError
from s3lo.model.objects import Response
from s3lo.model.s3_errors import UntrustedEndpoint, is_retryable, is_throttled


class Outcome(Struct, frozen=True):
    """The final answer, and whether an earlier attempt may have been carried out unseen."""

    response: Response
    is_repeat: bool


def final_answer(
    ask: Callable[[], Response],
    sleep: Callable[[float], None],
    is_passing: Callable[[Response], bool] = is_retryable,
) -> Outcome:
    """The answer, a failure included, and a passing one where it comes however often it is asked; raises
    ServiceError where none comes."""
    patience = Patience()
    is_repeat = False
    while True:
        try:
            response = ask()
        except UntrustedEndpoint:
            raise
        except ServiceError:
            delay_seconds = patience.after_failure()
            if delay_seconds is None:
                raise
        else:
            delay_seconds = _delay_seconds(response, patience) if is_passing(response) else None
            if delay_seconds is None:
                return Outcome(response, is_repeat)
        is_repeat = True
        sleep(delay_seconds)


def _delay_seconds(response: Response, patience: Patience) -> float | None:
    return patience.after_refusal() if is_throttled(response) else patience.after_failure()
