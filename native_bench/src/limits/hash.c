/* What verifying and TLS cost: SHA-256 and AES-128-GCM by OpenSSL. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/fail.h"
#include "limits/items.h"

/* As warm in the cache as bytes just received; a TLS record has 16 KiB at most. */
enum { PIECE_BYTES = 256 << 10, RECORD_BYTES = 16 << 10, TAG_BYTES = 16 };

static void sha256(struct hand *hand)
{
    unsigned char *piece = calloc(1, PIECE_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!piece || !context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
        die("SHA-256 does not begin");
    do {
        if (!EVP_DigestUpdate(context, piece, PIECE_BYTES))
            die("SHA-256 does not go on");
        hand->bytes += PIECE_BYTES;
    } while (now_ns() < hand->until_ns);
    EVP_MD_CTX_free(context);
    free(piece);
}

/* One record, opened with its tag as a receiver does; its nonce stands for a counter. */
static void open_record(EVP_CIPHER_CTX *context, const unsigned char *sealed, unsigned char *opened)
{
    static const unsigned char nonce[12];
    static unsigned char tag[TAG_BYTES];
    int count;
    if (!EVP_DecryptInit_ex(context, NULL, NULL, NULL, nonce) ||
        !EVP_DecryptUpdate(context, opened, &count, sealed, RECORD_BYTES) ||
        !EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag))
        die("AES-128-GCM does not go on");
    /* Not the right tag; to find that out is the work to measure. */
    EVP_DecryptFinal_ex(context, opened + count, &count);
}

static void aes_128_gcm(struct hand *hand)
{
    static const unsigned char key[16];
    unsigned char *sealed = calloc(1, RECORD_BYTES), *opened = calloc(1, RECORD_BYTES + TAG_BYTES);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!sealed || !opened || !context ||
        !EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, NULL))
        die("AES-128-GCM does not begin");
    do {
        open_record(context, sealed, opened);
        hand->bytes += RECORD_BYTES;
    } while (now_ns() < hand->until_ns);
    EVP_CIPHER_CTX_free(context);
    free(opened);
    free(sealed);
}

static double one(const struct setting *setting, void *work)
{
    return work_together(setting, 1, *(hand_work **)work, NULL);
}

static double all(const struct setting *setting, void *work)
{
    return work_together(setting, setting->cpus, *(hand_work **)work, NULL);
}

void limits_hash(const struct setting *setting)
{
    hand_work *digest = sha256, *cipher = aes_128_gcm;
    json_open("hash");
    measure("sha256_1_thread", setting, one, &digest);
    measure("sha256_all_cpus", setting, all, &digest);
    measure("aes_128_gcm_1_thread", setting, one, &cipher);
    measure("aes_128_gcm_all_cpus", setting, all, &cipher);
    json_close();
}
