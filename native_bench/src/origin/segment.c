#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fail.h"
#include "crc32c.h"

static struct segment *new_segment(enum segment_kind kind)
{
    struct segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        die("out of memory");
    segment->kind = kind;
    segment->fd = -1;
    segment->etag = etag_fresh();
    return segment;
}

struct segment *segment_dropped(void)
{
    return new_segment(DROPPED);
}

struct segment *segment_in_memory(uint64_t size_bytes)
{
    struct segment *segment = new_segment(IN_MEMORY);
    segment->memory = malloc(size_bytes + 1);
    if (!segment->memory)
        die("out of memory for an upload of %llu bytes", (unsigned long long)size_bytes);
    return segment;
}

struct segment *segment_in_file(const char *directory, uint64_t size_bytes)
{
    struct segment *segment = new_segment(IN_FILE);
    if (asprintf(&segment->path, "%s/%.32s", directory, segment->etag.text + 1) < 0)
        die("out of memory");
    segment->fd = open(segment->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    /* Told its size, a file system lays it out at once. */
    if (segment->fd >= 0 && size_bytes)
        (void)!fallocate(segment->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes);
    if (segment->fd < 0) {
        int error = errno;
        segment_free(segment);
        errno = error;
        return NULL;
    }
    return segment;
}

static bool write_out(int fd, const char *bytes, size_t count)
{
    while (count) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

bool segment_append(struct segment *segment, const char *bytes, size_t count)
{
    segment->crc32c = crc32c(segment->crc32c, bytes, count);
    segment->size_bytes += count;
    return segment->kind != IN_FILE || write_out(segment->fd, bytes, count);
}

void segment_free(struct segment *segment)
{
    if (!segment)
        return;
    free(segment->memory);
    if (segment->fd >= 0)
        close(segment->fd);
    if (segment->path)
        unlink(segment->path);
    free(segment->path);
    free(segment);
}
