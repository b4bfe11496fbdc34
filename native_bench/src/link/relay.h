/* A relay: one thread that carries frames from one device to the other, through a line. */
#pragma once

#include <pthread.h>

#include "link/line.h"

struct relay {
    pthread_t thread;
    struct line line;
    int from;
    int to;
};

/* It runs until the process ends. */
void relay_start(struct relay *relay);
