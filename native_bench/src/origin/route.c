#include "route.h"

#include "bucket.h"
#include "common/clock.h"
#include "copy.h"
#include "get.h"
#include "list.h"
#include "multipart.h"
#include "put.h"
#include "reply.h"

typedef bool operation(struct connection *c);

static bool not_implemented(struct connection *c)
{
    return reply_error(c, 501, "NotImplemented", "This origin does not know the operation.");
}

static bool not_allowed(struct connection *c)
{
    return reply_error(c, 405, "MethodNotAllowed", "The method is not allowed here.");
}

static bool asks_for(const struct connection *c, const char *parameter)
{
    return request_parameter(&c->request, parameter) != NULL;
}

/* What S3 keeps about a bucket or an object, and this origin does not. */
static bool asks_for_unknown(const struct connection *c)
{
    static const char *const unknown[] = {
        "acl", "attributes", "cors", "encryption", "legal-hold", "lifecycle", "notification",
        "object-lock", "policy", "replication", "restore", "retention", "select", "tagging",
        "torrent", "versioning", "versions", "website",
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (asks_for(c, unknown[i]))
            return true;
    return false;
}

static operation *bucket_operation(const struct connection *c)
{
    switch (c->request.method) {
    case GET:
        if (asks_for(c, "uploads"))
            return not_implemented;
        return asks_for(c, "location") ? bucket_location : list_objects;
    case HEAD: return bucket_head;
    case PUT: return bucket_create;
    case POST: return asks_for(c, "delete") ? bucket_delete_objects : not_implemented;
    default: return not_allowed;
    }
}

static operation *put_operation(const struct connection *c)
{
    bool is_part = asks_for(c, "uploadId");
    if (copy_is_asked_for(&c->request))
        return is_part ? copy_part : copy_object;
    return is_part ? multipart_put_part : put_object;
}

static operation *object_operation(const struct connection *c)
{
    bool is_part = asks_for(c, "uploadId");
    switch (c->request.method) {
    case GET: return is_part ? not_implemented : get_object;
    case HEAD: return get_object;
    case PUT: return put_operation(c);
    case POST:
        if (asks_for(c, "uploads"))
            return multipart_create;
        return is_part ? multipart_complete : not_implemented;
    case DELETE: return is_part ? multipart_abort : delete_object;
    default: return not_allowed;
    }
}

static bool is_transfer(const struct connection *c, operation *what)
{
    return what == put_object || what == multipart_put_part || what == copy_object ||
           what == copy_part ||
           (what == get_object && c->request.method == GET);
}

/* Whether this is still the time of refusals, which begins with the first transfer. */
static bool is_refusing(struct origin *origin)
{
    long long none = 0, now = now_ns();
    atomic_compare_exchange_strong(&origin->first_transfer_ns, &none, now);
    double limit = origin->options.refuse_seconds;
    return limit <= 0 || !none || seconds_since(none) < limit;
}

static bool is_refused(struct connection *c)
{
    if (!is_refusing(c->origin))
        return false;
    double share = c->origin->options.refuse_share;
    return share > 0 && random_share(&c->random) < share;
}

bool route(struct connection *c)
{
    if (!c->request.is_well_formed || !*c->request.bucket)
        return reply_error(c, 400, "InvalidRequest", "The path names no bucket or object.");
    if (asks_for_unknown(c))
        return not_implemented(c);
    operation *what = c->request.key ? object_operation(c) : bucket_operation(c);
    if (is_transfer(c, what) && is_refused(c))
        return reply_error(c, 503, "SlowDown", "Please reduce your request rate.");
    return what(c);
}
