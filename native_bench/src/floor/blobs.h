/* The blobs to move: what LIST on standard input says. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define HEX_CHARACTERS 64

struct blob {
    char hex[HEX_CHARACTERS + 1];
    int64_t size_bytes;
};

struct blobs {
    struct blob *all;
    size_t count;
    int64_t total_bytes;
};

/* Read lines "<sha256 hex> <size>". The largest come first: a blob is hashed by one thread at a
 * time, so a large one begun last would leave every other CPU idle at the end. */
void blobs_read(struct blobs *blobs);
