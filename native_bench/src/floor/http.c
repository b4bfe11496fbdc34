#include "floor/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/fail.h"

/* A server that is silent for so long is a broken one. */
static const struct timeval SILENCE = {.tv_sec = 30};

const struct addrinfo *http_resolve(const char *host, const char *port)
{
    struct addrinfo *found;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(host, port, &wanted, &found);
    if (error)
        die("%s:%s: %s", host, port, gai_strerror(error));
    return found;
}

void http_init(struct http *http, const struct addrinfo *address)
{
    http->address = address;
    http->fd = -1;
}

void http_close(struct http *http)
{
    if (http->fd >= 0)
        close(http->fd);
    http->fd = -1;
}

static bool broken(struct http *http)
{
    http_close(http);
    return false;
}

static bool reach(struct http *http)
{
    const struct addrinfo *address = http->address;
    int on = 1;
    http->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (http->fd < 0)
        die_errno("no socket");
    setsockopt(http->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(http->fd, SOL_SOCKET, SO_RCVTIMEO, &SILENCE, sizeof SILENCE);
    setsockopt(http->fd, SOL_SOCKET, SO_SNDTIMEO, &SILENCE, sizeof SILENCE);
    if (connect(http->fd, address->ai_addr, address->ai_addrlen))
        return broken(http);
    return true;
}

/* Drop from both pieces what was sent. */
static void advance(struct iovec *pieces, size_t sent)
{
    for (int i = 0; i < 2; i++) {
        size_t from_here = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
        pieces[i].iov_base = (char *)pieces[i].iov_base + from_here;
        pieces[i].iov_len -= from_here;
        sent -= from_here;
    }
}

bool http_send(struct http *http, const char *head, const void *body, size_t body_bytes)
{
    if (http->fd < 0 && !reach(http))
        return false;
    http->used = http->taken = 0;
    struct iovec pieces[2] = {{(void *)head, strlen(head)}, {(void *)body, body_bytes}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    while (pieces[0].iov_len + pieces[1].iov_len) {
        ssize_t sent = sendmsg(http->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return broken(http);
        if (sent > 0)
            advance(pieces, (size_t)sent);
    }
    return true;
}

static ssize_t receive(struct http *http, void *bytes, size_t count)
{
    ssize_t got;
    do
        got = recv(http->fd, bytes, count, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* A field's value, copied; empty if the head has no such field. */
static void field(const char *head, const char *name, char *value, size_t room)
{
    size_t length = strlen(name);
    *value = 0;
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) || line[length] != ':')
            continue;
        line += length + 1;
        line += strspn(line, " \t");
        size_t count = strcspn(line, "\r");
        if (count >= room)
            die("the field %s is too long", name);
        memcpy(value, line, count);
        value[count] = 0;
        return;
    }
}

static void parse_head(struct http *http, struct answer *answer)
{
    char value[64];
    if (strncmp(http->head, "HTTP/1.", 7))
        die("this is no HTTP server: %.40s", http->head);
    answer->status = atoi(http->head + 9);
    field(http->head, "etag", answer->etag, sizeof answer->etag);
    field(http->head, "connection", value, sizeof value);
    http->is_last = !strcasecmp(value, "close");
    field(http->head, "content-length", value, sizeof value);
    if (!*value && answer->status != 204)
        die("an answer with status %d has no Content-Length", answer->status);
    answer->body_bytes = atoll(value);
}

bool http_read_head(struct http *http, struct answer *answer)
{
    char *end;
    do {
        size_t room = sizeof http->head - 1 - http->used;
        if (!room)
            die("the head of an answer is longer than %zu bytes", sizeof http->head - 1);
        ssize_t got = receive(http, http->head + http->used, room);
        if (got <= 0)
            return broken(http);
        http->used += (size_t)got;
        http->head[http->used] = 0;
        end = strstr(http->head, "\r\n\r\n");
    } while (!end);
    end[2] = 0;
    http->taken = (size_t)(end + 4 - http->head);
    parse_head(http, answer);
    return true;
}

size_t http_read(struct http *http, void *bytes, size_t count)
{
    size_t early = http->used - http->taken;
    if (early) {
        if (early > count)
            early = count;
        memcpy(bytes, http->head + http->taken, early);
        http->taken += early;
        return early;
    }
    ssize_t got = receive(http, bytes, count);
    if (got <= 0) {
        http_close(http);
        return 0;
    }
    return (size_t)got;
}

void http_end(struct http *http)
{
    if (http->is_last)
        http_close(http);
}
