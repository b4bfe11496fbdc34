#include "floor/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fail.h"

enum { MOST_FAILURES = 40, FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 500 };

struct share worker_share(struct worker *worker, const struct part *part)
{
    struct job *job = worker->job;
    return (struct share){
        .digest = job->options.verify ? &job->digests[part->blob] : NULL,
        .part = part->number,
        .bytes = worker->buffer,
    };
}

void worker_retry(struct worker *worker, int *failures, const char *reason)
{
    if (++*failures > MOST_FAILURES)
        die("%s, %d times in a row", reason, MOST_FAILURES);
    worker->retries++;
    int64_t pause_ms = FIRST_PAUSE_MS;
    for (int i = 1; i < *failures && pause_ms < LONGEST_PAUSE_MS; i++)
        pause_ms *= 2;
    if (pause_ms > LONGEST_PAUSE_MS)
        pause_ms = LONGEST_PAUSE_MS;
    /* Spread, else all threads come back at one moment and are refused together again. */
    pause_ms = pause_ms / 2 + rand() % (pause_ms / 2 + 1);
    sleep_until_ns(now_ns() + pause_ms * (NS_PER_S / 1000));
}

bool is_passing(int status)
{
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

struct thread {
    pthread_t id;
    struct worker worker;
    move_part *move;
};

static void *work(void *argument)
{
    struct thread *thread = argument;
    struct part part;
    while (order_next(&thread->worker.job->order, &part))
        thread->move(&thread->worker, &part);
    http_close(&thread->worker.http);
    return NULL;
}

/* Memory of a part's size; in huge pages where there are any, for fewer faults at the start. */
static char *allocate(size_t bytes)
{
    char *buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED)
        die_errno("no memory for a part");
    madvise(buffer, bytes, MADV_HUGEPAGE);
    return buffer;
}

static int64_t longest_part(const struct job *job)
{
    int64_t largest = job->blobs.count ? job->blobs.all[0].size_bytes : 0;
    int64_t longest = largest < job->options.part_bytes ? largest : job->options.part_bytes;
    return longest ? longest : 1;
}

static void start(struct thread *thread, struct job *job, move_part *move, void *plan)
{
    thread->move = move;
    thread->worker.job = job;
    thread->worker.plan = plan;
    thread->worker.buffer = allocate((size_t)longest_part(job));
    http_init(&thread->worker.http, job->address);
    if (pthread_create(&thread->id, NULL, work, thread))
        die("no thread");
}

/* How many blobs go side by side: every CPU has one to hash, and the threads spread over more,
 * so that few of them wait for a turn. */
static size_t lane_count(int64_t connections)
{
    int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return (size_t)(connections > 2 * cpus ? connections / 2 : cpus);
}

void job_run(struct job *job, move_part *move, void *plan)
{
    size_t count = (size_t)job->options.connections;
    struct thread *threads = calloc(count, sizeof *threads);
    job->digests = calloc(job->blobs.count + 1, sizeof *job->digests);
    if (!threads || !job->digests)
        die("no memory for %zu threads and %zu blobs", count, job->blobs.count);
    for (size_t i = 0; i < job->blobs.count; i++)
        digest_init(&job->digests[i]);
    order_init(&job->order, &job->blobs, job->options.part_bytes,
               lane_count(job->options.connections));
    for (size_t i = 0; i < count; i++)
        start(&threads[i], job, move, plan);
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i].id, NULL);
        job->requests += threads[i].worker.requests;
        job->retries += threads[i].worker.retries;
    }
}
