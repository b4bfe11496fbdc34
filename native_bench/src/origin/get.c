#include "get.h"

#include <inttypes.h>
#include <string.h>

#include "content.h"
#include "range.h"
#include "reply.h"

static void describe(struct connection *c, const struct content *content)
{
    reply_moment(c, "Last-Modified", content->modified);
    reply_header(c, "ETag: %s", content->etag.text);
    reply_header(c, "Accept-Ranges: bytes");
    const char *headers = content->object ? content->object->headers : "";
    reply_lines(c, headers);
    if (!strcasestr(headers, "content-type:"))
        reply_header(c, "Content-Type: application/octet-stream");
}

static bool send_content(struct connection *c, const struct content *content)
{
    uint64_t first = 0, count = content->size_bytes;
    const char *header = request_header(&c->request, "range");
    enum range_kind kind = range_parse(header, content->size_bytes, &first, &count);
    if (kind == RANGE_UNSATISFIABLE)
        return reply_range_error(c, content->size_bytes);
    reply_start(c, kind == RANGE_PART ? 206 : 200);
    describe(c, content);
    if (kind == RANGE_PART)
        reply_header(c, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                     first + count - 1, content->size_bytes);
    if (!reply_head(c, count))
        return false;
    return c->request.method == HEAD || content_send(c, content, first, count);
}

static bool answer(struct connection *c, const struct content *content)
{
    const char *wanted = request_header(&c->request, "if-match");
    const char *known = request_header(&c->request, "if-none-match");
    if (wanted && !etag_matches(wanted, &content->etag))
        return reply_error(c, 412, "PreconditionFailed", "The object is another by now.");
    if (known && etag_matches(known, &content->etag)) {
        reply_start(c, 304);
        describe(c, content);
        return reply_empty(c);
    }
    if (content->file < 0 && content->object->is_dropped && c->request.method == GET)
        return reply_error(c, 500, "InternalError",
                           "The object's bytes went nowhere: --sink memory keeps them.");
    return send_content(c, content);
}

bool get_object(struct connection *c)
{
    struct content content;
    if (!content_open(c->origin, c->request.name, &content))
        return reply_error(c, 404, "NoSuchKey", "The specified key does not exist.");
    bool goes_on = answer(c, &content);
    content_close(&content);
    return goes_on;
}
