"""One file a verb; each introduces a bucket, the engine and a transport to each other. What a verb consists
of has a room of its own; what several need lies beside them."""
