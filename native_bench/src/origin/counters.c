#include "counters.h"

#include <string.h>

static const char *const METHODS[OTHER_METHOD] = {"GET", "HEAD", "PUT", "POST", "DELETE"};

enum method method_of(const char *name)
{
    int method = 0;
    while (method < OTHER_METHOD && strcmp(name, METHODS[method]))
        method++;
    return (enum method)method;
}

void count_in(atomic_llong *level, atomic_llong *peak)
{
    long long now = atomic_fetch_add(level, 1) + 1;
    long long highest = atomic_load(peak);
    while (now > highest && !atomic_compare_exchange_weak(peak, &highest, now))
        ;
}

void counters_clear(struct counters *counters)
{
    atomic_llong *zeroed[] = {
        &counters->connections, &counters->bytes_sent, &counters->bytes_received,
        &counters->copies, &counters->bytes_copied, &counters->open_uploads, &counters->refused, &counters->resets, &counters->stalls, &counters->errors,
    };
    for (size_t i = 0; i < sizeof zeroed / sizeof *zeroed; i++)
        atomic_store(zeroed[i], 0);
    for (int method = 0; method <= OTHER_METHOD; method++)
        atomic_store(&counters->requests[method], 0);
    atomic_store(&counters->peak_open_connections, atomic_load(&counters->open_connections));
    atomic_store(&counters->peak_in_flight, atomic_load(&counters->in_flight));
}

static void write_one(struct text *json, const char *name, atomic_llong *counter)
{
    text_add(json, ", \"%s\": %lld", name, atomic_load(counter));
}

void counters_write(struct counters *counters, struct text *json)
{
    long long total = atomic_load(&counters->requests[OTHER_METHOD]);
    text_add(json, "{\"requests\": {");
    for (int method = 0; method < OTHER_METHOD; method++) {
        long long requests = atomic_load(&counters->requests[method]);
        text_add(json, "%s\"%s\": %lld", method ? ", " : "", METHODS[method], requests);
        total += requests;
    }
    text_add(json, "}, \"requests_total\": %lld", total);
    write_one(json, "connections", &counters->connections);
    write_one(json, "open_connections", &counters->open_connections);
    write_one(json, "peak_open_connections", &counters->peak_open_connections);
    write_one(json, "peak_requests_in_flight", &counters->peak_in_flight);
    write_one(json, "bytes_sent", &counters->bytes_sent);
    write_one(json, "bytes_received", &counters->bytes_received);
    write_one(json, "copies", &counters->copies);
    write_one(json, "bytes_copied", &counters->bytes_copied);
    write_one(json, "open_uploads", &counters->open_uploads);
    write_one(json, "refused", &counters->refused);
    write_one(json, "resets", &counters->resets);
    write_one(json, "stalls", &counters->stalls);
    write_one(json, "errors", &counters->errors);
    text_add(json, "}");
}
