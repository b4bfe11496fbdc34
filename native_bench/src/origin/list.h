/* List: ListObjectsV2 and its older form. */
#pragma once

#include "connection.h"

bool list_objects(struct connection *c);
