/* Segment: the bytes of one upload or of one part of it, kept or dropped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "etag.h"

enum segment_kind { DROPPED, IN_MEMORY, IN_FILE };

struct segment {
    enum segment_kind kind;
    char *memory;
    char *path; /* of a temporary file */
    int fd;
    uint64_t size_bytes;
    uint32_t crc32c;
    struct etag etag;
};

struct segment *segment_dropped(void);
struct segment *segment_in_memory(uint64_t size_bytes);

/* A new file in a directory; NULL with errno. */
struct segment *segment_in_file(const char *directory, uint64_t size_bytes);

/* Bytes that came in go to the end; false with errno. For memory they must lie there already. */
bool segment_append(struct segment *segment, const char *bytes, size_t count);

/* Free the memory or remove the file; NULL may be given. */
void segment_free(struct segment *segment);
