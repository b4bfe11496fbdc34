/* Counters: what the origin has done since its start or since it was cleared. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "text.h"

enum method { GET, HEAD, PUT, POST, DELETE, OTHER_METHOD };

struct counters {
    atomic_llong connections;
    atomic_llong open_connections;
    atomic_llong peak_open_connections;
    atomic_llong requests[OTHER_METHOD + 1];
    atomic_llong in_flight;
    atomic_llong peak_in_flight;
    atomic_llong bytes_sent;     /* of objects' bodies, without heads and documents */
    atomic_llong bytes_received;
    atomic_llong copies;         /* requests that copied bytes in here */
    atomic_llong bytes_copied;
    atomic_llong open_uploads;
    atomic_llong refused;
    atomic_llong resets;
    atomic_llong stalls;
    atomic_llong errors;
};

enum method method_of(const char *name);

static inline void count_up(atomic_llong *counter, long long by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* One more of what comes and goes; the peak follows. */
void count_in(atomic_llong *level, atomic_llong *peak);

/* Zero, but for what is open and in flight now, where the peaks start again. */
void counters_clear(struct counters *counters);
void counters_write(struct counters *counters, struct text *json);
