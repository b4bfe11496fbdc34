/* Connection: one client from its accept to its end, and the request it is at. */
#pragma once

#include "body.h"
#include "origin.h"
#include "random.h"
#include "request.h"
#include "stream.h"
#include "throttle.h"

struct reply {
    int status;
    size_t length;
    char head[STREAM_INPUT_BYTES];
};

struct connection {
    struct origin *origin;
    struct stream stream;
    struct throttle throttle;
    struct random random;
    struct request request;
    struct body body;
    struct reply reply;
    bool resets;               /* a reset is due amid the body of this transfer */
    bool stalls;               /* but before it silence, until the client has hung up */
    uint64_t until_reset_bytes;
};

/* Serve it to its end and close the socket. */
void connection_serve(struct origin *origin, int fd, uint64_t number);

/* A body of so many bytes begins to move, which may be one that shall be reset. */
void connection_begin_transfer(struct connection *c, uint64_t bytes);

/* How many of the wanted bytes may be moved at once; 0: now comes the reset. */
size_t connection_next_bytes(const struct connection *c, uint64_t wanted);

/* So many were moved. */
void connection_moved(struct connection *c, size_t bytes);
