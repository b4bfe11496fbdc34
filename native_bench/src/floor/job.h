/* A job: the parts of all blobs, moved by as many threads as there are connections. */
#pragma once

#include "floor/digest.h"
#include "floor/http.h"
#include "floor/options.h"
#include "floor/order.h"

/* Bytes are copied and hashed in steps that the second-level cache still holds. Done with whole
 * parts of 8 MiB, a pull took 1.8 times the CPU time: each step fetched them from memory again. */
enum { STEP_BYTES = 256 << 10 };

struct job {
    struct options options;
    struct blobs blobs;
    struct order order;
    struct digest *digests; /* one a blob */
    const struct addrinfo *address;
    int directory; /* -1: none */
    int64_t requests; /* from here on known when the job has ended */
    int64_t retries;
};

struct worker {
    struct job *job;
    void *plan;     /* what the direction keeps for each blob */
    char *buffer;   /* room for a part */
    int64_t requests;
    int64_t retries;
    struct http http;
};

/* Moves one part to its end, or dies. */
typedef void move_part(struct worker *worker, const struct part *part);

void job_run(struct job *job, move_part *move, void *plan);

/* The job's digest of the part's blob gets this part from the worker's buffer. */
struct share worker_share(struct worker *worker, const struct part *part);

/* A request failed in a way that may pass: count it and pause, longer each time of this part;
 * die of the reason when patience is at its end. */
void worker_retry(struct worker *worker, int *failures, const char *reason);

/* Whether a status says "come back later". */
bool is_passing(int status);
