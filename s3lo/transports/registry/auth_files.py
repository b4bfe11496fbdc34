"""Auth files: where container tools keep logins, in the order of their search, and what each says.

Sources: containers-auth.json(5) and pkg/docker/config of github.com/containers/image for order and
keys, the docker CLI reference ("docker login") for its ``config.json``.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw, Struct, field

from s3lo.errors import LocalError, from_os
from s3lo.model.registry_reference import HUB
from s3lo.transports.registry.login import Login

HUB_SERVER = "https://index.docker.io/v1/"
"""What docker itself keeps the hub's login under."""
_HUB_HOSTS = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_HINT = "Mend the file, or log in anew with docker login or skopeo login."


class _Document(Struct):
    """Of ``auths`` only the entry that is wanted is read: others are none of our business."""

    auths: dict[str, Raw] | None = None
    cred_helpers: dict[str, str] | None = field(default=None, name="credHelpers")
    creds_store: str | None = field(default=None, name="credsStore")


class _Entry(Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None


_DOCUMENT = msgspec.json.Decoder(_Document)
_LEGACY_DOCUMENT = msgspec.json.Decoder(dict[str, Raw])
_ENTRY = msgspec.json.Decoder(_Entry)


class AuthFile(Struct, frozen=True):
    """One file that is there."""

    path: str
    auths: Mapping[str, Raw] = field(default_factory=dict)
    helpers: Mapping[str, str] = field(default_factory=dict)
    """Names of the credential helpers that keep the logins of single hosts."""
    store: str = ""
    """Name of the one that keeps all others."""
    is_legacy: bool = False
    """Its keys are hosts and URLs of hosts, no repositories."""

    def helper_of(self, host: str) -> str:
        """The helper for this very host; empty where there is none."""
        host = _plain(host)
        return next((name for key, name in self.helpers.items() if self._host(key) == host), "")

    def login(self, host: str, repository: str) -> Login | None:
        """What the file itself has: of a repository before its namespaces, of these before the host.

        Raises LocalError where the entry is malformed.
        """
        keys = [] if self.is_legacy else _keys(_plain(host), repository)
        named = (key for key in keys if key in self.auths)
        like = (key for key in self.auths if self._host(key) == _plain(host))
        found = (self._read(key) for key in (*named, *like))
        return next(filter(None, found), None)

    def _host(self, key: str) -> str:
        """The host that a key is about; a namespace's key is about none but itself."""
        bare = key.removeprefix("http://").removeprefix("https://")
        is_url = self.is_legacy or bare != key
        return _plain(bare.partition("/")[0] if is_url else bare)

    def _read(self, key: str) -> Login | None:
        """None where an entry has nothing: docker writes such for what a helper keeps."""
        what = f"the login of {key} in {self.path}"
        try:
            entry = _ENTRY.decode(self.auths[key])
            user, password = entry.username or "", entry.password or ""
            if entry.auth:
                text = base64.b64decode(entry.auth.strip(), validate=True).decode()
                user, colon, password = text.partition(":")
                if not colon:
                    raise LocalError(f"{what} is not USER:PASSWORD in base64", hint=_HINT)
        except ValueError as error:  # of msgspec, base64 and UTF-8 alike
            raise LocalError(f"{what} is malformed: {error}", hint=_HINT) from error
        login = Login(user, password.strip("\0"), entry.identitytoken or "")
        return login if login != Login("", "") else None


def auth_files(environment: Mapping[str, str] | None = None) -> Iterator[AuthFile]:
    """The files that are there, in the order in which they are to be searched.

    Raises LocalError where one cannot be read as what it should be, or REGISTRY_AUTH_FILE names one
    that is not there.
    """
    environ = os.environ if environment is None else environment
    if named := environ.get("REGISTRY_AUTH_FILE"):
        # Who names a file means no other: so does skopeo today, while older ones went on with the rest.
        if not os.path.exists(named):
            raise LocalError(
                f"there is no {named}, which REGISTRY_AUTH_FILE names",
                hint="Name a file that is there, or unset REGISTRY_AUTH_FILE.",
            )
        yield from _read(named)
        return
    for path in _places(environ):
        yield from _read(path)
    yield from _read(os.path.expanduser("~/.dockercfg"), is_legacy=True)


def servers_of(host: str) -> Sequence[str]:
    """What a helper may know a host as."""
    return (HUB_SERVER, HUB) if _plain(host) == HUB else (host,)


def _places(environ: Mapping[str, str]) -> Iterator[str]:
    runtime = environ.get("XDG_RUNTIME_DIR")
    own = f"{runtime}/containers" if runtime else f"/run/containers/{os.getuid()}"
    yield f"{own}/auth.json"
    config = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    yield f"{config}/containers/auth.json"
    docker = environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    yield f"{docker}/config.json"


def _read(path: str, *, is_legacy: bool = False) -> Iterator[AuthFile]:
    """A file, where it is there and has something in it."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise from_os(error, "reading logins from") from error
    if not content.strip():
        return
    try:
        if is_legacy:
            yield AuthFile(path, _LEGACY_DOCUMENT.decode(content), is_legacy=True)
            return
        found = _DOCUMENT.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"{path} is not a file of logins: {error}", hint=_HINT) from error
    yield AuthFile(path, found.auths or {}, found.cred_helpers or {}, found.creds_store or "")


def _keys(host: str, repository: str) -> Sequence[str]:
    """``host/a/b``, ``host/a``, ``host``."""
    parts = [host, *repository.split("/")]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _plain(host: str) -> str:
    """A host under the first of its names."""
    return HUB if host in _HUB_HOSTS else host
