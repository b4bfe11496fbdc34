/* ETag: opaque names of contents, in the form of a multipart upload's.
 *
 * An MD5 of every byte would make the origin the bottleneck, and a tag in the form of an MD5 would
 * be taken for one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define ETAG_BYTES 37 /* 32 digits, "-1", two quotes and a NUL */

struct etag {
    char text[ETAG_BYTES];
};

/* The same for a file until it changes. */
struct etag etag_of_file(const struct stat *status);

/* Whether a condition's value names it, or any. */
bool etag_matches(const char *condition, const struct etag *etag);

/* One that no upload had before. */
struct etag etag_fresh(void);
