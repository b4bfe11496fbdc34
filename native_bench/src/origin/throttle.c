#include "throttle.h"

#include "common/clock.h"

#define SLICE_SECONDS 0.005
/* A segment of the loopback, and what a slow connection's window brings at once. Slices of 16 KiB took
 * 28% of two cores at 400 x 2 MB/s, and with them 16.7 s where 11.4 are enough for 4 GiB. */
#define LEAST_SLICE_BYTES (64 << 10)
#define MOST_SLICE_BYTES (256 << 10)
#define BURST_SECONDS 0.02

/* Enough for a rate across 100 ms of round trip; a smaller one would become a limit of its own. */
#define RECEIVE_SECONDS 0.1
#define LEAST_RECEIVE_BYTES (256 << 10)
#define MOST_RECEIVE_BYTES (64 << 20)

static double clamp(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

static double slice_of(int64_t rate)
{
    double slice = (double)rate * SLICE_SECONDS;
    return rate ? clamp(slice, LEAST_SLICE_BYTES, MOST_SLICE_BYTES) : (double)MOST_SLICE_BYTES;
}

static void fill_bucket(struct token_bucket *bucket, int64_t rate)
{
    double burst = (double)rate * BURST_SECONDS;
    bucket_init(bucket, (double)rate, clamp(burst, slice_of(rate), 1e15));
}

void throttle_share(struct token_bucket *shared, const struct options *options)
{
    fill_bucket(shared, options->total_bytes_per_second);
}

void throttle_init(struct throttle *throttle, const struct options *options,
                   struct token_bucket *shared)
{
    int64_t own = options->connection_bytes_per_second, total = options->total_bytes_per_second;
    fill_bucket(&throttle->own, own);
    throttle->shared = shared;
    double slice = clamp(slice_of(own), 0, slice_of(total));
    throttle->slice_bytes = own || total ? (size_t)slice : SIZE_MAX;
}

size_t throttle_slice(const struct throttle *throttle, size_t wanted)
{
    return wanted < throttle->slice_bytes ? wanted : throttle->slice_bytes;
}

void throttle_pay(struct throttle *throttle, size_t bytes)
{
    if (throttle->slice_bytes == SIZE_MAX)
        return;
    int64_t own = bucket_take(&throttle->own, (double)bytes);
    int64_t all = bucket_take(throttle->shared, (double)bytes);
    sleep_until_ns(own > all ? own : all);
}

void throttle_pay_alone(struct throttle *throttle, size_t bytes)
{
    sleep_until_ns(bucket_take(&throttle->own, (double)bytes));
}

int throttle_receive_buffer(const struct options *options)
{
    int64_t own = options->connection_bytes_per_second, total = options->total_bytes_per_second;
    int64_t rate = own && (!total || own < total) ? own : total;
    double bytes = (double)rate * RECEIVE_SECONDS;
    return rate ? (int)clamp(bytes, LEAST_RECEIVE_BYTES, MOST_RECEIVE_BYTES) : 0;
}
