"""AWS config: what AWS's own files and variables say, read without botocore.

Names and precedence are those of the AWS CLI ("Configuration and credential file settings",
"Environment variables", "Service-specific endpoints" in the AWS SDKs and Tools reference). Reading
them costs a millisecond; importing botocore for it costs half a second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec import Struct, field

from s3lo.errors import AccessDeniedError, UsageError

Sections = dict[str, dict[str, str]]


class AwsConfig(Struct, frozen=True):
    """One profile's settings, those of both files together, and the environment's variables."""

    profile: str
    settings: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    """The ``[services …]`` section that the profile names."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"AwsConfig({self.profile!r}, services={self.services})"

    @property
    def region(self) -> str:
        return self._first("AWS_REGION", "AWS_DEFAULT_REGION") or self.settings.get("region", "")

    @property
    def ca_bundle(self) -> str:
        return self._first("AWS_CA_BUNDLE") or self.settings.get("ca_bundle", "")

    @property
    def addressing_style(self) -> str:
        """``path``, ``virtual``, ``auto`` or nothing: ``s3 = addressing_style`` of the profile."""
        return _nested(self.settings.get("s3", "")).get("addressing_style", "")

    @property
    def endpoint_url(self) -> str:
        """The custom endpoint for S3, the more specific setting first; empty for AWS itself."""
        ignored = self._first("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") or self.settings.get(
            "ignore_configured_endpoint_urls", ""
        )
        if ignored.lower() == "true":
            return ""
        return (
            self._first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
            or _nested(self.services.get("s3", "")).get("endpoint_url", "")
            or self.settings.get("endpoint_url", "")
        )

    def _first(self, *names: str) -> str:
        return next(filter(None, (self.environment.get(name, "") for name in names)), "")


def load(profile: str = "", environment: Mapping[str, str] | None = None) -> AwsConfig:
    """Read the files for a profile: the one named, else AWS_PROFILE's, else ``default``.

    Raises AccessDeniedError where a profile is named that neither file has, UsageError where a
    file cannot be read as what it should be.
    """
    environ = os.environ if environment is None else environment
    named = profile or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or ""
    config_path = _path(environ, "AWS_CONFIG_FILE", "~/.aws/config")
    credentials_path = _path(environ, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    config = _read(config_path)
    profiles = _titled(config, "profile")
    profiles.setdefault("default", config.get("default", {}))
    for name, section in _read(credentials_path).items():
        profiles[name] = {**profiles.get(name, {}), **section}
    if named and named != "default" and named not in profiles:
        raise AccessDeniedError(
            f"there is no AWS profile {named!r} in {config_path} or {credentials_path}",
            hint="Name another with --profile or AWS_PROFILE; `aws configure list-profiles`"
            " lists them.",
        )
    settings = profiles.get(named or "default", {})
    services = _titled(config, "services").get(settings.get("services", ""), {})
    return AwsConfig(named or "default", settings, services, environ)


def _path(environ: Mapping[str, str], variable: str, default: str) -> str:
    return os.path.expanduser(os.path.expandvars(environ.get(variable) or default))


def _read(path: str) -> Sections:
    """An INI file's sections; none where there is no file."""
    if not os.path.isfile(path):
        return {}
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
        return {name: dict(parser.items(name)) for name in parser.sections()}
    except (Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a valid AWS file: {error}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _titled(sections: Sections, title: str) -> Sections:
    """Sections like ``[profile name]`` or ``[services "name"]``, under their names."""
    found = {}
    for header, values in sections.items():
        first, _, name = header.partition(" ")
        if first == title and name.strip():
            found[name.strip().strip("\"'")] = values
    return found


def _nested(value: str) -> dict[str, str]:
    """An indented block of settings below a setting's name."""
    pairs = (line.partition("=") for line in value.splitlines())
    return {name.strip(): text.strip() for name, equals, text in pairs if equals}
