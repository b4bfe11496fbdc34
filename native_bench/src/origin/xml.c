#include "xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 10,000 parts with checksums stay far below. */
#define MOST_BYTES (16 << 20)

char *xml_receive(struct connection *c)
{
    struct text document = {0};
    ssize_t got;
    text_add(&document, "%s", "");
    while ((got = body_read(&c->body, c->stream.scratch, STREAM_SCRATCH_BYTES)) > 0) {
        text_add_bytes(&document, c->stream.scratch, (size_t)got);
        if (document.length > MOST_BYTES)
            got = -1;
        if (got < 0)
            break;
    }
    if (got == 0)
        return document.data;
    text_free(&document);
    return NULL;
}

struct reference {
    const char *name;
    char value;
};

static size_t resolve(const char *in, char *out)
{
    static const struct reference known[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''},
        {"&#34;", '"'}, {"&#39;", '\''}, {"&#38;", '&'}, {"&#xA;", '\n'}, {"&#xD;", '\r'},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i].name);
        if (!strncmp(in, known[i].name, length)) {
            *out = known[i].value;
            return length;
        }
    }
    *out = *in;
    return 1;
}

void xml_resolve(char *text)
{
    char *out = text;
    for (const char *in = text; *in; out++)
        in += resolve(in, out);
    *out = 0;
}

char *xml_next(char **cursor, const char *name)
{
    char open[64], close[64];
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    char *begin = strstr(*cursor, open);
    char *end = begin ? strstr(begin, close) : NULL;
    if (!end)
        return NULL;
    *end = 0;
    *cursor = end + strlen(close);
    begin += strlen(open);
    return begin;
}
