#include "listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fail.h"

struct search {
    struct listing *listing;
    const char *bucket;
    const char *prefix;
};

static void add(struct listing *listing, const char *key, struct entry entry)
{
    if (listing->count == listing->capacity) {
        listing->capacity = 2 * listing->capacity + 64;
        listing->entries =
            realloc(listing->entries, listing->capacity * sizeof *listing->entries);
    }
    entry.key = strdup(key);
    if (!listing->entries || !entry.key)
        die("out of memory");
    listing->entries[listing->count++] = entry;
}

static void add_object(void *context, const struct object *object)
{
    const struct search *search = context;
    size_t length = strlen(search->bucket);
    bool is_here = !strncmp(object->name, search->bucket, length) && object->name[length] == '/';
    const char *key = object->name + length + 1;
    if (!is_here || object->is_file || strncmp(key, search->prefix, strlen(search->prefix)))
        return;
    add(search->listing, key,
        (struct entry){.size_bytes = object->size_bytes, .modified = object->modified,
                       .etag = object->etag});
}

static void add_file(const struct search *search, const char *key, const struct stat *status)
{
    add(search->listing, key,
        (struct entry){.size_bytes = (uint64_t)status->st_size,
                       .modified = status->st_mtim.tv_sec, .etag = etag_of_file(status),
                       .is_file = true});
}

/* Either begins with the other: what lies below a directory may match the prefix. */
static bool may_match(const char *path, const char *prefix)
{
    size_t length = strlen(path), wanted = strlen(prefix);
    return !strncmp(path, prefix, length < wanted ? length : wanted);
}

static void walk(const struct search *search, int parent, const char *name, struct text *path);

static void look_at(const struct search *search, int directory, const char *name,
                    struct text *path)
{
    struct stat status;
    if (fstatat(directory, name, &status, 0))
        return;
    if (S_ISDIR(status.st_mode)) {
        text_add(path, "/");
        if (may_match(path->data, search->prefix))
            walk(search, directory, name, path);
    } else if (S_ISREG(status.st_mode) &&
               !strncmp(path->data, search->prefix, strlen(search->prefix))) {
        add_file(search, path->data, &status);
    }
}

/* Path is the directory's own below the bucket, with a slash at its end if it is not empty. */
static void walk(const struct search *search, int parent, const char *name, struct text *path)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    size_t length = path->length;
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        text_add(path, "%s", entry->d_name);
        look_at(search, fd, entry->d_name, path);
        path->length = length;
        path->data[length] = 0;
    }
    closedir(directory);
}

static int by_key(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    int order = strcmp(one->key, other->key);
    return order ? order : one->is_file - other->is_file;
}

/* Of an upload and a file of one name the upload counts. */
static void sort(struct listing *listing)
{
    size_t kept = 0;
    if (listing->count)
        qsort(listing->entries, listing->count, sizeof *listing->entries, by_key);
    for (size_t i = 0; i < listing->count; i++) {
        struct entry *entry = &listing->entries[i];
        if (kept && !strcmp(listing->entries[kept - 1].key, entry->key))
            free(entry->key);
        else
            listing->entries[kept++] = *entry;
    }
    listing->count = kept;
}

bool listing_collect(struct listing *listing, struct origin *origin, const char *bucket,
                     const char *prefix)
{
    struct search search = {listing, bucket, prefix};
    struct text path = {0};
    struct stat status;
    bool is_directory = !fstatat(origin->root, bucket, &status, 0) && S_ISDIR(status.st_mode);
    *listing = (struct listing){0};
    if (!is_directory && !objects_has_bucket(&origin->objects, bucket))
        return false;
    objects_visit(&origin->objects, add_object, &search);
    text_add(&path, "%s", "");
    if (is_directory)
        walk(&search, origin->root, bucket, &path);
    text_free(&path);
    sort(listing);
    return true;
}

size_t listing_find(const struct listing *listing, const char *key)
{
    size_t first = 0, end = listing->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (strcmp(listing->entries[middle].key, key) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

const struct listing *listing_kept(struct origin *origin, const char *bucket)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct listing kept;
    static char *name;
    pthread_mutex_lock(&lock);
    if (!name && listing_collect(&kept, origin, bucket, ""))
        name = strdup(bucket);
    bool is_here = name && !strcmp(name, bucket);
    pthread_mutex_unlock(&lock);
    return is_here ? &kept : NULL;
}

void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entries[i].key);
    free(listing->entries);
}
