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
