#include "multipart.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "put.h"
#include "reply.h"
#include "sink.h"
#include "xml.h"

bool multipart_no_such_upload(struct connection *c)
{
    return reply_error(c, 404, "NoSuchUpload", "The specified upload does not exist.");
}

static void begin_document(struct connection *c, struct text *document, const char *kind)
{
    text_add(document, XML_HEAD "<%s " XML_NAMESPACE "><Bucket>%s</Bucket><Key>", kind,
             c->request.bucket);
    text_add_xml(document, c->request.key);
    text_add(document, "</Key>");
}

bool multipart_create(struct connection *c)
{
    char id[33];
    struct text headers = put_kept_headers(&c->request), document = {0};
    objects_add_bucket(&c->origin->objects, c->request.bucket);
    uploads_open(&c->origin->uploads, c->request.name, headers.data, id);
    count_up(&c->origin->counters.open_uploads, 1);
    text_free(&headers);
    begin_document(c, &document, "InitiateMultipartUploadResult");
    text_add(&document, "<UploadId>%s</UploadId></InitiateMultipartUploadResult>", id);
    reply_start(c, 200);
    return reply_xml(c, &document);
}

int multipart_part_number(struct connection *c, bool *goes_on)
{
    const char *text = request_parameter(&c->request, "partNumber");
    int number = text ? atoi(text) : 0;
    if (number < 1 || number > MOST_PARTS)
        *goes_on = reply_error(c, 400, "InvalidArgument", "A part's number is from 1 to 10000.");
    else if (!uploads_has(&c->origin->uploads, request_parameter(&c->request, "uploadId")))
        *goes_on = multipart_no_such_upload(c);
    else
        return number;
    return 0;
}

bool multipart_put_part(struct connection *c)
{
    bool goes_on;
    const char *id = request_parameter(&c->request, "uploadId");
    int number = multipart_part_number(c, &goes_on);
    if (!number)
        return goes_on;
    struct segment *segment = sink_receive(c, &goes_on);
    if (!segment)
        return goes_on;
    struct etag etag = segment->etag;
    if (!uploads_put_part(&c->origin->uploads, id, number, segment))
        return multipart_no_such_upload(c);
    reply_start(c, 200);
    reply_header(c, "ETag: %s", etag.text);
    put_echo_checksums(c);
    return reply_empty(c);
}

bool multipart_abort(struct connection *c)
{
    const char *id = request_parameter(&c->request, "uploadId");
    struct upload *upload = uploads_take(&c->origin->uploads, id);
    if (!upload)
        return multipart_no_such_upload(c);
    upload_free(upload);
    count_up(&c->origin->counters.open_uploads, -1);
    reply_start(c, 204);
    return reply_empty(c);
}

/* The parts that a completion lists, in its order. */
struct listed {
    struct segment **segments;
    int count;
    int last_number;
    const char *trouble; /* the code of what is wrong with the list */
};

/* Tags are compared without quotes, which clients escape or leave out. */
static bool has_tag(const struct segment *segment, const char *tag)
{
    char bare[ETAG_BYTES] = {0};
    memcpy(bare, segment->etag.text + 1, strlen(segment->etag.text) - 2);
    return strstr(tag, bare) != NULL;
}

static void list_part(struct listed *listed, const struct upload *upload, char *element)
{
    /* The two stand in either order, and the search writes NULs. */
    char *copy = strdup(element), *other = copy;
    char *text = xml_next(&element, "PartNumber"), *tag = xml_next(&other, "ETag");
    int number = text ? atoi(text) : 0;
    if (number < 1 || number > MOST_PARTS || !tag)
        listed->trouble = "MalformedXML";
    else if (number <= listed->last_number)
        listed->trouble = "InvalidPartOrder";
    else if (!upload->parts[number] || !has_tag(upload->parts[number], tag))
        listed->trouble = "InvalidPart";
    else
        listed->segments[listed->count++] = upload->parts[number];
    listed->last_number = number;
    free(copy);
}

static struct listed list_parts(const struct upload *upload, char *request)
{
    struct listed listed = {.segments = calloc(MOST_PARTS, sizeof *listed.segments)};
    if (!listed.segments)
        die("out of memory");
    for (char *element; !listed.trouble && (element = xml_next(&request, "Part"));)
        list_part(&listed, upload, element);
    if (!listed.trouble && !listed.count)
        listed.trouble = "MalformedXML";
    return listed;
}

/* What the object owns now, the upload must not free. */
static void disown(struct upload *upload, const struct listed *listed)
{
    int next = 0;
    for (int number = 1; number <= MOST_PARTS && next < listed->count; number++)
        if (upload->parts[number] == listed->segments[next]) {
            upload->parts[number] = NULL;
            next++;
        }
}

static enum publication publish(struct connection *c, struct upload *upload,
                                struct listed *listed, struct etag *etag)
{
    disown(upload, listed);
    struct object *object =
        object_new(upload->name, upload->headers, listed->segments, listed->count);
    upload_free(upload);
    count_up(&c->origin->counters.open_uploads, -1);
    return sink_publish(c->origin, object, put_only_if_absent(&c->request), etag);
}

static bool answer_completed(struct connection *c, const struct etag *etag)
{
    struct text document = {0};
    begin_document(c, &document, "CompleteMultipartUploadResult");
    text_add(&document, "<ETag>");
    text_add_xml(&document, etag->text);
    text_add(&document, "</ETag></CompleteMultipartUploadResult>");
    reply_start(c, 200);
    return reply_xml(c, &document);
}

static bool complete(struct connection *c, struct upload *upload, char *request)
{
    struct etag etag;
    struct listed listed = list_parts(upload, request);
    if (listed.trouble) {
        free(listed.segments);
        uploads_return(&c->origin->uploads, upload);
        return reply_error(c, 400, listed.trouble, "The list of parts is wrong.");
    }
    enum publication outcome = publish(c, upload, &listed, &etag);
    if (outcome != PUBLISHED)
        return put_answer_failure(c, outcome);
    return answer_completed(c, &etag);
}

bool multipart_complete(struct connection *c)
{
    char *request = xml_receive(c);
    if (!request)
        return reply_error(c, 400, "MalformedXML", "The list of parts cannot be read.");
    bool goes_on;
    const char *id = request_parameter(&c->request, "uploadId");
    struct upload *upload = NULL;
    if (put_only_if_absent(&c->request) && sink_has(c->origin, c->request.name))
        goes_on = put_answer_failure(c, TAKEN);
    else if (!(upload = uploads_take(&c->origin->uploads, id)))
        goes_on = multipart_no_such_upload(c);
    else
        goes_on = complete(c, upload, request);
    free(request);
    return goes_on;
}
