/* Options: what the command line asks of the origin. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum sink { SINK_NOWHERE, SINK_MEMORY, SINK_DIRECTORY };

struct options {
    const char *root;
    const char *bind;
    int port;
    const char *control;
    enum sink sink;
    int64_t connection_bytes_per_second; /* of these three, 0 means no limit */
    int64_t total_bytes_per_second;
    int64_t requests_per_second;
    double first_byte_seconds;
    double refuse_share;
    double refuse_seconds; /* 0: always */
    double reset_share;
    int64_t stalls;
    bool is_still; /* nothing changes below the root */
    int64_t seed;
    const char *tls_cert; /* NULL: plain HTTP */
    const char *tls_key;
};

/* Exits on --help and on a wrong command line. */
struct options parse_options(int count, char **arguments);
