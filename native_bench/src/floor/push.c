#include "floor/push.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fail.h"
#include "floor/upload.h"

static ssize_t read_some(int fd, char *bytes, size_t count, int64_t offset)
{
    ssize_t got;
    do
        got = pread(fd, bytes, count, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Into the worker's buffer, hashed as far as it is the part's turn: see STEP_BYTES. */
static void read_part(struct worker *worker, const struct part *part, struct share *share)
{
    const char *hex = worker->job->blobs.all[part->blob].hex;
    int fd = openat(worker->job->directory, hex, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die_errno("%s", hex);
    for (int64_t known = 0; known < part->length_bytes;) {
        int64_t left = part->length_bytes - known;
        ssize_t got = read_some(fd, worker->buffer + known,
                                (size_t)(left < STEP_BYTES ? left : STEP_BYTES),
                                part->offset_bytes + known);
        if (got < 0)
            die_errno("%s", hex);
        if (!got)
            die("%s is shorter than its size in the list", hex);
        known += got;
        share_advance(share, (size_t)known);
    }
    close(fd);
}

static void put_whole(struct worker *worker, const struct part *part)
{
    struct exchange put = {
        .method = "PUT",
        .hex = worker->job->blobs.all[part->blob].hex,
        .query = "",
        .body = worker->buffer,
        .body_bytes = (size_t)part->length_bytes,
    };
    exchange_run(&put, worker);
}

/* The last part is sent after the digest was found right, and an upload is completed after its
 * last part was sent: so nothing wrong is ever completed. */
static void push_part(struct worker *worker, const struct part *part)
{
    struct upload *upload = (struct upload *)worker->plan + part->blob;
    struct share share = worker_share(worker, part);
    if (part->count > 1)
        upload_begin(upload, worker, part);
    read_part(worker, part, &share);
    share_finish(&share, (size_t)part->length_bytes);
    if (share.digest && part->number == part->count - 1)
        digest_check(share.digest, worker->job->blobs.all[part->blob].hex);
    if (part->count > 1)
        upload_send(upload, worker, part);
    else
        put_whole(worker, part);
}

void push(struct job *job)
{
    struct upload *uploads = calloc(job->blobs.count + 1, sizeof *uploads);
    if (!uploads)
        die("no memory for %zu uploads", job->blobs.count);
    for (size_t i = 0; i < job->blobs.count; i++)
        upload_init(&uploads[i]);
    job_run(job, push_part, uploads);
    free(uploads);
}
