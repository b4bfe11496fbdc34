/* Control: the unix socket on which the origin tells what it did. */
#pragma once

#include "origin.h"

/* Listen and answer in a thread of its own. */
void control_start(struct origin *origin);
