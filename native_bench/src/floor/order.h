/* The global order of parts: a few blobs side by side, each from its start to its end.
 *
 * A blob's parts are handed out one after another, so whoever waits for the part before its own
 * waits for a thread that runs: there is no deadlock however few threads there are. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "floor/blobs.h"

struct part {
    size_t blob; /* index in the list */
    int64_t number;
    int64_t count; /* of the blob's parts; an empty blob has one, of no bytes */
    int64_t offset_bytes;
    int64_t length_bytes;
};

struct lane {
    size_t blob;
    int64_t next;
    int64_t count; /* equal to next: done, free for another blob */
};

struct order {
    pthread_mutex_t lock;
    const struct blobs *blobs;
    int64_t part_bytes;
    size_t next_blob;
    struct lane *lanes;
    size_t lane_count;
    size_t lane;
};

void order_init(struct order *order, const struct blobs *blobs, int64_t part_bytes, size_t lanes);

/* The next part of all; false when there is none left. */
bool order_next(struct order *order, struct part *part);

int64_t part_count(const struct blob *blob, int64_t part_bytes);
