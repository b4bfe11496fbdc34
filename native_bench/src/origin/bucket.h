/* Bucket: what is asked of a bucket as such. Listing has a file of its own. */
#pragma once

#include "connection.h"

bool bucket_head(struct connection *c);
bool bucket_create(struct connection *c);
bool bucket_location(struct connection *c);

/* DeleteObjects: many by one request. */
bool bucket_delete_objects(struct connection *c);
