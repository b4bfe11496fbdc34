/* Get: GetObject and HeadObject, with ranges and conditions. */
#pragma once

#include "connection.h"

bool get_object(struct connection *c);
