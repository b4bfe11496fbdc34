#include "floor/target.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/fail.h"

void target_init(struct target *target)
{
    pthread_mutex_init(&target->lock, NULL);
    target->fd = -1;
}

static int create(int directory, const struct blob *blob, int64_t parts)
{
    int fd = openat(directory, blob->hex, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        die_errno("%s", blob->hex);
    if (parts == 1)
        return fd; /* one write gives it its length */
    if (fallocate(fd, 0, 0, blob->size_bytes) && errno == ENOSPC)
        die_errno("%s", blob->hex);
    if (ftruncate(fd, blob->size_bytes))
        die_errno("%s", blob->hex);
    return fd;
}

int target_open(struct target *target, int directory, const struct blob *blob, int64_t parts)
{
    pthread_mutex_lock(&target->lock);
    if (target->fd < 0)
        target->fd = create(directory, blob, parts);
    pthread_mutex_unlock(&target->lock);
    return target->fd;
}

void target_write(int fd, const char *bytes, size_t count, int64_t offset)
{
    while (count) {
        ssize_t written = pwrite(fd, bytes, count, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            die_errno("a write failed");
        bytes += written;
        count -= (size_t)written;
        offset += written;
    }
}

void target_part_done(struct target *target, int64_t parts)
{
    pthread_mutex_lock(&target->lock);
    if (++target->parts_written == parts && close(target->fd))
        die_errno("a file does not close");
    pthread_mutex_unlock(&target->lock);
}
