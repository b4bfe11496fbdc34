#include "request.h"

#include <string.h>
#include <strings.h>

#include "text.h"

/* The head's bytes with the empty line, once all of it is there; 0 when it does not come. */
static size_t await_head(struct stream *stream)
{
    for (;;) {
        size_t there = stream->end - stream->start;
        char *begin = stream->input + stream->start;
        char *end = memmem(begin, there, "\r\n\r\n", 4);
        if (end)
            return (size_t)(end - begin) + 4;
        if (!stream_fill(stream))
            return 0;
    }
}

static void split_query(struct request *request, char *query)
{
    while (query && request->parameter_count < REQUEST_PARAMETERS) {
        char *next = strchr(query, '&');
        if (next)
            *next++ = 0;
        struct pair *parameter = &request->parameters[request->parameter_count++];
        parameter->name = query;
        parameter->value = strchr(query, '=');
        if (parameter->value)
            *parameter->value++ = 0;
        else
            parameter->value = query + strlen(query);
        if (url_decode(parameter->name, 1) < 0 || url_decode(parameter->value, 1) < 0)
            request->is_well_formed = false;
        query = next;
    }
}

bool request_climbs(const char *name)
{
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (!strncmp(part, "..", 2) && (!part[2] || part[2] == '/'))
            return true;
    }
    return false;
}

static void split_path(struct request *request, char *path)
{
    request->name = path + (*path == '/');
    request->is_well_formed = *path == '/' && url_decode(path, 0) >= 0 && !request_climbs(path);
    size_t length = strcspn(request->name, "/");
    if (length >= sizeof request->bucket || *request->name == '.' || *request->name == '/') {
        request->is_well_formed = false;
        length = 0;
    }
    memcpy(request->bucket, request->name, length);
    request->bucket[length] = 0;
    bool has_key = request->name[length] && request->name[length + 1];
    request->key = has_key ? request->name + length + 1 : NULL;
}

static bool split_headers(struct request *request, char *line)
{
    while (*line) {
        char *end = strstr(line, "\r\n"), *value = strchr(line, ':');
        if (!end || !value || value > end || request->header_count == REQUEST_HEADERS)
            return false;
        *end = *value++ = 0;
        value += strspn(value, " \t");
        request->headers[request->header_count++] = (struct pair){line, value};
        line = end + 2;
    }
    return true;
}

static bool split_line(struct request *request, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version)
        return false;
    *target++ = *version++ = 0;
    request->method = method_of(line);
    const char *connection = request_header(request, "connection");
    request->keeps_alive = !strcmp(version, "HTTP/1.1") &&
                           !(connection && !strcasecmp(connection, "close"));
    char *query = strchr(target, '?');
    if (query)
        *query++ = 0;
    split_path(request, target);
    split_query(request, query);
    return true;
}

bool request_read(struct request *request, struct stream *stream)
{
    size_t length = await_head(stream);
    if (!length)
        return false;
    memcpy(request->head, stream->input + stream->start, length);
    stream->start += length;
    request->head[length - 2] = 0;
    if (memchr(request->head, 0, length - 2))
        return false;
    request->header_count = request->parameter_count = 0;
    char *headers = strstr(request->head, "\r\n");
    *headers = 0;
    return split_headers(request, headers + 2) && split_line(request, request->head);
}

static const char *find(const struct pair *pairs, int count, const char *name,
                        int (*compare)(const char *, const char *))
{
    for (int i = 0; i < count; i++)
        if (!compare(pairs[i].name, name))
            return pairs[i].value;
    return NULL;
}

const char *request_header(const struct request *request, const char *name)
{
    return find(request->headers, request->header_count, name, strcasecmp);
}

const char *request_parameter(const struct request *request, const char *name)
{
    return find(request->parameters, request->parameter_count, name, strcmp);
}
