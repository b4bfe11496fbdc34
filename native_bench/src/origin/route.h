/* Route: which S3 operation a request asks for. */
#pragma once

#include "connection.h"

/* Do it and answer; false: the connection is of no more use. */
bool route(struct connection *c);
