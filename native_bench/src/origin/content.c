#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool open_file(struct origin *origin, const char *name, struct content *content)
{
    struct stat status;
    content->file = openat(origin->root, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (content->file < 0)
        return false;
    if (fstat(content->file, &status) || !S_ISREG(status.st_mode)) {
        close(content->file);
        content->file = -1;
        return false;
    }
    content->size_bytes = (uint64_t)status.st_size;
    content->etag = etag_of_file(&status);
    content->modified = status.st_mtim.tv_sec;
    return true;
}

bool content_open(struct origin *origin, const char *name, struct content *content)
{
    *content = (struct content){.object = objects_find(&origin->objects, name), .file = -1};
    struct object *object = content->object;
    if (object && !object->is_file) {
        content->size_bytes = object->size_bytes;
        content->etag = object->etag;
        content->modified = object->modified;
        return true;
    }
    if (open_file(origin, name, content))
        return true;
    content_close(content);
    return false;
}

void content_close(struct content *content)
{
    object_release(content->object);
    if (content->file >= 0)
        close(content->file);
}

/* Bytes of memory, or of a file from an offset when there is no memory. */
static bool send_stretch(struct connection *c, const char *memory, int file, uint64_t offset,
                         uint64_t count)
{
    while (count) {
        size_t next = connection_next_bytes(c, count);
        if (!next)
            return false;
        throttle_pay(&c->throttle, next);
        bool is_sent = memory ? stream_write(&c->stream, memory + offset, next, false)
                              : stream_send_file(&c->stream, file, (off_t)offset, next);
        if (!is_sent)
            return false;
        connection_moved(c, next);
        count_up(&c->origin->counters.bytes_sent, (long long)next);
        offset += next;
        count -= next;
    }
    return true;
}

/* The bytes of an object's segments from an offset on, as many as lie in one. */
static const char *memory_at(const struct object *object, uint64_t offset, uint64_t *count)
{
    int i = 0;
    while (offset >= object->segments[i]->size_bytes)
        offset -= object->segments[i++]->size_bytes;
    uint64_t here = object->segments[i]->size_bytes - offset;
    *count = here < *count ? here : *count;
    return object->segments[i]->memory + offset;
}

static bool send_segments(struct connection *c, const struct object *object, uint64_t first,
                          uint64_t count)
{
    while (count) {
        uint64_t here = count;
        const char *memory = memory_at(object, first, &here);
        if (!send_stretch(c, memory, -1, 0, here))
            return false;
        first += here;
        count -= here;
    }
    return true;
}

bool content_send(struct connection *c, const struct content *content, uint64_t first,
                  uint64_t count)
{
    connection_begin_transfer(c, count);
    if (content->file < 0)
        return send_segments(c, content->object, first, count);
    return send_stretch(c, NULL, content->file, first, count);
}

/* The same to a segment, by way of its own memory or of the connection's scratch. */
static bool append_stretch(struct connection *c, const char *memory, int file, uint64_t offset,
                           uint64_t count, struct segment *to)
{
    while (count) {
        size_t next = count < STREAM_SCRATCH_BYTES ? count : STREAM_SCRATCH_BYTES;
        char *place = to->kind == IN_MEMORY ? to->memory + to->size_bytes : c->stream.scratch;
        if (memory)
            memcpy(place, memory + offset, next);
        else if (pread(file, place, next, (off_t)offset) != (ssize_t)next)
            return false;
        if (!segment_append(to, place, next))
            return false;
        throttle_pay_alone(&c->throttle, next);
        offset += next;
        count -= next;
    }
    return true;
}

bool content_copy(struct connection *c, const struct content *content, uint64_t first,
                  uint64_t count, struct segment *to)
{
    if (content->file >= 0)
        return append_stretch(c, NULL, content->file, first, count, to);
    errno = ENODATA;
    if (content->object->is_dropped)
        return false;
    while (count) {
        uint64_t here = count;
        const char *memory = memory_at(content->object, first, &here);
        if (!append_stretch(c, memory, -1, 0, here, to))
            return false;
        first += here;
        count -= here;
    }
    return true;
}
