#include "origin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fail.h"

/* The server's order counts, as cloud services have it: contenders differ in the cipher they would
 * choose, and AES-256 costs both sides a third more than AES-128. */
static const char *const CIPHERS =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

static SSL_CTX *load_tls(const struct options *options)
{
    if (!options->tls_cert)
        return NULL;
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls)
        die("no TLS");
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_set_ciphersuites(tls, CIPHERS) != 1)
        die("no ciphers: %s", ERR_reason_error_string(ERR_get_error()));
    if (SSL_CTX_use_certificate_chain_file(tls, options->tls_cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options->tls_key, SSL_FILETYPE_PEM) != 1)
        die("%s and %s: %s", options->tls_cert, options->tls_key,
            ERR_reason_error_string(ERR_get_error()));
    return tls;
}

/* Parts that an earlier run left are of no use: its uploads are forgotten. */
static void empty(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        die_errno("%s", path);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_type == DT_REG)
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
}

static char *make_scratch(const struct options *options)
{
    char *path;
    if (asprintf(&path, "%s/.origin-uploads", options->root) < 0)
        die("out of memory");
    if (options->sink != SINK_DIRECTORY)
        return path;
    if (mkdir(path, 0777) && errno != EEXIST)
        die_errno("%s", path);
    empty(path);
    return path;
}

struct origin *origin_new(const struct options *options)
{
    struct origin *origin = calloc(1, sizeof *origin);
    if (!origin)
        die("out of memory");
    origin->options = *options;
    origin->root = open(options->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (origin->root < 0)
        die_errno("%s", options->root);
    origin->scratch = make_scratch(options);
    origin->tls = load_tls(options);
    objects_init(&origin->objects);
    uploads_init(&origin->uploads);
    throttle_share(&origin->total, options);
    double burst = (double)options->requests_per_second / 10;
    bucket_init(&origin->requests, (double)options->requests_per_second, burst < 1 ? 1 : burst);
    /* An origin that has had nothing to do has this much to give. */
    origin->requests.tokens = origin->requests.burst;
    return origin;
}

static void remove_file(void *context, const struct object *object)
{
    const struct origin *origin = context;
    if (object->is_file)
        unlinkat(origin->root, object->name, 0);
}

void origin_clear(struct origin *origin)
{
    objects_visit(&origin->objects, remove_file, origin);
    objects_clear(&origin->objects);
    uploads_clear(&origin->uploads);
    counters_clear(&origin->counters);
    atomic_store(&origin->first_transfer_ns, 0);
}
