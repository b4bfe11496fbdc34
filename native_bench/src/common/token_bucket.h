/* A token bucket: so many tokens a second, and at most `burst` of them saved up.
 *
 * It starts empty, so that the first request of a connection gets no gift. Taking may go into
 * debt; the caller sleeps until the debt is paid. Safe between threads. */
#pragma once

#include <pthread.h>
#include <stdint.h>

struct token_bucket {
    pthread_mutex_t lock;
    double per_ns; /* 0: no limit */
    double burst;
    double tokens;
    int64_t updated_ns;
};

/* A rate of 0 means no limit. */
void bucket_init(struct token_bucket *bucket, double per_second, double burst);

/* Take tokens; gives the moment (now_ns) from which they count as paid, which may be now. */
int64_t bucket_take(struct token_bucket *bucket, double tokens);

/* Take them only if they are there. */
int bucket_try(struct token_bucket *bucket, double tokens);
