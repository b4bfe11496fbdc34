/* One direction of the link: frames leave it one after another, no faster than the rate, and
 * arrive a while later. Pure bookkeeping: the caller says what time it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/frame.h"

struct line {
    double ns_per_byte;
    int64_t delay_ns;
    int64_t longest_wait_ns;
    int64_t free_at_ns; /* when the last accepted frame has left */
    /* A ring of frames, each in one piece. While `is_wrapped`, the oldest lie from `head` to
     * `end` and the newest from 0 to `tail`. */
    char *ring;
    size_t room_bytes;
    size_t head;
    size_t tail;
    size_t end;
    bool is_wrapped;
};

/* A frame that would wait longer than `longest_wait_ns` for the line is dropped, as a router
 * does whose queue is full. */
void line_init(struct line *line, double bits_per_second, int64_t delay_ns,
               int64_t longest_wait_ns);

/* Where to put the next frame, LONGEST_FRAME_BYTES at most; NULL when the ring is full. */
char *line_reserve(struct line *line);

/* The frame put there, of so many bytes, wants to leave now; false when it is dropped. */
bool line_accept(struct line *line, size_t bytes, int64_t now);

/* When the oldest frame arrives at the other end; INT64_MAX when there is none. */
int64_t line_next_ns(const struct line *line);

/* The oldest frame, taken out; it stays readable until the next line_reserve. */
const char *line_take(struct line *line, size_t *bytes);
