"""Examining: what doctor consists of: what is read of a store, and what is said of it."""
