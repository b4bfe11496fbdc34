/* Random: numbers that come again with the same seed (splitmix64). */
#pragma once

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

/* A stream of its own for each number. */
static inline struct random random_of(uint64_t seed, uint64_t number)
{
    struct random random = {seed};
    random.state = random_next(&random) + number;
    random.state = random_next(&random);
    return random;
}

/* From 0 to just below 1. */
static inline double random_share(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}
