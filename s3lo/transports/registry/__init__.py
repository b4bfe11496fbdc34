"""Registries: images out of one over HTTP, without a daemon (OCI distribution spec 1.1)."""
