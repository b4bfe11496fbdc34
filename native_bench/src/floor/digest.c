#include "floor/digest.h"

#include <stdio.h>
#include <string.h>

#include "common/fail.h"
#include "floor/blobs.h"

void digest_init(struct digest *digest)
{
    pthread_mutex_init(&digest->lock, NULL);
    pthread_cond_init(&digest->moved, NULL);
    atomic_init(&digest->turn, 0);
    digest->context = NULL;
}

static bool is_turn(struct digest *digest, int64_t part)
{
    return atomic_load(&digest->turn) == part;
}

static void wait_turn(struct digest *digest, int64_t part)
{
    if (is_turn(digest, part))
        return;
    pthread_mutex_lock(&digest->lock);
    while (!is_turn(digest, part))
        pthread_cond_wait(&digest->moved, &digest->lock);
    pthread_mutex_unlock(&digest->lock);
}

/* Looked up once: OpenSSL 3 takes locks and a microsecond to find an algorithm by its name. */
static EVP_MD *sha256;

static void find_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256)
        die("this OpenSSL has no SHA-256");
}

static void begin(struct digest *digest)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_sha256);
    digest->context = EVP_MD_CTX_new();
    if (!digest->context || !EVP_DigestInit_ex2(digest->context, sha256, NULL))
        die("SHA-256 does not begin");
}

static void update(struct digest *digest, const void *bytes, size_t count)
{
    if (!digest->context)
        begin(digest);
    if (!EVP_DigestUpdate(digest->context, bytes, count))
        die("SHA-256 does not go on");
}

static void pass_turn(struct digest *digest)
{
    pthread_mutex_lock(&digest->lock);
    atomic_fetch_add(&digest->turn, 1);
    pthread_cond_broadcast(&digest->moved);
    pthread_mutex_unlock(&digest->lock);
}

void share_advance(struct share *share, size_t known)
{
    if (!share->digest || !is_turn(share->digest, share->part))
        return;
    update(share->digest, share->bytes + share->hashed, known - share->hashed);
    share->hashed = known;
}

void share_finish(struct share *share, size_t known)
{
    if (!share->digest)
        return;
    wait_turn(share->digest, share->part);
    share_advance(share, known);
    pass_turn(share->digest);
}

void digest_check(struct digest *digest, const char *expected_hex)
{
    unsigned char binary[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned int count;
    if (!EVP_DigestFinal_ex(digest->context, binary, &count))
        die("SHA-256 does not end");
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
    for (unsigned int i = 0; i < count; i++)
        snprintf(hex + 2 * i, 3, "%02x", binary[i]);
    if (strcmp(hex, expected_hex))
        die("%s is damaged: its digest is %s", expected_hex, hex);
}
