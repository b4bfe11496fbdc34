"""Credential helper: a program that keeps logins, ``docker-credential-NAME`` on PATH.

Protocol: github.com/docker/docker-credential-helpers, README and credentials/error.go. The
``docker`` package has a client of it; this one says what the program said, which that one lets
through to the terminal, waits no longer than a minute or two, and costs no import of 0.2 s.
"""

from __future__ import annotations

import shutil

import msgspec
from msgspec import Struct

from s3lo.errors import LocalError
from s3lo.transports.registry.login import Login

_WAIT_SECONDS = 120
"""A helper may ask for a passphrase in a window of its own."""
_NOT_FOUND = "credentials not found in native keychain"
"""What the protocol has a helper print, and exit with 1, where it has nothing: its only sign."""
_TOKEN_USER = "<token>"
"""Whose secret is an identity token."""
_MOST_WORDS = 500
_HINT = "Set it right or remove it from the file that names it, or give the login with --creds."


class _Answer(Struct):
    username: str = msgspec.field(default="", name="Username")
    secret: str = msgspec.field(default="", name="Secret")


_ANSWER = msgspec.json.Decoder(_Answer)


def ask(name: str, server: str) -> Login | None:
    """The login that a helper keeps for a server; None where it says that it has none.

    Raises LocalError where there is no such helper, and for whatever else it says or does not say.
    """
    program = f"docker-credential-{name}"
    found = shutil.which(program)
    if not found:
        raise LocalError(f"the credential helper {program} is not on PATH", hint=_HINT)
    answer = _answered(program, found, server)
    if answer is None or not (answer.username or answer.secret):
        return None  # docker-credential-pass answers so instead of failing
    if answer.username == _TOKEN_USER:
        return Login("", "", answer.secret)
    return Login(answer.username, answer.secret)


def _answered(program: str, path: str, server: str) -> _Answer | None:
    import subprocess

    what = f"the credential helper {program}"
    try:
        ran = subprocess.run(
            [path, "get"], input=server.encode(), capture_output=True, timeout=_WAIT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"{what} did not answer in {_WAIT_SECONDS} s", hint=_HINT) from error
    except OSError as error:
        raise LocalError(f"{what} does not run: {error.strerror}", hint=_HINT) from error
    said = ran.stdout.decode("utf-8", "replace").strip()
    if ran.returncode and said == _NOT_FOUND:
        return None
    if ran.returncode:
        words = said or ran.stderr.decode("utf-8", "replace").strip() or f"status {ran.returncode}"
        raise LocalError(f"{what} failed for {server}: {words[-_MOST_WORDS:]}", hint=_HINT)
    try:
        return _ANSWER.decode(ran.stdout)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # Its words stay unsaid here: they may well be the secret.
        raise LocalError(f"{what} gave no login for {server}: {error}", hint=_HINT) from error
