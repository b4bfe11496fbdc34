/* Stream: the bytes of one connection, in the clear or through TLS. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STREAM_INPUT_BYTES (16 << 10)
#define STREAM_SCRATCH_BYTES (256 << 10)

struct stream {
    int fd;
    SSL *ssl;      /* NULL: in the clear */
    bool is_corked;
    char *scratch; /* STREAM_SCRATCH_BYTES for whoever moves a body */
    size_t start;  /* what was received and not yet taken: input[start..end) */
    size_t end;
    char input[STREAM_INPUT_BYTES];
};

/* Takes the socket; with TLS this shakes hands. Close it in either case. */
bool stream_open(struct stream *stream, int fd, SSL_CTX *tls);
void stream_close(struct stream *stream);

/* Say and take nothing until the other side is gone. */
void stream_wait_for_end(struct stream *stream);

/* Close it so that the other side sees a reset. */
void stream_reset(struct stream *stream);

/* Receive more into the input; false at the end, on errors and when it is full. */
bool stream_fill(struct stream *stream);

/* Some bytes, at least one; 0 at the end, -1 on an error. Much is received past the input. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t count);

/* `more`: something follows at once, so that a head costs no packet of its own. */
bool stream_write(struct stream *stream, const void *bytes, size_t count, bool more);

/* A stretch of a file, all of it. */
bool stream_send_file(struct stream *stream, int file, off_t offset, size_t count);
