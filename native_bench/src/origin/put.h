/* Put: PutObject and DeleteObject. */
#pragma once

#include "sink.h"

bool put_object(struct connection *c);
bool delete_object(struct connection *c);

/* The headers of a request that come back with the object that it makes, each line with its end.
 * The caller frees the text. */
struct text put_kept_headers(const struct request *request);

/* "If-None-Match: *" was sent. */
bool put_only_if_absent(const struct request *request);

/* Checksums that came as headers go back as they came. */
void put_echo_checksums(struct connection *c);

/* Make an object of what came, unless a condition of the request forbids it; its tag is told. */
enum publication put_publish(struct connection *c, struct segment *segment, const char *headers,
                             struct etag *etag);

/* The answer to an object that was not stored. */
bool put_answer_failure(struct connection *c, enum publication outcome);
