/* What link was asked for on its command line. */
#pragma once

#include <stdint.h>

struct options {
    const char *left_netns;
    const char *right_netns;
    const char *left_address;
    const char *right_address;
    int64_t rate_bits_per_second;
    double round_trip_seconds;
    double queue_seconds;
};

/* Exits with 2 if the command line is wrong, with 0 after --help. */
struct options options_parse(int count, char **arguments);
