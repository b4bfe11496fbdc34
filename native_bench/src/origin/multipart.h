/* Multipart: uploads in parts, from their creation to their completion. */
#pragma once

#include "connection.h"

/* The number of the part that a request brings to an open upload; 0: there is no such, and the
 * request is answered. */
int multipart_part_number(struct connection *c, bool *goes_on);

bool multipart_no_such_upload(struct connection *c);

bool multipart_create(struct connection *c);
bool multipart_put_part(struct connection *c);
bool multipart_complete(struct connection *c);
bool multipart_abort(struct connection *c);
