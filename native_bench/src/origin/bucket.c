#include "bucket.h"

#include <stdlib.h>

#include "common/fail.h"
#include "reply.h"
#include "sink.h"
#include "xml.h"

bool bucket_head(struct connection *c)
{
    reply_start(c, 200);
    reply_header(c, "x-amz-bucket-region: us-east-1");
    return reply_empty(c);
}

bool bucket_create(struct connection *c)
{
    objects_add_bucket(&c->origin->objects, c->request.bucket);
    reply_start(c, 200);
    reply_header(c, "Location: /%s", c->request.bucket);
    return reply_empty(c);
}

bool bucket_location(struct connection *c)
{
    struct text document = {0};
    text_add(&document, XML_HEAD "<LocationConstraint " XML_NAMESPACE "/>");
    reply_start(c, 200);
    return reply_xml(c, &document);
}

static void remove_one(struct connection *c, const char *key, struct text *document)
{
    char *name;
    if (asprintf(&name, "%s/%s", c->request.bucket, key) < 0)
        die("out of memory");
    if (!request_climbs(key))
        sink_remove(c->origin, name);
    free(name);
    text_add(document, "<Deleted><Key>");
    text_add_xml(document, key);
    text_add(document, "</Key></Deleted>");
}

bool bucket_delete_objects(struct connection *c)
{
    char *request = xml_receive(c);
    if (!request)
        return reply_error(c, 400, "MalformedXML", "The list of keys cannot be read.");
    struct text document = {0};
    text_add(&document, XML_HEAD "<DeleteResult " XML_NAMESPACE ">");
    char *cursor = request;
    for (char *key; (key = xml_next(&cursor, "Key"));) {
        xml_resolve(key);
        remove_one(c, key, &document);
    }
    text_add(&document, "</DeleteResult>");
    free(request);
    reply_start(c, 200);
    return reply_xml(c, &document);
}
