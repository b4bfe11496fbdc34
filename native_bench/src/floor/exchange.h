/* An exchange: a request with a body, and an answer short enough to keep. */
#pragma once

#include "floor/job.h"

struct exchange {
    const char *method;
    const char *hex;      /* of the blob, the end of the path */
    const char *query;    /* with its question mark, or empty */
    const char *body;
    size_t body_bytes;
    struct answer answer; /* from here on what came back */
    char text[4096];
};

/* Again and again while it fails in a way that may pass; dies of any other answer than 200. */
void exchange_run(struct exchange *exchange, struct worker *worker);
