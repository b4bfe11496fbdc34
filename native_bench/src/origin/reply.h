/* Reply: the answer to the request that a connection is at.
 *
 * Each function that sends gives false when the connection is of no more use. What is left of the
 * request's body is read first: a client that still sends would miss the answer. */
#pragma once

#include <time.h>

#include "connection.h"
#include "text.h"

/* Begin a head. */
void reply_start(struct connection *c, int status);
void reply_header(struct connection *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A header with a moment, as HTTP writes it (RFC 9110, 5.6.7). */
void reply_moment(struct connection *c, const char *name, time_t moment);

/* Lines that are whole already, each with its end. */
void reply_lines(struct connection *c, const char *lines);

/* Send the head of a body that follows at once. */
bool reply_head(struct connection *c, uint64_t body_bytes);

/* Send an answer without a body. */
bool reply_empty(struct connection *c);

/* Send a document, and free it. */
bool reply_xml(struct connection *c, struct text *document);

/* A whole answer of an error, counted. */
bool reply_error(struct connection *c, int status, const char *code, const char *message);

/* The error of a range that begins behind the object's end. From the size in its document awscrt
 * tells that an object is empty. */
bool reply_range_error(struct connection *c, uint64_t size_bytes);
