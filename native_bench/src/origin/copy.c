#include "copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "content.h"
#include "multipart.h"
#include "put.h"
#include "range.h"
#include "reply.h"
#include "xml.h"

#define SOURCE "x-amz-copy-source"

bool copy_is_asked_for(const struct request *request)
{
    return request_header(request, SOURCE) != NULL;
}

/* bucket/key, decoded, to free; NULL: it names nothing. */
static char *source_name(const struct request *request)
{
    const char *header = request_header(request, SOURCE);
    char *name = strdup(header + (*header == '/'));
    if (!name)
        die("out of memory");
    if (url_decode(name, 0) > 0 && strchr(name, '/') && !request_climbs(name))
        return name;
    free(name);
    return NULL;
}

static bool is_unchanged(const struct request *request, const struct etag *etag)
{
    const char *condition = request_header(request, SOURCE "-if-match");
    return !condition || etag_matches(condition, etag);
}

/* False: there is no such source, and the request is answered. */
static bool open_source(struct connection *c, struct content *source, bool *goes_on)
{
    char *name = source_name(&c->request);
    if (!name) {
        *goes_on = reply_error(c, 400, "InvalidArgument", "The source names no object.");
        return false;
    }
    bool is_there = content_open(c->origin, name, source);
    free(name);
    if (!is_there) {
        *goes_on = reply_error(c, 404, "NoSuchKey", "The specified key does not exist.");
        return false;
    }
    if (is_unchanged(&c->request, &source->etag))
        return true;
    content_close(source);
    *goes_on = reply_error(c, 412, "PreconditionFailed", "The source is another by now.");
    return false;
}

/* A stretch of the source; NULL: the request is answered. */
static struct segment *copied(struct connection *c, const struct content *source, uint64_t first,
                              uint64_t count, bool *goes_on)
{
    struct segment *segment = sink_new_segment(c->origin, count);
    if (segment && content_copy(c, source, first, count, segment)) {
        count_up(&c->origin->counters.copies, 1);
        count_up(&c->origin->counters.bytes_copied, (long long)count);
        return segment;
    }
    *goes_on = reply_error(c, 500, "InternalError", strerror(errno));
    segment_free(segment);
    return NULL;
}

static bool answer(struct connection *c, const char *kind, const struct etag *etag)
{
    struct text document = {0};
    text_add(&document, XML_HEAD "<%s " XML_NAMESPACE "><ETag>", kind);
    text_add_xml(&document, etag->text);
    text_add(&document, "</ETag></%s>", kind);
    reply_start(c, 200);
    return reply_xml(c, &document);
}

static bool copy_whole(struct connection *c, const struct content *source)
{
    bool goes_on;
    struct etag etag;
    struct segment *segment = copied(c, source, 0, source->size_bytes, &goes_on);
    if (!segment)
        return goes_on;
    const char *headers = source->object ? source->object->headers : "";
    enum publication outcome = put_publish(c, segment, headers, &etag);
    if (outcome != PUBLISHED)
        return put_answer_failure(c, outcome);
    return answer(c, "CopyObjectResult", &etag);
}

bool copy_object(struct connection *c)
{
    bool goes_on;
    struct content source;
    if (put_only_if_absent(&c->request) && sink_has(c->origin, c->request.name))
        return put_answer_failure(c, TAKEN);
    if (!open_source(c, &source, &goes_on))
        return goes_on;
    goes_on = copy_whole(c, &source);
    content_close(&source);
    return goes_on;
}

static bool copy_stretch(struct connection *c, const struct content *source, const char *id,
                         int number)
{
    bool goes_on;
    uint64_t first, count;
    const char *range = request_header(&c->request, SOURCE "-range");
    if (range_parse(range, source->size_bytes, &first, &count) == RANGE_UNSATISFIABLE)
        return reply_error(c, 400, "InvalidArgument", "The source has no such bytes.");
    struct segment *segment = copied(c, source, first, count, &goes_on);
    if (!segment)
        return goes_on;
    struct etag etag = segment->etag;
    if (!uploads_put_part(&c->origin->uploads, id, number, segment))
        return multipart_no_such_upload(c);
    return answer(c, "CopyPartResult", &etag);
}

bool copy_part(struct connection *c)
{
    bool goes_on;
    struct content source;
    const char *id = request_parameter(&c->request, "uploadId");
    int number = multipart_part_number(c, &goes_on);
    if (!number || !open_source(c, &source, &goes_on))
        return goes_on;
    goes_on = copy_stretch(c, &source, id, number);
    content_close(&source);
    return goes_on;
}
