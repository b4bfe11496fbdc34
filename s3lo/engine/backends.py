"""The backends: for S3 one on sockets and one on awscrt, one for a local directory."""

from __future__ import annotations

from s3lo.engine.backend import Backend, BackendConfig, NativeConfig, SocketConfig


def make_backend(config: BackendConfig) -> Backend:
    """The backend for a configuration; imports only what that one needs."""
    if isinstance(config, NativeConfig):
        from s3lo.engine.crt.backend import NativeBackend
        from s3lo.engine.crt.client import NativeClient

        return NativeBackend(NativeClient(config), config.endpoint)
    if isinstance(config, SocketConfig):
        from s3lo.engine.sockets.backend import SocketBackend

        return SocketBackend(config)
    from s3lo.engine.local_backend import LocalBackend

    return LocalBackend(config)
