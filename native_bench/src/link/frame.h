/* A frame: what a device gives and takes, a packet behind a virtio header.
 *
 * The header lets the kernel pass many TCP segments at once, as it does with a real network card,
 * and leave their checksums out: at 1 Gbit/s the relay takes a third of the CPU time so. */
#pragma once

#include <stddef.h>

/* A packet has 64 KiB at most. */
enum { LONGEST_FRAME_BYTES = 65536 + 64 };

/* How long the line is occupied by it: every segment goes with headers of its own. */
size_t frame_wire_bytes(const char *frame, size_t bytes);
