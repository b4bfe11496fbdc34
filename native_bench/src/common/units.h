/* Sizes and shares as a person writes them on a command line. */
#pragma once

#include <stdint.h>

/* "65536", "64KiB", "8MiB", "1GiB", "90MB", "1GB": bytes. Exits with 2 on anything else. */
int64_t parse_size(const char *option, const char *text);

/* A whole number from least to most. Exits with 2 on anything else. */
int64_t parse_count(const char *option, const char *text, int64_t least, int64_t most);

/* "0.2": from 0 to 1. Exits with 2 on anything else. */
double parse_share(const char *option, const char *text);

/* Seconds, 0 or more, as "0.05". Exits with 2 on anything else. */
double parse_seconds(const char *option, const char *text);
