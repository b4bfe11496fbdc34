#include "text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

static void reserve(struct text *text, size_t more)
{
    if (text->length + more + 1 <= text->capacity)
        return;
    text->capacity = 2 * (text->length + more) + 256;
    text->data = realloc(text->data, text->capacity);
    if (!text->data)
        die("out of memory");
}

void text_add_bytes(struct text *text, const char *bytes, size_t count)
{
    reserve(text, count);
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = 0;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    reserve(text, (size_t)count);
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)count + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)count;
}

static void add_escaped(struct text *text, unsigned char c)
{
    switch (c) {
    case '&': text_add(text, "&amp;"); break;
    case '<': text_add(text, "&lt;"); break;
    case '>': text_add(text, "&gt;"); break;
    case '"': text_add(text, "&quot;"); break;
    default:
        if (c < 32)
            text_add(text, "&#%d;", c);
        else
            text_add_bytes(text, (const char *)&c, 1);
    }
}

void text_add_xml(struct text *text, const char *value)
{
    for (; *value; value++)
        add_escaped(text, (unsigned char)*value);
}

void text_add_json(struct text *text, const char *value)
{
    text_add(text, "\"");
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (c < 32 || c == '"' || c == '\\')
            text_add(text, "\\u%04x", c);
        else
            text_add_bytes(text, value, 1);
    }
    text_add(text, "\"");
}

void text_add_url(struct text *text, const char *value)
{
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (isalnum(c) || strchr("-._~/", c))
            text_add_bytes(text, value, 1);
        else
            text_add(text, "%%%02X", c);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int url_decode(char *value, int plus_is_space)
{
    char *out = value;
    for (const char *in = value; *in; in++) {
        if (*in == '%') {
            int high = hex_value(in[1]);
            int low = high < 0 ? -1 : hex_value(in[2]);
            if (low < 0 || (!high && !low))
                return -1;
            *out++ = (char)(high * 16 + low);
            in += 2;
        } else {
            *out++ = plus_is_space && *in == '+' ? ' ' : *in;
        }
    }
    *out = 0;
    return (int)(out - value);
}
