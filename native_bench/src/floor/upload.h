/* The multipart upload of one blob. */
#pragma once

#include "floor/exchange.h"

struct upload {
    pthread_mutex_t lock;
    char *id; /* NULL: not begun */
    char (*etags)[ETAG_ROOM]; /* of its parts */
    int64_t parts_sent;
};

void upload_init(struct upload *upload);

/* Begun by whoever asks first. */
void upload_begin(struct upload *upload, struct worker *worker, const struct part *part);

/* Send a part from the worker's buffer; after the last of all, complete the upload. */
void upload_send(struct upload *upload, struct worker *worker, const struct part *part);
