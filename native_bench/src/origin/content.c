#include "content.h"

#include <fcntl.h>
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

static bool send_segments(struct connection *c, const struct object *object, uint64_t first,
                          uint64_t count)
{
    for (int i = 0; count && i < object->segment_count; i++) {
        const struct segment *segment = object->segments[i];
        if (first >= segment->size_bytes) {
            first -= segment->size_bytes;
            continue;
        }
        uint64_t here = segment->size_bytes - first;
        here = here < count ? here : count;
        if (!send_stretch(c, segment->memory, -1, first, here))
            return false;
        first = 0;
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
