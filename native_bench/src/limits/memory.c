/* Copying memory: blocks far larger than any cache. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fail.h"
#include "limits/items.h"

enum { BLOCK_BYTES = 64 << 20 };

struct blocks {
    char *from;
    char *to;
};

static void copy(struct hand *hand)
{
    struct blocks *blocks = (struct blocks *)hand->detail + hand->number;
    do {
        memcpy(blocks->to, blocks->from, BLOCK_BYTES);
        /* Else the compiler leaves out a copy that nobody reads. */
        __asm__ volatile("" : : "r"(blocks->to) : "memory");
        hand->bytes += BLOCK_BYTES;
    } while (now_ns() < hand->until_ns);
}

static double one(const struct setting *setting, void *detail)
{
    return work_together(setting, 1, copy, detail);
}

static double all(const struct setting *setting, void *detail)
{
    return work_together(setting, setting->cpus, copy, detail);
}

static char *allocate(int fill)
{
    char *block = malloc(BLOCK_BYTES);
    if (!block)
        die("no memory for a block of %d bytes", BLOCK_BYTES);
    memset(block, fill, BLOCK_BYTES); /* else all its pages are the one of zeros */
    return block;
}

void limits_memory(const struct setting *setting)
{
    struct blocks *blocks = calloc((size_t)setting->cpus, sizeof *blocks);
    if (!blocks)
        die("no memory for %d blocks", setting->cpus);
    for (int i = 0; i < setting->cpus; i++)
        blocks[i] = (struct blocks){allocate(1), allocate(2)};
    json_open("memory");
    measure("copy_1_thread", setting, one, blocks);
    measure("copy_all_cpus", setting, all, blocks);
    json_close();
    for (int i = 0; i < setting->cpus; i++) {
        free(blocks[i].from);
        free(blocks[i].to);
    }
    free(blocks);
}
