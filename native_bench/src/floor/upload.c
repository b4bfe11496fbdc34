#include "floor/upload.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

void upload_init(struct upload *upload)
{
    *upload = (struct upload){0};
    pthread_mutex_init(&upload->lock, NULL);
}

static const char *hex_of(const struct worker *worker, const struct part *part)
{
    return worker->job->blobs.all[part->blob].hex;
}

/* The id as a query wants it: whatever is no letter or digit as %XX. */
static char *parse_id(const char *text)
{
    const char *id = strstr(text, "<UploadId>"), *end = strstr(text, "</UploadId>");
    if (!id || !end)
        die("no UploadId in the answer: %s", text);
    id += strlen("<UploadId>");
    char *encoded = malloc(3 * (size_t)(end - id) + 1), *to = encoded;
    if (!encoded)
        die("no memory for an id");
    for (; id < end; id++)
        to += sprintf(to, isalnum((unsigned char)*id) ? "%c" : "%%%02X", (unsigned char)*id);
    *to = 0;
    return encoded;
}

static void begin(struct upload *upload, struct worker *worker, const struct part *part)
{
    struct exchange create = {.method = "POST", .hex = hex_of(worker, part), .query = "?uploads"};
    exchange_run(&create, worker);
    upload->id = parse_id(create.text);
    upload->etags = calloc((size_t)part->count, sizeof *upload->etags);
    if (!upload->etags)
        die("no memory for %" PRId64 " parts", part->count);
}

void upload_begin(struct upload *upload, struct worker *worker, const struct part *part)
{
    pthread_mutex_lock(&upload->lock);
    if (!upload->id)
        begin(upload, worker, part);
    pthread_mutex_unlock(&upload->lock);
}

static void send_part(struct upload *upload, struct worker *worker, const struct part *part)
{
    char query[2048];
    int length = snprintf(query, sizeof query, "?partNumber=%" PRId64 "&uploadId=%s",
                          part->number + 1, upload->id);
    if (length >= (int)sizeof query)
        die("the id of the upload of %s is too long", hex_of(worker, part));
    struct exchange put = {
        .method = "PUT",
        .hex = hex_of(worker, part),
        .query = query,
        .body = worker->buffer,
        .body_bytes = (size_t)part->length_bytes,
    };
    exchange_run(&put, worker);
    if (!*put.answer.etag)
        die("%s: a part was answered without an ETag", put.hex);
    memcpy(upload->etags[part->number], put.answer.etag, ETAG_ROOM);
}

static char *list_parts(const struct upload *upload, int64_t count, size_t *bytes)
{
    char *list;
    FILE *file = open_memstream(&list, bytes);
    if (!file)
        die_errno("no memory for a list of parts");
    fputs("<CompleteMultipartUpload>", file);
    for (int64_t i = 0; i < count; i++)
        fprintf(file, "<Part><PartNumber>%" PRId64 "</PartNumber><ETag>%s</ETag></Part>", i + 1,
                upload->etags[i]);
    fputs("</CompleteMultipartUpload>", file);
    fclose(file);
    return list;
}

static void complete(struct upload *upload, struct worker *worker, const struct part *part)
{
    char query[2048];
    snprintf(query, sizeof query, "?uploadId=%s", upload->id);
    struct exchange post = {.method = "POST", .hex = hex_of(worker, part), .query = query};
    char *list = list_parts(upload, part->count, &post.body_bytes);
    post.body = list;
    exchange_run(&post, worker);
    /* S3 says 200 before it knows the outcome. */
    if (strstr(post.text, "<Error>"))
        die("%s is not completed: %s", post.hex, post.text);
    free(list);
    free(upload->etags);
    free(upload->id);
}

void upload_send(struct upload *upload, struct worker *worker, const struct part *part)
{
    send_part(upload, worker, part);
    pthread_mutex_lock(&upload->lock);
    bool is_last = ++upload->parts_sent == part->count;
    pthread_mutex_unlock(&upload->lock);
    if (is_last)
        complete(upload, worker, part);
}
