/* Throttle: what one connection may move, by its own bucket and by the one that all share. */
#pragma once

#include "common/token_bucket.h"
#include "options.h"

struct throttle {
    struct token_bucket own;
    struct token_bucket *shared;
    size_t slice_bytes; /* paid for at once; SIZE_MAX: without limits */
};

/* The bucket that all connections share. */
void throttle_share(struct token_bucket *shared, const struct options *options);

void throttle_init(struct throttle *throttle, const struct options *options,
                   struct token_bucket *shared);

/* How much of so many bytes is the next slice. */
size_t throttle_slice(const struct throttle *throttle, size_t wanted);

/* Wait until so many bytes are paid for, at both rates. */
void throttle_pay(struct throttle *throttle, size_t bytes);

/* The same for bytes that cross no network: at the connection's own rate alone. */
void throttle_pay_alone(struct throttle *throttle, size_t bytes);

/* What a receive buffer should be: a larger one would swallow uploads that are not paid for yet.
 * 0: leave it to the kernel. */
int throttle_receive_buffer(const struct options *options);
