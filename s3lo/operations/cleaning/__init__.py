"""Cleaning: what a clean consists of: what goes, by which rule, and how it is taken away safely."""
