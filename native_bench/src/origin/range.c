#include "range.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char **text, uint64_t *number)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    *number = strtoull(*text, &end, 10);
    *text = end;
    return true;
}

static enum range_kind between(uint64_t start, uint64_t end, uint64_t size_bytes, uint64_t *first,
                               uint64_t *count)
{
    if (start >= size_bytes)
        return RANGE_UNSATISFIABLE;
    *first = start;
    *count = (end < size_bytes ? end + 1 : size_bytes) - start;
    return RANGE_PART;
}

enum range_kind range_parse(const char *header, uint64_t size_bytes, uint64_t *first,
                            uint64_t *count)
{
    *first = 0;
    *count = size_bytes;
    if (!header || strncmp(header, "bytes=", 6))
        return RANGE_WHOLE;
    const char *next = header + 6;
    uint64_t start = 0, end = UINT64_MAX;
    bool has_start = parse_number(&next, &start);
    if (*next++ != '-')
        return RANGE_WHOLE;
    bool has_end = parse_number(&next, &end);
    if (*next || (!has_start && !has_end) || (has_start && start > end))
        return RANGE_WHOLE;
    if (has_start)
        return between(start, end, size_bytes, first, count);
    if (!end)
        return RANGE_UNSATISFIABLE;
    return between(end < size_bytes ? size_bytes - end : 0, UINT64_MAX, size_bytes, first, count);
}
