/* Sink: where uploads go, which is nowhere, to memory or to files below the root. */
#pragma once

#include "connection.h"

/* What is at most this large is kept even by the sink nowhere: manifests are read back. */
#define KEPT_BYTES (1 << 20)

/* Where so many bytes may go; NULL with errno. */
struct segment *sink_new_segment(const struct origin *origin, uint64_t size_bytes);

/* Receive the request's body. NULL: it did not come to an end, and the request is over; whether
 * the connection goes on is told then. */
struct segment *sink_receive(struct connection *c, bool *goes_on);

enum publication { PUBLISHED, TAKEN, FAILED };

/* Make an object visible; its tag is told. Takes the object in any case. TAKEN: the name is, and
 * `only_if_absent`. FAILED: errno tells why. */
enum publication sink_publish(struct origin *origin, struct object *object, bool only_if_absent,
                              struct etag *etag);

/* Whether the name is taken, by an upload or by a file. */
bool sink_has(struct origin *origin, const char *name);

/* Remove an object; files only where uploads go to files. */
void sink_remove(struct origin *origin, const char *name);
