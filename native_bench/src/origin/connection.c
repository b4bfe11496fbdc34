#include "connection.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fail.h"
#include "reply.h"
#include "route.h"

#define MOST_BYTES_AT_ONCE (4 << 20) /* so that the counters of bytes move smoothly */

static bool is_to_stall(struct origin *origin)
{
    long long wanted = origin->options.stalls, before = atomic_load(&origin->counters.stalls);
    while (before < wanted)
        if (atomic_compare_exchange_weak(&origin->counters.stalls, &before, before + 1))
            return true;
    return false;
}

void connection_begin_transfer(struct connection *c, uint64_t bytes)
{
    double share = c->origin->options.reset_share;
    c->resets = share > 0 && random_share(&c->random) < share;
    c->until_reset_bytes = c->resets ? (uint64_t)(random_share(&c->random) * (double)bytes) : 0;
    if (is_to_stall(c->origin)) {
        c->resets = c->stalls = true;
        c->until_reset_bytes = bytes / 2;
    }
}

size_t connection_next_bytes(const struct connection *c, uint64_t wanted)
{
    if (c->resets && wanted > c->until_reset_bytes)
        wanted = c->until_reset_bytes;
    return throttle_slice(&c->throttle, wanted < MOST_BYTES_AT_ONCE ? wanted : MOST_BYTES_AT_ONCE);
}

void connection_moved(struct connection *c, size_t bytes)
{
    if (c->resets)
        c->until_reset_bytes -= bytes;
}

static bool is_too_fast(struct connection *c)
{
    return !bucket_try(&c->origin->requests, 1);
}

static bool answer(struct connection *c)
{
    if (!body_init(&c->body, &c->request, &c->stream, &c->throttle)) {
        c->request.keeps_alive = false;
        return reply_error(c, 400, "InvalidRequest", "The body's length cannot be told.");
    }
    if (is_too_fast(c))
        return reply_error(c, 503, "SlowDown", "Please reduce your request rate.");
    return route(c);
}

/* False: the connection is at its end. */
static bool serve_request(struct connection *c)
{
    struct counters *counters = &c->origin->counters;
    if (!request_read(&c->request, &c->stream))
        return false;
    c->resets = c->stalls = false;
    count_up(&counters->requests[c->request.method], 1);
    count_in(&counters->in_flight, &counters->peak_in_flight);
    bool goes_on = answer(c) && !c->resets && c->request.keeps_alive;
    count_up(&counters->in_flight, -1);
    return goes_on;
}

static struct connection *connection_new(struct origin *origin, uint64_t number)
{
    struct connection *c = malloc(sizeof *c);
    if (!c)
        die("out of memory");
    c->origin = origin;
    c->resets = c->stalls = false;
    c->random = random_of((uint64_t)origin->options.seed, number);
    throttle_init(&c->throttle, &origin->options, &origin->total);
    return c;
}

void connection_serve(struct origin *origin, int fd, uint64_t number)
{
    struct connection *c = connection_new(origin, number);
    if (stream_open(&c->stream, fd, origin->tls))
        while (serve_request(c))
            ;
    if (c->stalls)
        stream_wait_for_end(&c->stream);
    if (c->resets) {
        count_up(&origin->counters.resets, !c->stalls);
        stream_reset(&c->stream);
    } else {
        stream_close(&c->stream);
    }
    free(c);
}
