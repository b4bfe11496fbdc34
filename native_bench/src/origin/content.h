/* Content: the bytes that an object's name stands for now, be they uploaded or in a file. */
#pragma once

#include "connection.h"

struct content {
    struct object *object; /* NULL: a file that nobody uploaded */
    int file;              /* -1: the bytes are in the object's segments, or dropped */
    uint64_t size_bytes;
    struct etag etag;
    time_t modified;
};

/* False: there is none of this name. */
bool content_open(struct origin *origin, const char *name, struct content *content);
void content_close(struct content *content);

/* Send a stretch of it; false when the connection is of no more use. */
bool content_send(struct connection *c, const struct content *content, uint64_t first,
                  uint64_t count);

/* Append a stretch of it to a segment; false with errno. */
bool content_copy(struct connection *c, const struct content *content, uint64_t first,
                  uint64_t count, struct segment *to);
