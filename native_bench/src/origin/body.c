#include "body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef ssize_t reader(struct body *body, void *bytes, size_t count);

static bool parse_bytes(const char *text, int base, uint64_t *bytes)
{
    char *end;
    errno = 0;
    *bytes = strtoull(text, &end, base);
    bool is_ended = !*end || *end == ';' || *end == ' ' || *end == '\t';
    return !errno && end != text && *text != '-' && is_ended;
}

bool body_init(struct body *body, const struct request *request, struct stream *stream,
               struct throttle *throttle)
{
    *body = (struct body){.stream = stream, .throttle = throttle};
    const char *expect = request_header(request, "expect");
    const char *length = request_header(request, "content-length");
    const char *transfer = request_header(request, "transfer-encoding");
    const char *decoded = request_header(request, "x-amz-decoded-content-length");
    const char *encoding = request_header(request, "content-encoding");
    const char *sha256 = request_header(request, "x-amz-content-sha256");
    body->awaits_continue = expect && !strcasecmp(expect, "100-continue");
    body->transfer.is_used = transfer && !strcasecmp(transfer, "chunked");
    body->aws.is_used = (encoding && strcasestr(encoding, "aws-chunked")) ||
                        (sha256 && !strncmp(sha256, "STREAMING-", 10));
    if (transfer && !body->transfer.is_used)
        return false;
    if (length && !body->transfer.is_used && !parse_bytes(length, 10, &body->left_bytes))
        return false;
    const char *size = body->aws.is_used ? decoded : body->transfer.is_used ? NULL : length;
    body->is_size_known = size && parse_bytes(size, 10, &body->size_bytes);
    return true;
}

static ssize_t read_raw(struct body *body, void *bytes, size_t count)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (body->awaits_continue) {
        body->awaits_continue = false;
        if (!stream_write(body->stream, go_on, sizeof go_on - 1, false))
            return -1;
    }
    ssize_t got = stream_read(body->stream, bytes, throttle_slice(body->throttle, count));
    if (got <= 0)
        return -1;
    throttle_pay(body->throttle, (size_t)got);
    return got;
}

/* A line without its end; false when it is too long or does not come. */
static bool read_line(struct body *body, reader *read, char *line, size_t room)
{
    for (size_t length = 0; length < room; length++) {
        if (read(body, line + length, 1) != 1)
            return false;
        if (line[length] == '\n') {
            line[length - (length && line[length - 1] == '\r')] = 0;
            return true;
        }
    }
    return false;
}

/* Chunks end with a chunk of nothing, lines of trailers and an empty line. */
static bool begin_chunk(struct body *body, struct chunks *chunks, reader *read)
{
    char line[1024];
    if (chunks->has_begun && (!read_line(body, read, line, sizeof line) || *line))
        return false;
    chunks->has_begun = true;
    if (!read_line(body, read, line, sizeof line) || !parse_bytes(line, 16, &chunks->left_bytes))
        return false;
    if (chunks->left_bytes)
        return true;
    chunks->is_done = true;
    do
        if (!read_line(body, read, line, sizeof line))
            return false;
    while (*line);
    return true;
}

static ssize_t read_chunks(struct body *body, struct chunks *chunks, reader *read, void *bytes,
                           size_t count)
{
    if (!chunks->left_bytes && !chunks->is_done && !begin_chunk(body, chunks, read))
        return -1;
    if (chunks->is_done)
        return 0;
    ssize_t got = read(body, bytes, count < chunks->left_bytes ? count : chunks->left_bytes);
    if (got <= 0)
        return -1;
    chunks->left_bytes -= (uint64_t)got;
    return got;
}

static ssize_t read_transfer(struct body *body, void *bytes, size_t count)
{
    if (body->transfer.is_used)
        return read_chunks(body, &body->transfer, read_raw, bytes, count);
    if (!body->left_bytes)
        return 0;
    ssize_t got = read_raw(body, bytes, count < body->left_bytes ? count : body->left_bytes);
    if (got > 0)
        body->left_bytes -= (uint64_t)got;
    return got;
}

ssize_t body_read(struct body *body, void *bytes, size_t count)
{
    if (body->aws.is_used)
        return read_chunks(body, &body->aws, read_transfer, bytes, count);
    return read_transfer(body, bytes, count);
}

bool body_drain(struct body *body)
{
    ssize_t got;
    do
        got = read_transfer(body, body->stream->scratch, STREAM_SCRATCH_BYTES);
    while (got > 0);
    return got == 0;
}
