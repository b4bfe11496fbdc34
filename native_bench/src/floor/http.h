/* One kept-alive HTTP/1.1 connection of one thread, and the answers on it.
 *
 * Whatever breaks the connection is told by a false result and leaves it closed; the next
 * request connects again. */
#pragma once

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http {
    const struct addrinfo *address;
    int fd; /* -1: closed */
    size_t used;    /* bytes in `head` */
    size_t taken;   /* of them the answer's head, and the body handed out */
    bool is_last;   /* the server closes after this answer */
    char head[16 << 10];
};

enum { ETAG_ROOM = 128 };

struct answer {
    int status;
    int64_t body_bytes;
    char etag[ETAG_ROOM]; /* as it came, with its quotes; empty if none */
};

/* The host's first address; dies if it has none. */
const struct addrinfo *http_resolve(const char *host, const char *port);

void http_init(struct http *http, const struct addrinfo *address);
void http_close(struct http *http);

bool http_send(struct http *http, const char *head, const void *body, size_t body_bytes);
bool http_read_head(struct http *http, struct answer *answer);

/* Up to `count` bytes of the body; 0 when the connection broke. */
size_t http_read(struct http *http, void *bytes, size_t count);

/* After the last byte of a body. */
void http_end(struct http *http);
