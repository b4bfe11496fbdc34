#include "link/relay.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fail.h"

/* How many frames are read before those due are delivered. */
enum { BATCH_FRAMES = 16 };

/* Between hosts that use every CPU, a cable is not slower: the relay is served first. Without the
 * right to that it runs all the same. */
static void be_prompt(void)
{
    struct sched_param first = {.sched_priority = 1};
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
    prctl(PR_SET_TIMERSLACK, 1UL);
}

static void deliver_due(struct relay *relay)
{
    while (line_next_ns(&relay->line) <= now_ns()) {
        size_t bytes;
        const char *frame = line_take(&relay->line, &bytes);
        /* What the other side does not take is lost, as on any cable. */
        if (write(relay->to, frame, bytes) < 0 && errno == EBADFD)
            die_errno("a device is gone");
    }
}

static void wait_for_work(const struct relay *relay)
{
    struct pollfd incoming = {.fd = relay->from, .events = POLLIN};
    struct timespec pause, *timeout = NULL;
    int64_t next_ns = line_next_ns(&relay->line);
    if (next_ns != INT64_MAX) {
        int64_t left_ns = next_ns - now_ns();
        if (left_ns < 0)
            left_ns = 0;
        pause = (struct timespec){left_ns / NS_PER_S, left_ns % NS_PER_S};
        timeout = &pause;
    }
    if (ppoll(&incoming, 1, timeout, NULL) < 0 && errno != EINTR)
        die_errno("waiting for frames failed");
}

static void take_in(struct relay *relay)
{
    char dropped[LONGEST_FRAME_BYTES];
    for (int i = 0; i < BATCH_FRAMES; i++) {
        char *place = line_reserve(&relay->line);
        ssize_t got = read(relay->from, place ? place : dropped, LONGEST_FRAME_BYTES);
        if (got < 0 && errno == EBADFD)
            die_errno("a device is gone");
        if (got <= 0)
            return;
        if (place)
            line_accept(&relay->line, (size_t)got, now_ns());
    }
}

static void *run(void *argument)
{
    struct relay *relay = argument;
    be_prompt();
    for (;;) {
        deliver_due(relay);
        wait_for_work(relay);
        take_in(relay);
    }
    return NULL;
}

void relay_start(struct relay *relay)
{
    if (pthread_create(&relay->thread, NULL, run, relay))
        die("no thread");
}
