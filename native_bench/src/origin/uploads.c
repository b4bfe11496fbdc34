#include "uploads.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

void uploads_init(struct uploads *uploads)
{
    uploads->first = NULL;
    pthread_mutex_init(&uploads->lock, NULL);
}

void uploads_open(struct uploads *uploads, const char *name, const char *headers, char *id)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        die("out of memory");
    struct etag unique = etag_fresh();
    memcpy(upload->id, unique.text + 1, 32);
    memcpy(id, upload->id, sizeof upload->id);
    upload->name = strdup(name);
    upload->headers = strdup(headers);
    if (!upload->name || !upload->headers)
        die("out of memory");
    uploads_return(uploads, upload);
}

static struct upload **find_link(struct uploads *uploads, const char *id)
{
    struct upload **link = &uploads->first;
    while (*link && strcmp((*link)->id, id))
        link = &(*link)->next;
    return link;
}

bool uploads_has(struct uploads *uploads, const char *id)
{
    pthread_mutex_lock(&uploads->lock);
    bool found = *find_link(uploads, id) != NULL;
    pthread_mutex_unlock(&uploads->lock);
    return found;
}

bool uploads_put_part(struct uploads *uploads, const char *id, int number,
                      struct segment *segment)
{
    pthread_mutex_lock(&uploads->lock);
    struct upload *upload = *find_link(uploads, id);
    struct segment *unwanted = segment;
    if (upload) {
        unwanted = upload->parts[number];
        upload->parts[number] = segment;
    }
    pthread_mutex_unlock(&uploads->lock);
    segment_free(unwanted);
    return upload != NULL;
}

struct upload *uploads_take(struct uploads *uploads, const char *id)
{
    pthread_mutex_lock(&uploads->lock);
    struct upload **link = find_link(uploads, id);
    struct upload *upload = *link;
    if (upload)
        *link = upload->next;
    pthread_mutex_unlock(&uploads->lock);
    return upload;
}

void uploads_return(struct uploads *uploads, struct upload *upload)
{
    pthread_mutex_lock(&uploads->lock);
    upload->next = uploads->first;
    uploads->first = upload;
    pthread_mutex_unlock(&uploads->lock);
}

void upload_free(struct upload *upload)
{
    for (int number = 1; number <= MOST_PARTS; number++)
        segment_free(upload->parts[number]);
    free(upload->headers);
    free(upload->name);
    free(upload);
}

void uploads_clear(struct uploads *uploads)
{
    pthread_mutex_lock(&uploads->lock);
    while (uploads->first) {
        struct upload *upload = uploads->first;
        uploads->first = upload->next;
        upload_free(upload);
    }
    pthread_mutex_unlock(&uploads->lock);
}
