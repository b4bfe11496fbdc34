"""Copying: what a copy consists of: where images come from, and how their blobs get into a store."""
