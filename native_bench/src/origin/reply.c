#include "reply.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"

struct reason {
    int status;
    const char *text;
};

static const struct reason REASONS[] = {
    {200, "OK"},
    {204, "No Content"},
    {206, "Partial Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {416, "Range Not Satisfiable"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Slow Down"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++)
        if (REASONS[i].status == status)
            return REASONS[i].text;
    return "Other";
}

void reply_start(struct connection *c, int status)
{
    c->reply.status = status;
    c->reply.length = 0;
    reply_header(c, "HTTP/1.1 %d %s", status, reason_of(status));
    reply_moment(c, "Date", time(NULL));
}

static void add(struct connection *c, const char *bytes, size_t count)
{
    struct reply *reply = &c->reply;
    if (reply->length + count <= sizeof reply->head) {
        memcpy(reply->head + reply->length, bytes, count);
        reply->length += count;
    }
}

void reply_header(struct connection *c, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 2, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof line - 2)
        return;
    memcpy(line + length, "\r\n", 2);
    add(c, line, (size_t)length + 2);
}

void reply_moment(struct connection *c, const char *name, time_t moment)
{
    char written[64];
    struct tm parts;
    gmtime_r(&moment, &parts);
    strftime(written, sizeof written, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    reply_header(c, "%s: %s", name, written);
}

void reply_lines(struct connection *c, const char *lines)
{
    add(c, lines, strlen(lines));
}

static void wait_for_first_byte(const struct connection *c)
{
    double seconds = c->origin->options.first_byte_seconds;
    if (seconds > 0)
        sleep_until_ns(now_ns() + (int64_t)(seconds * (double)NS_PER_S));
}

static bool send_head(struct connection *c, bool body_follows)
{
    if (!body_drain(&c->body))
        c->request.keeps_alive = false;
    wait_for_first_byte(c);
    reply_header(c, "Connection: %s", c->request.keeps_alive ? "keep-alive" : "close");
    reply_lines(c, "\r\n");
    return stream_write(&c->stream, c->reply.head, c->reply.length, body_follows);
}

bool reply_head(struct connection *c, uint64_t body_bytes)
{
    reply_header(c, "Content-Length: %" PRIu64, body_bytes);
    return send_head(c, body_bytes > 0 && c->request.method != HEAD);
}

bool reply_empty(struct connection *c)
{
    if (c->reply.status != 204 && c->reply.status != 304)
        reply_header(c, "Content-Length: 0");
    return send_head(c, false);
}

bool reply_xml(struct connection *c, struct text *document)
{
    reply_header(c, "Content-Type: application/xml");
    bool goes_on = reply_head(c, document->length);
    if (goes_on && c->request.method != HEAD)
        goes_on = stream_write(&c->stream, document->data, document->length, false);
    text_free(document);
    return goes_on;
}

static void begin_error(struct connection *c, struct text *document, const char *code,
                        const char *message)
{
    struct counters *counters = &c->origin->counters;
    bool is_refusal = !strcmp(code, "SlowDown");
    count_up(is_refusal ? &counters->refused : &counters->errors, 1);
    text_add(document, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>", code);
    text_add(document, "<Message>%s</Message><Resource>/", message);
    text_add_xml(document, c->request.name);
    text_add(document, "</Resource><RequestId>0</RequestId>");
}

bool reply_error(struct connection *c, int status, const char *code, const char *message)
{
    struct text document = {0};
    begin_error(c, &document, code, message);
    text_add(&document, "</Error>");
    reply_start(c, status);
    return reply_xml(c, &document);
}

bool reply_range_error(struct connection *c, uint64_t size_bytes)
{
    struct text document = {0};
    begin_error(c, &document, "InvalidRange", "The requested range is not satisfiable");
    text_add(&document, "<ActualObjectSize>%" PRIu64 "</ActualObjectSize></Error>", size_bytes);
    reply_start(c, 416);
    reply_header(c, "Content-Range: bytes */%" PRIu64, size_bytes);
    return reply_xml(c, &document);
}
