#include "etag.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "random.h"

static struct etag etag_from(uint64_t high, uint64_t low)
{
    struct etag etag;
    snprintf(etag.text, sizeof etag.text, "\"%016" PRIx64 "%016" PRIx64 "-1\"", high, low);
    return etag;
}

static uint64_t mix(uint64_t seed, uint64_t number)
{
    return random_of(seed, number).state;
}

struct etag etag_of_file(const struct stat *status)
{
    uint64_t moment = (uint64_t)status->st_mtim.tv_sec * 1000000000u +
                      (uint64_t)status->st_mtim.tv_nsec;
    uint64_t place = mix((uint64_t)status->st_dev, (uint64_t)status->st_ino);
    return etag_from(place, mix(moment, (uint64_t)status->st_size));
}

struct etag etag_fresh(void)
{
    static atomic_ullong uploads;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t moment = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    uint64_t number = atomic_fetch_add(&uploads, 1);
    return etag_from(mix(1, number), mix(moment, number));
}

bool etag_matches(const char *condition, const struct etag *etag)
{
    char bare[ETAG_BYTES] = {0};
    memcpy(bare, etag->text + 1, strlen(etag->text) - 2);
    return !strcmp(condition, "*") || strstr(condition, bare);
}
