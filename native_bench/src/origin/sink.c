#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reply.h"

struct segment *sink_new_segment(const struct origin *origin, uint64_t size_bytes)
{
    switch (origin->options.sink) {
    case SINK_DIRECTORY:
        return segment_in_file(origin->scratch, size_bytes);
    case SINK_MEMORY:
        return segment_in_memory(size_bytes);
    default:
        return size_bytes <= KEPT_BYTES ? segment_in_memory(size_bytes) : segment_dropped();
    }
}

/* 1: moved some; 0: the body is at its end; -1: it broke off; -2: it cannot be written. */
static int receive_some(struct connection *c, struct segment *segment, uint64_t left)
{
    size_t wanted = connection_next_bytes(c, left);
    if (wanted > STREAM_SCRATCH_BYTES)
        wanted = STREAM_SCRATCH_BYTES;
    if (!wanted)
        return left ? -1 : 0;
    char *place = segment->kind == IN_MEMORY ? segment->memory + segment->size_bytes
                                             : c->stream.scratch;
    ssize_t got = body_read(&c->body, place, wanted);
    if (got <= 0)
        return (int)got;
    connection_moved(c, (size_t)got);
    count_up(&c->origin->counters.bytes_received, got);
    return segment_append(segment, place, (size_t)got) ? 1 : -2;
}

static bool answer_failure(struct connection *c, int outcome)
{
    if (outcome == -1)
        return false;
    if (outcome == -2)
        return reply_error(c, 500, "InternalError", strerror(errno));
    return reply_error(c, 400, "IncompleteBody", "The body is not as long as its head said.");
}

struct segment *sink_receive(struct connection *c, bool *goes_on)
{
    *goes_on = false;
    uint64_t size_bytes = c->body.size_bytes;
    if (!c->body.is_size_known) {
        *goes_on = reply_error(c, 411, "MissingContentLength", "The body has no length.");
        return NULL;
    }
    struct segment *segment = sink_new_segment(c->origin, size_bytes);
    if (!segment) {
        *goes_on = answer_failure(c, -2);
        return NULL;
    }
    connection_begin_transfer(c, size_bytes);
    int outcome = 1;
    while (outcome > 0)
        outcome = receive_some(c, segment, size_bytes - segment->size_bytes);
    /* Chunks that hold more than was announced end no better than those that hold less. */
    char beyond;
    if (!outcome && segment->size_bytes == size_bytes && !body_read(&c->body, &beyond, 1))
        return segment;
    *goes_on = answer_failure(c, outcome);
    segment_free(segment);
    return NULL;
}

static bool append_file(struct segment *to, const struct segment *from)
{
    off_t offset = 0;
    while ((uint64_t)offset < from->size_bytes) {
        size_t left = from->size_bytes - (uint64_t)offset;
        if (copy_file_range(from->fd, &offset, to->fd, NULL, left, 0) <= 0)
            return false;
    }
    return true;
}

static bool make_parents(int root, const char *name)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s", name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdirat(root, path, 0777) && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

/* The first part's file becomes the object's: its bytes need not be copied. */
static enum publication rename_into_place(struct origin *origin, struct object *object,
                                          bool only_if_absent)
{
    struct segment *whole = object->segments[0];
    for (int i = 1; i < object->segment_count; i++)
        if (!append_file(whole, object->segments[i]))
            return FAILED;
    unsigned flags = only_if_absent ? RENAME_NOREPLACE : 0;
    if (!make_parents(origin->root, object->name))
        return FAILED;
    if (renameat2(AT_FDCWD, whole->path, origin->root, object->name, flags))
        return errno == EEXIST ? TAKEN : FAILED;
    free(whole->path);
    whole->path = NULL;
    struct stat status;
    fstat(whole->fd, &status);
    object->etag = etag_of_file(&status);
    object->is_file = true;
    return PUBLISHED;
}

static void drop_segments(struct object *object)
{
    for (int i = 0; i < object->segment_count; i++)
        segment_free(object->segments[i]);
    object->segment_count = 0;
}

enum publication sink_publish(struct origin *origin, struct object *object, bool only_if_absent,
                              struct etag *etag)
{
    if (origin->options.sink == SINK_DIRECTORY) {
        enum publication outcome = rename_into_place(origin, object, only_if_absent);
        int error = errno;
        drop_segments(object);
        if (outcome != PUBLISHED) {
            object_release(object);
            errno = error;
            return outcome;
        }
        /* The file system was asked already; the table may know a file that is gone. */
        only_if_absent = false;
    } else if (origin->options.sink == SINK_NOWHERE && object->size_bytes > KEPT_BYTES) {
        object->is_dropped = true;
        drop_segments(object);
    }
    *etag = object->etag;
    return objects_put(&origin->objects, object, only_if_absent) ? PUBLISHED : TAKEN;
}

bool sink_has(struct origin *origin, const char *name)
{
    struct object *object = objects_find(&origin->objects, name);
    bool is_uploaded = object && !object->is_file;
    object_release(object);
    struct stat status;
    return is_uploaded || (!fstatat(origin->root, name, &status, 0) && S_ISREG(status.st_mode));
}

void sink_remove(struct origin *origin, const char *name)
{
    objects_remove(&origin->objects, name);
    if (origin->options.sink == SINK_DIRECTORY)
        unlinkat(origin->root, name, 0);
}
