/* Text: a string that grows, and the escapes of XML, JSON and URLs. */
#pragma once

#include <stddef.h>

struct text {
    char *data; /* ends with NUL once anything was added */
    size_t length;
    size_t capacity;
};

void text_free(struct text *text);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t count);
void text_add_xml(struct text *text, const char *value);

/* With the quotes around it. Bytes that are no UTF-8 are passed on as they are. */
void text_add_json(struct text *text, const char *value);

/* Percent-encoded but for unreserved characters and slashes. */
void text_add_url(struct text *text, const char *value);

/* Undo percent-encoding in place, and plus for a space if asked to. Gives the new length, or -1
 * where a percent sign has no two digits behind it or a NUL would come out. */
int url_decode(char *value, int plus_is_space);
