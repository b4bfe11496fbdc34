/* Server: the port, and a thread for each connection that comes. */
#pragma once

#include <stddef.h>

#include "origin.h"

/* The listening port. */
int server_listen(const struct options *options);

/* Never returns. */
_Noreturn void server_run(struct origin *origin, int port);

/* Start a thread with a small stack that nobody waits for; 0 with errno when there is none. */
int start_thread(void *(*run)(void *), void *argument);
