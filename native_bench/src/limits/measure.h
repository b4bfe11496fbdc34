/* One limit of the machine: measured in rounds, and told as median, least and most. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What every measurement needs to know. */
struct setting {
    const char *directory; /* for files of the disk's measurements */
    double seconds;        /* of one round */
    int rounds;
    int cpus;
};

/* One round: bytes per second; negative where this machine cannot do it. */
typedef double measure_round(const struct setting *setting, void *detail);

/* Print `"name": {...}`, or null, into the object that is open. */
void measure(const char *name, const struct setting *setting, measure_round *round, void *detail);

/* One thread's share of a round: works until `until_ns`, however late it begins at least once,
 * and counts its bytes. */
struct hand {
    const struct setting *setting;
    void *detail;
    int number;
    int64_t until_ns;
    int64_t bytes;
};

typedef void hand_work(struct hand *hand);

/* Bytes per second of so many threads that work side by side for a round. */
double work_together(const struct setting *setting, int threads, hand_work *work, void *detail);

/* Open and close an object of the JSON document that stdout is. */
void json_open(const char *name);
void json_close(void);
