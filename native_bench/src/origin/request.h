/* Request: the head of one HTTP request, taken apart. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "stream.h"

#define REQUEST_HEADERS 96
#define REQUEST_PARAMETERS 24

struct pair {
    char *name;
    char *value;
};

struct request {
    enum method method;
    char *name;             /* what the path names, decoded: bucket/key, or just bucket */
    const char *key;        /* the part of it after the bucket; NULL: the bucket itself */
    char bucket[256];
    bool is_well_formed;    /* false: the path cannot be served */
    bool keeps_alive;
    struct pair headers[REQUEST_HEADERS];
    int header_count;
    struct pair parameters[REQUEST_PARAMETERS]; /* of the query, decoded */
    int parameter_count;
    char head[STREAM_INPUT_BYTES]; /* all strings above point into it */
};

/* Receive the next head; false when there is none, or none that can be understood. */
bool request_read(struct request *request, struct stream *stream);

/* Names become names of files below the root: whether one would climb out of it. */
bool request_climbs(const char *name);

/* A header's value, or NULL. The name's case does not matter. */
const char *request_header(const struct request *request, const char *name);

/* A parameter's value, which may be empty, or NULL. */
const char *request_parameter(const struct request *request, const char *name);
