"""Pulling: what a pull consists of: what comes, what of it is there, and where it goes."""
