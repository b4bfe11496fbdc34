#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fail.h"

static void set_tcp(int fd, int option, int value)
{
    setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

bool stream_open(struct stream *stream, int fd, SSL_CTX *tls)
{
    stream->fd = fd;
    stream->ssl = NULL;
    stream->is_corked = false;
    stream->start = stream->end = 0;
    stream->scratch = malloc(STREAM_SCRATCH_BYTES);
    if (!stream->scratch)
        die("out of memory");
    set_tcp(fd, TCP_NODELAY, 1);
    if (!tls)
        return true;
    stream->ssl = SSL_new(tls);
    if (!stream->ssl)
        die("out of memory");
    return SSL_set_fd(stream->ssl, fd) == 1 && SSL_accept(stream->ssl) == 1;
}

static void let_go(struct stream *stream)
{
    if (stream->ssl)
        SSL_free(stream->ssl);
    close(stream->fd);
    free(stream->scratch);
}

void stream_close(struct stream *stream)
{
    /* A notice that we end, without waiting for theirs. */
    if (stream->ssl && SSL_is_init_finished(stream->ssl))
        SSL_shutdown(stream->ssl);
    let_go(stream);
}

void stream_wait_for_end(struct stream *stream)
{
    struct pollfd gone = {.fd = stream->fd, .events = POLLRDHUP};
    while (poll(&gone, 1, -1) < 0 && errno == EINTR)
        ;
}

void stream_reset(struct stream *stream)
{
    struct linger at_once = {1, 0};
    setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    let_go(stream);
}

static ssize_t receive(struct stream *stream, void *bytes, size_t count)
{
    if (stream->ssl) {
        int got = SSL_read(stream->ssl, bytes, count > INT_MAX ? INT_MAX : (int)count);
        return got > 0 ? got : SSL_get_error(stream->ssl, got) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
    }
    ssize_t got;
    do
        got = recv(stream->fd, bytes, count, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

bool stream_fill(struct stream *stream)
{
    memmove(stream->input, stream->input + stream->start, stream->end - stream->start);
    stream->end -= stream->start;
    stream->start = 0;
    if (stream->end == STREAM_INPUT_BYTES)
        return false;
    ssize_t got = receive(stream, stream->input + stream->end, STREAM_INPUT_BYTES - stream->end);
    if (got > 0)
        stream->end += (size_t)got;
    return got > 0;
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t count)
{
    if (stream->start == stream->end) {
        if (count >= STREAM_INPUT_BYTES)
            return receive(stream, bytes, count);
        if (!stream_fill(stream))
            return -1;
    }
    size_t there = stream->end - stream->start;
    if (count > there)
        count = there;
    memcpy(bytes, stream->input + stream->start, count);
    stream->start += count;
    return (ssize_t)count;
}

static bool write_tls(struct stream *stream, const char *bytes, size_t count, bool more)
{
    if (more && !stream->is_corked) {
        stream->is_corked = true;
        set_tcp(stream->fd, TCP_CORK, 1);
    }
    if (count && SSL_write(stream->ssl, bytes, (int)count) <= 0)
        return false;
    if (!more && stream->is_corked) {
        stream->is_corked = false;
        set_tcp(stream->fd, TCP_CORK, 0);
    }
    return true;
}

bool stream_write(struct stream *stream, const void *bytes, size_t count, bool more)
{
    if (stream->ssl)
        return write_tls(stream, bytes, count, more);
    const char *next = bytes;
    while (count) {
        ssize_t sent = send(stream->fd, next, count, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        next += sent;
        count -= (size_t)sent;
    }
    return true;
}

static bool copy_file(struct stream *stream, int file, off_t offset, size_t count)
{
    while (count) {
        size_t piece = count < STREAM_SCRATCH_BYTES ? count : STREAM_SCRATCH_BYTES;
        ssize_t got = pread(file, stream->scratch, piece, offset);
        if (got <= 0 || !write_tls(stream, stream->scratch, (size_t)got, false))
            return false;
        offset += got;
        count -= (size_t)got;
    }
    return true;
}

bool stream_send_file(struct stream *stream, int file, off_t offset, size_t count)
{
    if (stream->ssl)
        return copy_file(stream, file, offset, count);
    while (count) {
        ssize_t sent = sendfile(stream->fd, file, &offset, count);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        count -= (size_t)sent;
    }
    return true;
}
