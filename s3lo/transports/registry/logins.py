"""Logins: as whom a registry is to be asked, found where docker and skopeo find it.

--creds → auth files → AWS credentials, for Amazon's registries → nobody
"""

from __future__ import annotations

from s3lo.errors import UsageError
from s3lo.transports.registry import credential_helper
from s3lo.transports.registry.auth_files import AuthFile, auth_files, servers_of
from s3lo.transports.registry.ecr import find_token
from s3lo.transports.registry.login import Login


def find_login(host: str, repository: str, given: str = "", profile: str = "") -> Login | None:
    """The login for a repository; None for anonymous access.

    ``given`` is ``USER[:PASSWORD]`` and spares the search; ``profile`` is the AWS profile to ask
    ECR with. Nothing is remembered: where a token has run out, another call finds a fresh one.
    Raises UsageError for a ``given`` without a user, LocalError for a malformed file and a helper
    that fails, AccessDeniedError and ServiceError where AWS is asked and gives nothing.
    """
    if given:
        return _parse(given)
    for file in auth_files():
        if found := _in(file, host, repository):
            return found
    return find_token(host, profile)


def _parse(given: str) -> Login:
    user, _, password = given.partition(":")
    if not user:
        raise UsageError("--creds has no user", hint="Write --creds USER:PASSWORD.")
    return Login(user, password)


def _in(file: AuthFile, host: str, repository: str) -> Login | None:
    if helper := file.helper_of(host):
        return _kept(helper, host)
    found = file.login(host, repository)
    return found or (_kept(file.store, host) if file.store else None)


def _kept(helper: str, host: str) -> Login | None:
    found = (credential_helper.ask(helper, server) for server in servers_of(host))
    return next(filter(None, found), None)
