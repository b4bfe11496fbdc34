#include "link/line.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/fail.h"

struct held {
    int64_t arrives_ns;
    size_t bytes;
    char content[];
};

static const size_t LARGEST = sizeof(struct held) + LONGEST_FRAME_BYTES;

static size_t space_of(size_t bytes)
{
    size_t align = _Alignof(struct held);
    return (sizeof(struct held) + bytes + align - 1) / align * align;
}

void line_init(struct line *line, double bits_per_second, int64_t delay_ns,
               int64_t longest_wait_ns)
{
    *line = (struct line){
        .ns_per_byte = 8 * (double)NS_PER_S / bits_per_second,
        .delay_ns = delay_ns,
        .longest_wait_ns = longest_wait_ns,
    };
    /* Twice what can be under way: small frames carry their bookkeeping beside them. */
    double under_way = (double)(delay_ns + longest_wait_ns) / line->ns_per_byte;
    line->room_bytes = space_of((size_t)(2 * under_way)) + 16 * LARGEST;
    line->ring = malloc(line->room_bytes);
    if (!line->ring)
        die("no memory for a queue of %zu bytes", line->room_bytes);
}

char *line_reserve(struct line *line)
{
    if (!line->is_wrapped && line->room_bytes - line->tail < LARGEST) {
        line->is_wrapped = true;
        line->end = line->tail;
        line->tail = 0;
    }
    if (line->is_wrapped && line->head - line->tail < LARGEST)
        return NULL;
    return ((struct held *)(line->ring + line->tail))->content;
}

bool line_accept(struct line *line, size_t bytes, int64_t now)
{
    int64_t leaves_ns = line->free_at_ns > now ? line->free_at_ns : now;
    if (leaves_ns - now > line->longest_wait_ns)
        return false;
    struct held *held = (struct held *)(line->ring + line->tail);
    double wire_bytes = (double)frame_wire_bytes(held->content, bytes);
    line->free_at_ns = leaves_ns + (int64_t)(wire_bytes * line->ns_per_byte);
    held->arrives_ns = line->free_at_ns + line->delay_ns;
    held->bytes = bytes;
    line->tail += space_of(bytes);
    return true;
}

static bool is_empty(const struct line *line)
{
    return line->is_wrapped ? line->head == line->end && !line->tail : line->head == line->tail;
}

/* The oldest frame; only if there is one. */
static struct held *oldest(const struct line *line)
{
    size_t at = line->is_wrapped && line->head == line->end ? 0 : line->head;
    return (struct held *)(line->ring + at);
}

int64_t line_next_ns(const struct line *line)
{
    return is_empty(line) ? INT64_MAX : oldest(line)->arrives_ns;
}

const char *line_take(struct line *line, size_t *bytes)
{
    struct held *held = oldest(line);
    if (line->is_wrapped && line->head == line->end) {
        line->is_wrapped = false;
        line->head = 0;
    }
    line->head += space_of(held->bytes);
    *bytes = held->bytes;
    return held->content;
}
