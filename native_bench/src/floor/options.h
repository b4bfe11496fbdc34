/* What floor was asked for on its command line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct options {
    bool is_push;
    const char *host;
    const char *port;
    const char *prefix; /* of a blob's path; it ends with a slash */
    const char *directory;
    int64_t connections;
    int64_t part_bytes;
    bool verify;
    bool write; /* pull only */
};

/* Exits with 2 if the command line is wrong, with 0 after --help. */
struct options options_parse(int count, char **arguments);
