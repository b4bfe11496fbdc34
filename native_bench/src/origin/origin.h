/* Origin: what all connections share. */
#pragma once

#include <openssl/ssl.h>

#include "counters.h"
#include "objects.h"
#include "options.h"
#include "throttle.h"
#include "uploads.h"

struct origin {
    struct options options;
    struct counters counters;
    struct objects objects;
    struct uploads uploads;
    struct token_bucket total;    /* bytes */
    struct token_bucket requests;
    atomic_llong first_transfer_ns; /* since the start or since it was cleared; 0: none yet */
    int root;                     /* the directory, open */
    char *scratch;                /* directory of temporary files, below the root */
    SSL_CTX *tls;                 /* NULL: in the clear */
};

struct origin *origin_new(const struct options *options);

/* Forget what was uploaded, and count from zero. */
void origin_clear(struct origin *origin);
