"""One file a verb; each introduces a bucket, the engine and a transport to each other."""
