/* The file that a blob's parts are written to. */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "floor/order.h"

struct target {
    pthread_mutex_t lock;
    int fd;
    int64_t parts_written;
};

void target_init(struct target *target);

/* The file, created and preallocated by whoever asks first. */
int target_open(struct target *target, int directory, const struct blob *blob, int64_t parts);

void target_write(int fd, const char *bytes, size_t count, int64_t offset);

/* A part is written; the last one closes the file. */
void target_part_done(struct target *target, int64_t parts);
