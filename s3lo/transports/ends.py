"""Ends: how much of a blob's beginning and end tells what it is, and how large its content is.

Apart from what reads them: a pull into a layout has nothing to decompress, and starts without it.
"""

HEAD_BYTES = 512
"""How much of the beginning tells what something is: a tar header is the longest to look at."""

END_BYTES = 1 << 20
"""How much of the end tells how large the content is: the table of a seekable zstd file, which has
eight bytes for each of its frames, is the longest to look at."""
