/* Uploads: multipart uploads that are open, with the parts that came so far. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "segment.h"

#define MOST_PARTS 10000

struct upload {
    struct upload *next;
    char id[33];
    char *name;    /* bucket/key that it will be */
    char *headers; /* lines to give back with the object */
    struct segment *parts[MOST_PARTS + 1]; /* by number, from 1; NULL: not there */
};

struct uploads {
    pthread_mutex_t lock;
    struct upload *first;
};

void uploads_init(struct uploads *uploads);

/* Open one; its id is copied to where 33 bytes are free. */
void uploads_open(struct uploads *uploads, const char *name, const char *headers, char *id);

bool uploads_has(struct uploads *uploads, const char *id);

/* Put a part where an earlier one of its number is replaced. Takes the segment; false: the upload
 * is not open (any more), and the segment is freed. */
bool uploads_put_part(struct uploads *uploads, const char *id, int number,
                      struct segment *segment);

/* Take an upload out of the table, to complete or to free it; NULL: it is not open. */
struct upload *uploads_take(struct uploads *uploads, const char *id);

/* Put back what was taken. */
void uploads_return(struct uploads *uploads, struct upload *upload);

/* With the parts that are left in it. */
void upload_free(struct upload *upload);

void uploads_clear(struct uploads *uploads);
