/* Push: parts of files as multipart uploads, completed when the digest is right. */
#pragma once

#include "floor/job.h"

void push(struct job *job);
