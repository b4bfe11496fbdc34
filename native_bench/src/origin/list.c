#include "list.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "listing.h"
#include "reply.h"
#include "xml.h"

#define MOST_KEYS 1000

struct page {
    const struct connection *c;
    bool is_v2;
    bool is_encoded;       /* encoding-type=url */
    const char *prefix;
    const char *delimiter; /* empty: none */
    const char *after;     /* what stood last on the page before; empty: the first page */
    long most;
    long count;
    bool is_truncated;
    char *group;           /* the common prefix at hand, or NULL */
    char *last;            /* key or common prefix, or NULL */
    struct text items;     /* elements of keys */
    struct text groups;    /* elements of common prefixes */
};

static const char *parameter(const struct connection *c, const char *name)
{
    const char *value = request_parameter(&c->request, name);
    return value ? value : "";
}

/* A token is a name, percent-encoded once more than it travels. */
static const char *start_of(const struct connection *c, bool is_v2)
{
    if (!is_v2)
        return parameter(c, "marker");
    char *token = (char *)parameter(c, "continuation-token");
    if (!*token)
        return parameter(c, "start-after");
    return url_decode(token, 0) < 0 ? "" : token;
}

static struct page new_page(const struct connection *c)
{
    struct page page = {.c = c, .most = MOST_KEYS};
    page.is_v2 = !strcmp(parameter(c, "list-type"), "2");
    page.is_encoded = !strcmp(parameter(c, "encoding-type"), "url");
    page.prefix = parameter(c, "prefix");
    page.delimiter = parameter(c, "delimiter");
    page.after = start_of(c, page.is_v2);
    const char *most = parameter(c, "max-keys");
    if (*most && atol(most) >= 0 && atol(most) < MOST_KEYS)
        page.most = atol(most);
    text_add(&page.items, "%s", "");
    text_add(&page.groups, "%s", "");
    return page;
}

static void add_name(const struct page *page, struct text *text, const char *element,
                     const char *name)
{
    text_add(text, "<%s>", element);
    if (page->is_encoded)
        text_add_url(text, name);
    else
        text_add_xml(text, name);
    text_add(text, "</%s>", element);
}

static void remember(char **place, char *name)
{
    free(*place);
    *place = name;
    if (!name)
        die("out of memory");
}

/* Room for one more; false: this is the end of the page. */
static bool take_place(struct page *page, const char *name)
{
    page->is_truncated = page->count == page->most;
    if (page->is_truncated)
        return false;
    page->count++;
    remember(&page->last, strdup(name));
    return true;
}

static bool add_group(struct page *page, const char *key, size_t length)
{
    bool is_same = page->group && !strncmp(page->group, key, length) && !page->group[length];
    char *group = strndup(key, length);
    if (!group)
        die("out of memory");
    bool goes_on = is_same || !strcmp(group, page->after) || take_place(page, group);
    if (goes_on && !is_same && strcmp(group, page->after)) {
        text_add(&page->groups, "<CommonPrefixes>");
        add_name(page, &page->groups, "Prefix", group);
        text_add(&page->groups, "</CommonPrefixes>");
    }
    remember(&page->group, group);
    return goes_on;
}

static bool add_entry(struct page *page, const struct entry *entry)
{
    char moment[32];
    struct tm parts;
    if (!take_place(page, entry->key))
        return false;
    gmtime_r(&entry->modified, &parts);
    strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    text_add(&page->items, "<Contents>");
    add_name(page, &page->items, "Key", entry->key);
    text_add(&page->items, "<LastModified>%s</LastModified><ETag>", moment);
    text_add_xml(&page->items, entry->etag.text);
    text_add(&page->items, "</ETag><Size>%llu</Size><StorageClass>STANDARD</StorageClass>",
             (unsigned long long)entry->size_bytes);
    text_add(&page->items, "</Contents>");
    return true;
}

/* False: the page is full. */
static bool consider(struct page *page, const struct entry *entry)
{
    if (strcmp(entry->key, page->after) <= 0)
        return true;
    const char *rest = entry->key + strlen(page->prefix);
    const char *found = *page->delimiter ? strstr(rest, page->delimiter) : NULL;
    if (!found)
        return add_entry(page, entry);
    size_t length = (size_t)(found - entry->key) + strlen(page->delimiter);
    return add_group(page, entry->key, length);
}

static void fill(struct page *page, const struct listing *listing)
{
    bool goes_on = strcmp(page->after, page->prefix) > 0;
    size_t length = strlen(page->prefix);
    size_t i = listing_find(listing, goes_on ? page->after : page->prefix);
    while (i < listing->count && page->most && !strncmp(listing->entries[i].key, page->prefix, length)
           && consider(page, &listing->entries[i]))
        i++;
}

static void add_ends(const struct page *page, struct text *document)
{
    text_add(document, "<IsTruncated>%s</IsTruncated>", page->is_truncated ? "true" : "false");
    if (page->is_v2)
        text_add(document, "<KeyCount>%ld</KeyCount>", page->count);
    if (page->is_truncated && page->is_v2) {
        text_add(document, "<NextContinuationToken>");
        text_add_url(document, page->last);
        text_add(document, "</NextContinuationToken>");
    } else if (page->is_truncated) {
        add_name(page, document, "NextMarker", page->last);
    }
}

static struct text document_of(const struct page *page)
{
    struct text document = {0};
    text_add(&document, XML_HEAD "<ListBucketResult " XML_NAMESPACE "><Name>%s</Name>",
             page->c->request.bucket);
    add_name(page, &document, "Prefix", page->prefix);
    if (*page->delimiter)
        add_name(page, &document, "Delimiter", page->delimiter);
    if (!page->is_v2)
        add_name(page, &document, "Marker", page->after);
    text_add(&document, "<MaxKeys>%ld</MaxKeys>", page->most);
    if (page->is_encoded)
        text_add(&document, "<EncodingType>url</EncodingType>");
    add_ends(page, &document);
    text_add_bytes(&document, page->items.data, page->items.length);
    text_add_bytes(&document, page->groups.data, page->groups.length);
    text_add(&document, "</ListBucketResult>");
    return document;
}

static void free_page(struct page *page)
{
    free(page->group);
    free(page->last);
    text_free(&page->items);
    text_free(&page->groups);
}

bool list_objects(struct connection *c)
{
    struct listing listing = {0};
    const struct listing *found = &listing;
    const char *prefix = parameter(c, "prefix");
    if (c->origin->options.is_still)
        found = listing_kept(c->origin, c->request.bucket);
    else if (!listing_collect(&listing, c->origin, c->request.bucket, prefix))
        found = NULL;
    if (!found)
        return reply_error(c, 404, "NoSuchBucket", "The specified bucket does not exist");
    struct page page = new_page(c);
    fill(&page, found);
    struct text document = document_of(&page);
    free_page(&page);
    listing_free(&listing);
    reply_start(c, 200);
    return reply_xml(c, &document);
}
