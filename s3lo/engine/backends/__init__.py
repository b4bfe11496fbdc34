"""The backends: one for S3 on awscrt, one for a local directory."""

from __future__ import annotations

from s3lo.engine.backend import Backend, BackendConfig, NativeConfig


def make_backend(config: BackendConfig) -> Backend:
    """The backend for a configuration; imports only what that one needs."""
    if isinstance(config, NativeConfig):
        from s3lo.engine.backends.native import NativeBackend
        from s3lo.engine.client import NativeClient

        return NativeBackend(NativeClient(config), config.endpoint)
    from s3lo.engine.backends.local import LocalBackend

    return LocalBackend(config)
