#include "objects.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "crc32c.h"

#define CHAINS (1 << 16)

static void *checked(void *memory)
{
    if (!memory)
        die("out of memory");
    return memory;
}

void objects_init(struct objects *objects)
{
    *objects = (struct objects){0};
    pthread_mutex_init(&objects->lock, NULL);
    objects->chains = checked(calloc(CHAINS, sizeof *objects->chains));
}

struct object *object_new(const char *name, const char *headers, struct segment **segments,
                          int count)
{
    struct object *object = checked(calloc(1, sizeof *object));
    atomic_init(&object->references, 1);
    object->name = checked(strdup(name));
    object->headers = checked(strdup(headers));
    object->etag = etag_fresh();
    object->modified = time(NULL);
    object->segments = segments;
    object->segment_count = count;
    for (int i = 0; i < count; i++) {
        object->crc32c =
            crc32c_combine(object->crc32c, segments[i]->crc32c, segments[i]->size_bytes);
        object->size_bytes += segments[i]->size_bytes;
        object->is_dropped |= segments[i]->kind == DROPPED;
    }
    return object;
}

void object_release(struct object *object)
{
    if (!object || atomic_fetch_sub(&object->references, 1) > 1)
        return;
    for (int i = 0; i < object->segment_count; i++)
        segment_free(object->segments[i]);
    free(object->segments);
    free(object->headers);
    free(object->name);
    free(object);
}

/* The link that leads to the object of this name, or the chain's end. */
static struct object **find_link(struct objects *objects, const char *name)
{
    uint32_t hash = crc32c(0, name, strlen(name));
    struct object **link = &objects->chains[hash % CHAINS];
    while (*link && strcmp((*link)->name, name))
        link = &(*link)->next;
    return link;
}

bool objects_put(struct objects *objects, struct object *object, bool only_if_absent)
{
    pthread_mutex_lock(&objects->lock);
    struct object **link = find_link(objects, object->name);
    struct object *old = *link;
    bool is_taken = old && only_if_absent;
    if (!is_taken) {
        object->next = old ? old->next : NULL;
        *link = object;
    }
    pthread_mutex_unlock(&objects->lock);
    object_release(is_taken ? object : old);
    return !is_taken;
}

struct object *objects_find(struct objects *objects, const char *name)
{
    pthread_mutex_lock(&objects->lock);
    struct object *object = *find_link(objects, name);
    if (object)
        atomic_fetch_add(&object->references, 1);
    pthread_mutex_unlock(&objects->lock);
    return object;
}

void objects_remove(struct objects *objects, const char *name)
{
    pthread_mutex_lock(&objects->lock);
    struct object **link = find_link(objects, name);
    struct object *object = *link;
    if (object)
        *link = object->next;
    pthread_mutex_unlock(&objects->lock);
    object_release(object);
}

void objects_visit(struct objects *objects, object_visitor *visit, void *context)
{
    pthread_mutex_lock(&objects->lock);
    for (int chain = 0; chain < CHAINS; chain++)
        for (struct object *object = objects->chains[chain]; object; object = object->next)
            visit(context, object);
    pthread_mutex_unlock(&objects->lock);
}

void objects_clear(struct objects *objects)
{
    pthread_mutex_lock(&objects->lock);
    for (int chain = 0; chain < CHAINS; chain++)
        while (objects->chains[chain]) {
            struct object *object = objects->chains[chain];
            objects->chains[chain] = object->next;
            object_release(object);
        }
    for (int i = 0; i < objects->bucket_count; i++)
        free(objects->buckets[i]);
    objects->bucket_count = 0;
    pthread_mutex_unlock(&objects->lock);
}

static bool has_bucket(const struct objects *objects, const char *bucket)
{
    for (int i = 0; i < objects->bucket_count; i++)
        if (!strcmp(objects->buckets[i], bucket))
            return true;
    return false;
}

void objects_add_bucket(struct objects *objects, const char *bucket)
{
    pthread_mutex_lock(&objects->lock);
    if (!has_bucket(objects, bucket)) {
        size_t bytes = ((size_t)objects->bucket_count + 1) * sizeof *objects->buckets;
        objects->buckets = checked(realloc(objects->buckets, bytes));
        objects->buckets[objects->bucket_count++] = checked(strdup(bucket));
    }
    pthread_mutex_unlock(&objects->lock);
}

bool objects_has_bucket(struct objects *objects, const char *bucket)
{
    pthread_mutex_lock(&objects->lock);
    bool found = has_bucket(objects, bucket);
    pthread_mutex_unlock(&objects->lock);
    return found;
}
