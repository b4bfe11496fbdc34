/* Pull: ranged GETs into preallocated files. */
#pragma once

#include "floor/job.h"

void pull(struct job *job);
