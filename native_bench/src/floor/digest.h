/* The SHA-256 of one blob, computed by the threads that hold its parts, in turn. */
#pragma once

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct digest {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    _Atomic int64_t turn; /* the number of the part that may be hashed now */
    EVP_MD_CTX *context;
};

void digest_init(struct digest *digest);

/* One part's share of the work, done as its bytes become known: at once while they are warm in
 * the cache if it is the part's turn, else when its turn has come. */
struct share {
    struct digest *digest; /* NULL: nothing is verified */
    int64_t part;
    const char *bytes;
    size_t hashed;
};

/* So many bytes of the part are there. */
void share_advance(struct share *share, size_t known);

/* The part is complete: hash what is left, waiting for the turn, and pass it on. */
void share_finish(struct share *share, size_t known);

/* After the last part, by the thread that hashed it: die if the digest is not the expected. */
void digest_check(struct digest *digest, const char *expected_hex);
