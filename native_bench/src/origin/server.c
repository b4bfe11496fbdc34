#include "server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fail.h"
#include "connection.h"

/* Bodies lie in the heap: 2,000 connections are 2,000 stacks. */
#define STACK_BYTES (256 << 10)
#define BACKLOG 4096

struct arrival {
    struct origin *origin;
    int fd;
    uint64_t number;
};

static int new_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die_errno("no socket");
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    return fd;
}

/* Linux's own, whatever the machine has as its default. BBR lets each 64 KiB wait for a timer, on
 * the CPUs of whoever is measured: a pull of 4 GiB took 1.3 times as long. */
static void choose_congestion_control(int fd)
{
    static const char name[] = "cubic";
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, sizeof name - 1);
}

/* A connection inherits it from the port. Past the system's limit only root may go. The buffer
 * for sending is left alone: what is in it was paid for. */
static void limit_receive_buffer(int fd, const struct options *options)
{
    int bytes = throttle_receive_buffer(options);
    if (bytes && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

int server_listen(const struct options *options)
{
    char port[16];
    snprintf(port, sizeof port, "%d", options->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *address;
    int error = getaddrinfo(options->bind, port, &hints, &address);
    if (error)
        die("--bind %s: %s", options->bind, gai_strerror(error));
    int fd = new_socket(address);
    choose_congestion_control(fd);
    limit_receive_buffer(fd, options);
    if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, BACKLOG))
        die_errno("cannot listen on %s:%s", options->bind, port);
    freeaddrinfo(address);
    return fd;
}

int start_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    errno = pthread_create(&thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return errno == 0;
}

static void *serve(void *argument)
{
    struct arrival arrival = *(struct arrival *)argument;
    struct counters *counters = &arrival.origin->counters;
    free(argument);
    connection_serve(arrival.origin, arrival.fd, arrival.number);
    count_up(&counters->open_connections, -1);
    return NULL;
}

static void welcome(struct origin *origin, int fd, uint64_t number)
{
    struct arrival *arrival = malloc(sizeof *arrival);
    if (!arrival)
        die("out of memory");
    *arrival = (struct arrival){origin, fd, number};
    count_up(&origin->counters.connections, 1);
    count_in(&origin->counters.open_connections, &origin->counters.peak_open_connections);
    if (!start_thread(serve, arrival))
        die_errno("no thread for a connection");
}

_Noreturn void server_run(struct origin *origin, int port)
{
    for (uint64_t number = 0;; number++) {
        int fd = accept4(port, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            welcome(origin, fd, number);
        else if (errno == EMFILE || errno == ENFILE)
            /* Others will end and give theirs back. */
            sleep_until_ns(now_ns() + NS_PER_S / 100);
        else if (errno != EINTR && errno != ECONNABORTED)
            die_errno("accept");
    }
}
