/* Multipart: uploads in parts, from their creation to their completion. */
#pragma once

#include "connection.h"

bool multipart_create(struct connection *c);
bool multipart_put_part(struct connection *c);
bool multipart_complete(struct connection *c);
bool multipart_abort(struct connection *c);
