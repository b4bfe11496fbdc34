#include "floor/order.h"

#include <stdlib.h>

#include "common/fail.h"

void order_init(struct order *order, const struct blobs *blobs, int64_t part_bytes, size_t lanes)
{
    *order = (struct order){.blobs = blobs, .part_bytes = part_bytes, .lane_count = lanes};
    pthread_mutex_init(&order->lock, NULL);
    order->lanes = calloc(lanes, sizeof *order->lanes);
    if (!order->lanes)
        die("no memory for %zu lanes", lanes);
}

int64_t part_count(const struct blob *blob, int64_t part_bytes)
{
    return blob->size_bytes ? (blob->size_bytes + part_bytes - 1) / part_bytes : 1;
}

/* A lane with parts left, beginning a blob where one has ended; NULL when all are handed out. */
static struct lane *next_lane(struct order *order)
{
    for (size_t tried = 0; tried < order->lane_count; tried++) {
        struct lane *lane = &order->lanes[order->lane++ % order->lane_count];
        if (lane->next == lane->count && order->next_blob < order->blobs->count) {
            lane->blob = order->next_blob++;
            lane->next = 0;
            lane->count = part_count(&order->blobs->all[lane->blob], order->part_bytes);
        }
        if (lane->next < lane->count)
            return lane;
    }
    return NULL;
}

bool order_next(struct order *order, struct part *part)
{
    pthread_mutex_lock(&order->lock);
    struct lane *lane = next_lane(order);
    if (lane) {
        int64_t offset = lane->next * order->part_bytes;
        int64_t left = order->blobs->all[lane->blob].size_bytes - offset;
        *part = (struct part){
            .blob = lane->blob,
            .number = lane->next++,
            .count = lane->count,
            .offset_bytes = offset,
            .length_bytes = left < order->part_bytes ? left : order->part_bytes,
        };
    }
    pthread_mutex_unlock(&order->lock);
    return lane != NULL;
}
