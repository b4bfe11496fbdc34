#include "put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fail.h"
#include "reply.h"

static bool is_kept(const struct pair *header)
{
    static const char *const kept[] = {
        "content-type", "content-encoding", "content-disposition", "content-language",
        "cache-control", "expires",
    };
    if (strcasestr(header->value, "aws-chunked"))
        return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!strcasecmp(header->name, kept[i]))
            return true;
    return !strncasecmp(header->name, "x-amz-meta-", 11);
}

struct text put_kept_headers(const struct request *request)
{
    struct text kept = {0};
    text_add(&kept, "%s", "");
    for (int i = 0; i < request->header_count; i++) {
        const struct pair *header = &request->headers[i];
        if (is_kept(header))
            text_add(&kept, "%s: %s\r\n", header->name, header->value);
    }
    return kept;
}

bool put_only_if_absent(const struct request *request)
{
    const char *condition = request_header(request, "if-none-match");
    return condition && !strcmp(condition, "*");
}

void put_echo_checksums(struct connection *c)
{
    for (int i = 0; i < c->request.header_count; i++) {
        const struct pair *header = &c->request.headers[i];
        bool is_value = !strncasecmp(header->name, "x-amz-checksum-", 15) &&
                        strcasecmp(header->name, "x-amz-checksum-algorithm");
        if (is_value)
            reply_header(c, "%s: %s", header->name, header->value);
    }
}

bool put_answer_failure(struct connection *c, enum publication outcome)
{
    if (outcome == FAILED)
        return reply_error(c, 500, "InternalError", strerror(errno));
    return reply_error(c, 412, "PreconditionFailed", "An object of this name exists already.");
}

enum publication put_publish(struct connection *c, struct segment *segment, const char *headers,
                             struct etag *etag)
{
    struct segment **segments = malloc(sizeof *segments);
    if (!segments)
        die("out of memory");
    segments[0] = segment;
    struct object *object = object_new(c->request.name, headers, segments, 1);
    objects_add_bucket(&c->origin->objects, c->request.bucket);
    return sink_publish(c->origin, object, put_only_if_absent(&c->request), etag);
}

bool put_object(struct connection *c)
{
    bool goes_on;
    struct etag etag;
    if (put_only_if_absent(&c->request) && sink_has(c->origin, c->request.name))
        return put_answer_failure(c, TAKEN);
    struct segment *segment = sink_receive(c, &goes_on);
    if (!segment)
        return goes_on;
    struct text headers = put_kept_headers(&c->request);
    enum publication outcome = put_publish(c, segment, headers.data, &etag);
    text_free(&headers);
    if (outcome != PUBLISHED)
        return put_answer_failure(c, outcome);
    reply_start(c, 200);
    reply_header(c, "ETag: %s", etag.text);
    put_echo_checksums(c);
    return reply_empty(c);
}

bool delete_object(struct connection *c)
{
    sink_remove(c->origin, c->request.name);
    reply_start(c, 204);
    return reply_empty(c);
}
