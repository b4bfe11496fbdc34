/* floor: the least work that a verified transfer of blobs is, measured. */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/fail.h"
#include "floor/job.h"
#include "floor/pull.h"
#include "floor/push.h"

static int open_directory(const struct options *options)
{
    if (!options->is_push && !options->write)
        return -1;
    if (!options->is_push)
        mkdir(options->directory, 0755); /* if it fails, opening tells */
    int directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        die_errno("%s", options->directory);
    return directory;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Not ru_maxrss: that of a process started by vfork includes its parent's peak. */
static int64_t peak_rss_bytes(void)
{
    char line[256];
    int64_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    if (!status)
        die_errno("/proc/self/status");
    while (fgets(line, sizeof line, status) && sscanf(line, "VmHWM: %" SCNd64, &kib) != 1)
        ;
    fclose(status);
    return kib << 10;
}

int main(int count, char **arguments)
{
    /* A thread that fails exits while others hash: OpenSSL must not be taken down under them. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    struct job job = {.options = options_parse(count, arguments)};
    blobs_read(&job.blobs);
    job.directory = open_directory(&job.options);
    job.address = http_resolve(job.options.host, job.options.port);
    int64_t started_ns = now_ns();
    if (job.options.is_push)
        push(&job);
    else
        pull(&job);
    double seconds = seconds_since(started_ns);
    printf("{\"bytes\": %" PRId64 ", \"seconds\": %.6f, \"cpu_seconds\": %.6f, "
           "\"requests\": %" PRId64 ", \"retries\": %" PRId64
           ", \"peak_rss_bytes\": %" PRId64 "}\n",
           job.blobs.total_bytes, seconds, cpu_seconds(), job.requests, job.retries,
           peak_rss_bytes());
    return 0;
}
