/* link: a network link of a given rate and round trip between two network namespaces, in user
 * space, for kernels without netem. */
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fail.h"
#include "link/device.h"
#include "link/options.h"
#include "link/relay.h"

static struct relay relay(const struct options *options, int from, int to)
{
    double queue_seconds = options->round_trip_seconds + options->queue_seconds;
    struct relay made = {.from = from, .to = to};
    line_init(&made.line, (double)options->rate_bits_per_second,
              (int64_t)(options->round_trip_seconds / 2 * (double)NS_PER_S),
              (int64_t)(queue_seconds * (double)NS_PER_S));
    return made;
}

int main(int count, char **arguments)
{
    struct options options = options_parse(count, arguments);
    int left = device_open(options.left_netns, options.left_address);
    int right = device_open(options.right_netns, options.right_address);
    struct relay there = relay(&options, left, right);
    struct relay back = relay(&options, right, left);
    relay_start(&there);
    relay_start(&back);
    if (puts("ready") < 0 || fflush(stdout))
        die_errno("standard output");
    pause();
    return 0;
}
