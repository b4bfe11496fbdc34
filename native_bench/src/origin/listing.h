/* Listing: the objects of a bucket, uploads and files as one, by name. */
#pragma once

#include "origin.h"

struct entry {
    char *key;
    uint64_t size_bytes;
    time_t modified;
    struct etag etag;
    bool is_file;
};

struct listing {
    struct entry *entries; /* sorted by key, each key once */
    size_t count;
    size_t capacity;
};

/* All whose keys begin with a prefix. False: there is no such bucket. */
bool listing_collect(struct listing *listing, struct origin *origin, const char *bucket,
                     const char *prefix);
void listing_free(struct listing *listing);

/* Where the keys begin that do not stand before one. */
size_t listing_find(const struct listing *listing, const char *key);

/* The whole bucket as it was at the first call, kept for ever. NULL: there is none. All calls have to
 * name the same bucket. */
const struct listing *listing_kept(struct origin *origin, const char *bucket);
