/* Copy: CopyObject and UploadPartCopy, whose bytes never leave this process. */
#pragma once

#include "connection.h"

/* Whether a request's bytes are those of another object. */
bool copy_is_asked_for(const struct request *request);

bool copy_object(struct connection *c);
bool copy_part(struct connection *c);
