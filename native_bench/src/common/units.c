#include "common/units.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

struct unit {
    const char *name;
    int64_t bytes;
};

static const struct unit UNITS[] = {
    {"", 1},           {"B", 1},
    {"KiB", 1 << 10},  {"MiB", 1 << 20},     {"GiB", 1 << 30},
    {"kB", 1000},      {"KB", 1000},         {"MB", 1000000},     {"GB", 1000000000},
};

static double parse_number(const char *option, const char *text, char **end)
{
    errno = 0;
    double value = strtod(text, end);
    if (errno || *end == text || !isfinite(value) || value < 0)
        die_usage("%s is no number: %s", option, text);
    return value;
}

int64_t parse_size(const char *option, const char *text)
{
    char *end;
    double value = parse_number(option, text, &end);
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (!strcmp(end, UNITS[i].name))
            return (int64_t)(value * (double)UNITS[i].bytes);
    die_usage("%s is no size: %s; write 8MiB or 90MB", option, text);
}

int64_t parse_count(const char *option, const char *text, int64_t least, int64_t most)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most)
        die_usage("%s wants a whole number from %lld to %lld, not %s", option,
                  (long long)least, (long long)most, text);
    return value;
}

double parse_share(const char *option, const char *text)
{
    char *end;
    double value = parse_number(option, text, &end);
    if (*end || value > 1)
        die_usage("%s wants a share from 0 to 1, not %s", option, text);
    return value;
}

double parse_seconds(const char *option, const char *text)
{
    char *end;
    double value = parse_number(option, text, &end);
    if (*end)
        die_usage("%s wants seconds, not %s", option, text);
    return value;
}
