#include "floor/blobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

static int by_size_falling(const void *left, const void *right)
{
    int64_t a = ((const struct blob *)left)->size_bytes;
    int64_t b = ((const struct blob *)right)->size_bytes;
    return (a < b) - (a > b);
}

static struct blob parse_line(const char *line)
{
    struct blob blob;
    char rest;
    int found = sscanf(line, "%64[0-9a-f] %" SCNd64 " %c", blob.hex, &blob.size_bytes, &rest);
    if (found != 2 || strlen(blob.hex) != HEX_CHARACTERS || blob.size_bytes < 0)
        die("no line \"<sha256 hex> <size>\": %s", line);
    return blob;
}

void blobs_read(struct blobs *blobs)
{
    char line[256];
    size_t room = 0;
    *blobs = (struct blobs){0};
    while (fgets(line, sizeof line, stdin)) {
        if (blobs->count == room) {
            room = room ? 2 * room : 64;
            blobs->all = realloc(blobs->all, room * sizeof *blobs->all);
            if (!blobs->all)
                die("no memory for %zu blobs", room);
        }
        struct blob blob = parse_line(line);
        blobs->all[blobs->count++] = blob;
        blobs->total_bytes += blob.size_bytes;
    }
    if (blobs->count)
        qsort(blobs->all, blobs->count, sizeof *blobs->all, by_size_falling);
}
