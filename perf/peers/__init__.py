"""Peers: what a user could take instead of s3lo, one module each."""
