"""Pushing: what a push consists of: what a store has already, and how the rest leaves."""
