/* Monotonic time in nanoseconds. */
#pragma once

#include <stdint.h>

#define NS_PER_S 1000000000LL

int64_t now_ns(void);

/* Sleep to a moment of now_ns(); returns at once when it has passed. */
void sleep_until_ns(int64_t moment);

static inline double seconds_since(int64_t start_ns)
{
    return (double)(now_ns() - start_ns) / (double)NS_PER_S;
}
