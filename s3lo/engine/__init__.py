"""The engine: moves bytes between an object store and files, and knows nothing of images."""
