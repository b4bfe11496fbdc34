/* Body: what follows a request's head, taken out of its framing, paid for at the throttle.
 *
 * Chunks may lie in chunks: HTTP's own (Transfer-Encoding) around those of S3 (aws-chunked), whose
 * form is the same but for signatures, which are not checked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "request.h"
#include "throttle.h"

struct chunks {
    bool is_used;
    bool has_begun;
    bool is_done;
    uint64_t left_bytes; /* of the chunk at hand */
};

struct body {
    struct stream *stream;
    struct throttle *throttle;
    struct chunks transfer;
    struct chunks aws;
    uint64_t left_bytes;       /* of Content-Length, without transfer chunks */
    bool awaits_continue;
    bool is_size_known;
    uint64_t size_bytes;       /* of the content */
};

/* False: the head contradicts itself, and where the body ends cannot be told. */
bool body_init(struct body *body, const struct request *request, struct stream *stream,
               struct throttle *throttle);

/* Some bytes of the content; 0 at its end, -1 when it breaks off or makes no sense. */
ssize_t body_read(struct body *body, void *bytes, size_t count);

/* Throw away what was not read, so that the next request can be. */
bool body_drain(struct body *body);
