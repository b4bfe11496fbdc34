"""Everything that crosses a process survives the crossing."""

from __future__ import annotations

import pickle
import socket

import pytest

from s3lo import errors
from s3lo.engine import channel, jobs
from s3lo.engine.backend import LocalConfig, NativeConfig, SocketConfig
from s3lo.engine.carried import Carried
from s3lo.engine.channel import Channel
from s3lo.model.multipart import OpenUpload, StoredPart
from s3lo.model.objects import Credentials, Endpoint

CREDENTIALS = Credentials("id", "secret", "token", 1.0)
NATIVE = NativeConfig(Endpoint("bucket", "region"), CREDENTIALS)
JOBS: tuple[jobs.Job, ...] = (
    jobs.Get(1, 2, "key", 3, 4, 5, "/path", "etag", is_hashed=True, patience_seconds=6.0),
    jobs.Put(1, 2, "key", "/path", 3, 4, (("name", "value"),), if_absent=True),
    jobs.Begin(1, 2, "key", 3, (("name", "value"),)),
    jobs.PutPart(1, 2, "key", "upload", 3, "/path", 4, 5, 6, there=StoredPart(3, "etag", "sum", 6)),
    jobs.Finish(1, 2, "key", "upload", (StoredPart(1, "etag", "sum"),), 3, if_absent=True),
    jobs.Abort(1, 2, "key", "upload"),
    jobs.ListUploads(1, 2, "key"),
    jobs.ListParts(1, 2, "key", "upload", 3),
    jobs.Look(1, 2, "key"),
)
MESSAGES = (
    channel.Configure(NATIVE),
    channel.Configure(SocketConfig(NATIVE.endpoint, CREDENTIALS, hash_threads=3)),
    channel.Configure(LocalConfig("/root")),
    channel.Submit(JOBS),
    channel.Cancel((1, 2)),
    channel.Renew(CREDENTIALS),
    channel.Stop(),
    channel.Outcomes(
        (
            jobs.Done(1, "etag"),
            jobs.Done(2, found=(OpenUpload("id", "when"),)),
            jobs.Hashed(2, "hex"),
        )
    ),
    channel.Progress(Carried(0.5, 1 << 40), 1.5, 2),
    channel.Bye(1 << 40),
)


def test_every_kind_of_job_and_message_is_covered_here() -> None:
    assert {type(job) for job in JOBS} == set(jobs.Job.__args__)
    named = {name for name in vars(channel) if name[0].isupper()} & {
        "Configure", "Submit", "Cancel", "Renew", "Stop", "Outcomes", "Progress", "Bye",
    }  # fmt: skip
    assert {type(message).__name__ for message in MESSAGES} == named


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_messages_arrive_as_they_were_sent(message: object) -> None:
    ours, theirs = socket.socketpair()
    sender, receiver = Channel(ours), Channel(theirs)
    sender.send(message)
    assert receiver.receive() == message
    sender.close()
    assert receiver.receive() is None
    receiver.close()


def _leaves(kind: type[errors.S3loError]) -> list[type[errors.S3loError]]:
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in _leaves(below))]


@pytest.mark.parametrize("kind", _leaves(errors.S3loError), ids=lambda k: k.__name__)
def test_failures_keep_type_message_hint_and_exit_code(kind: type[errors.S3loError]) -> None:
    error = kind("what", hint="do", reference="ref")
    error.doing = "pulling"
    failed = jobs.Failed(7, error, retryable=True, throttled=True, expired=True)
    back = pickle.loads(pickle.dumps(failed))
    assert (back.id, back.retryable, back.throttled, back.expired) == (7, True, True, True)
    assert type(back.error) is kind
    assert vars(back.error) == vars(error)
    assert back.error.exit_code == error.exit_code


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "secret" not in repr(NATIVE)
    assert "token" not in repr(NATIVE)
