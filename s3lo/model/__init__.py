"""Names and documents: digests, references, platforms, manifests. Pure data, no I/O."""
