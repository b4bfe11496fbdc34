#include "floor/pull.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/fail.h"
#include "floor/target.h"

/* A part on its way from its connection through the worker's buffer to its file. */
struct arrival {
    struct worker *worker;
    const struct part *part;
    const struct blob *blob;
    struct share share;
    int fd; /* -1: thrown away */
    int64_t received;
    int64_t written;
};

static bool ask(struct arrival *arrival)
{
    const struct options *options = &arrival->worker->job->options;
    const struct part *part = arrival->part;
    char range[80] = "", request[4096];
    int64_t first = part->offset_bytes + arrival->received;
    int64_t last = part->offset_bytes + part->length_bytes - 1;
    if (last - first + 1 < arrival->blob->size_bytes)
        snprintf(range, sizeof range, "Range: bytes=%" PRId64 "-%" PRId64 "\r\n", first, last);
    int length = snprintf(request, sizeof request, "GET %s%s HTTP/1.1\r\nHost: %s:%s\r\n%s\r\n",
                          options->prefix, arrival->blob->hex, options->host, options->port, range);
    if (length >= (int)sizeof request)
        die("the path of %s is too long", arrival->blob->hex);
    arrival->worker->requests++;
    return http_send(&arrival->worker->http, request, NULL, 0);
}

/* Whether the body that follows is the one asked for; not so if the server is busy. */
static bool is_served(struct arrival *arrival, const struct answer *answer)
{
    int64_t wanted = arrival->part->length_bytes - arrival->received;
    int status = wanted < arrival->blob->size_bytes ? 206 : 200;
    if (is_passing(answer->status))
        return false;
    if (answer->status != status)
        die("%s: status %d instead of %d", arrival->blob->hex, answer->status, status);
    if (answer->body_bytes != wanted)
        die("%s: an answer of %" PRId64 " bytes instead of %" PRId64, arrival->blob->hex,
            answer->body_bytes, wanted);
    return true;
}

static void settle(struct arrival *arrival)
{
    int64_t fresh = arrival->received - arrival->written;
    if (arrival->fd >= 0)
        target_write(arrival->fd, arrival->worker->buffer + arrival->written, (size_t)fresh,
                     arrival->part->offset_bytes + arrival->written);
    arrival->written = arrival->received;
    share_advance(&arrival->share, (size_t)arrival->received);
}

static bool receive_body(struct arrival *arrival)
{
    struct worker *worker = arrival->worker;
    int64_t length = arrival->part->length_bytes;
    while (arrival->received < length) {
        size_t room = (size_t)(length - arrival->received);
        size_t got = http_read(&worker->http, worker->buffer + arrival->received,
                               room < (size_t)STEP_BYTES ? room : STEP_BYTES);
        if (!got)
            return false;
        arrival->received += (int64_t)got;
        int64_t fresh = arrival->received - arrival->written;
        if (fresh >= STEP_BYTES || arrival->received == length)
            settle(arrival);
    }
    http_end(&worker->http);
    return true;
}

/* NULL when the whole part is there, else why not. */
static const char *fetch(struct arrival *arrival)
{
    struct http *http = &arrival->worker->http;
    struct answer answer;
    if (!ask(arrival) || !http_read_head(http, &answer))
        return "the connection breaks";
    if (!is_served(arrival, &answer)) {
        http_close(http);
        return "the server is busy";
    }
    return receive_body(arrival) ? NULL : "the connection breaks within a body";
}

static void receive_part(struct arrival *arrival)
{
    const char *reason;
    int failures = 0;
    int64_t before = 0;
    while ((reason = fetch(arrival))) {
        if (arrival->received > before)
            failures = 0;
        before = arrival->received;
        worker_retry(arrival->worker, &failures, reason);
    }
}

static void pull_part(struct worker *worker, const struct part *part)
{
    struct job *job = worker->job;
    struct target *target = (struct target *)worker->plan + part->blob;
    const struct blob *blob = &job->blobs.all[part->blob];
    struct arrival arrival = {
        .worker = worker,
        .part = part,
        .blob = blob,
        .share = worker_share(worker, part),
        .fd = job->directory < 0 ? -1 : target_open(target, job->directory, blob, part->count),
    };
    receive_part(&arrival);
    if (arrival.fd >= 0)
        target_part_done(target, part->count);
    share_finish(&arrival.share, (size_t)part->length_bytes);
    if (arrival.share.digest && part->number == part->count - 1)
        digest_check(arrival.share.digest, blob->hex);
}

void pull(struct job *job)
{
    struct target *targets = calloc(job->blobs.count + 1, sizeof *targets);
    if (!targets)
        die("no memory for %zu files", job->blobs.count);
    for (size_t i = 0; i < job->blobs.count; i++)
        target_init(&targets[i]);
    job_run(job, pull_part, targets);
    free(targets);
}
