/* Objects: what was uploaded, by name, while the origin runs. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "segment.h"
#include "text.h"

/* Never changed once it is in the table; whoever serves it holds a reference, so that it may be
 * removed meanwhile. */
struct object {
    atomic_int references;
    struct object *next;     /* in its chain of the table */
    char *name;              /* bucket/key */
    char *headers;           /* lines to give back with it */
    struct etag etag;
    time_t modified;
    uint64_t size_bytes;
    uint32_t crc32c;
    bool is_file;            /* its bytes lie in a file below the root */
    bool is_dropped;         /* they lie nowhere */
    struct segment **segments;
    int segment_count;
};

struct objects {
    pthread_mutex_t lock;
    struct object **chains;
    char **buckets; /* those that were created or uploaded to */
    int bucket_count;
};

void objects_init(struct objects *objects);

/* An object of these segments, which it owns from now on; the strings are copied. */
struct object *object_new(const char *name, const char *headers, struct segment **segments,
                          int count);
void object_release(struct object *object);

/* Takes the caller's reference. False: there is one already, and `only_if_absent`. */
bool objects_put(struct objects *objects, struct object *object, bool only_if_absent);

/* A reference to release, or NULL. */
struct object *objects_find(struct objects *objects, const char *name);
void objects_remove(struct objects *objects, const char *name);

/* Call for every object, under the lock, in no order. */
typedef void object_visitor(void *context, const struct object *object);
void objects_visit(struct objects *objects, object_visitor *visit, void *context);

void objects_clear(struct objects *objects);

void objects_add_bucket(struct objects *objects, const char *bucket);
bool objects_has_bucket(struct objects *objects, const char *bucket);
