#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/units.h"

static const char USAGE[] =
    "origin --root DIR --port N --control SOCKET [options]\n"
    "\n"
    "An S3 service for benchmarks: serves DIR/bucket/key, takes uploads, checks no signature.\n"
    "\n"
    "  --bind ADDRESS             listen there (127.0.0.1)\n"
    "  --sink WHERE               uploads go nowhere (the default), to memory or to directory\n"
    "  --connection-rate SIZE     bytes a second of each connection, both directions together\n"
    "  --total-rate SIZE          bytes a second of all connections together\n"
    "  --requests-per-second N    more are answered with 503 SlowDown\n"
    "  --first-byte-seconds S     wait so long before every answer\n"
    "  --refuse-share X           answer this share of transfers with 503 SlowDown\n"
    "  --refuse-seconds S         but only so long from the first transfer on (0: always)\n"
    "  --reset-share X            reset this share of transfers amid their bodies\n"
    "  --stalls N                 fall silent for ever amid the first N transfers\n"
    "  --still                    nothing changes below DIR: list it once, and then from memory\n"
    "  --seed N                   of the choice of what is refused and reset (1)\n"
    "  --tls-cert FILE            serve HTTPS with this certificate\n"
    "  --tls-key FILE             and its key\n"
    "\n"
    "SOCKET answers the lines counters, objects and clear with JSON.\n"
    "SIZE is written as 65536, 64KiB or 90MB; X is from 0 to 1.\n";

enum option_code {
    ROOT = 256, PORT, BIND, CONTROL, SINK, CONNECTION_RATE, TOTAL_RATE, REQUEST_RATE,
    FIRST_BYTE, REFUSE, REFUSE_SECONDS, RESET, STALLS, STILL, SEED, TLS_CERT, TLS_KEY, HELP,
};

static const struct option OPTIONS[] = {
    {"root", required_argument, NULL, ROOT},
    {"port", required_argument, NULL, PORT},
    {"bind", required_argument, NULL, BIND},
    {"control", required_argument, NULL, CONTROL},
    {"sink", required_argument, NULL, SINK},
    {"connection-rate", required_argument, NULL, CONNECTION_RATE},
    {"total-rate", required_argument, NULL, TOTAL_RATE},
    {"requests-per-second", required_argument, NULL, REQUEST_RATE},
    {"first-byte-seconds", required_argument, NULL, FIRST_BYTE},
    {"refuse-share", required_argument, NULL, REFUSE},
    {"refuse-seconds", required_argument, NULL, REFUSE_SECONDS},
    {"reset-share", required_argument, NULL, RESET},
    {"stalls", required_argument, NULL, STALLS},
    {"still", no_argument, NULL, STILL},
    {"seed", required_argument, NULL, SEED},
    {"tls-cert", required_argument, NULL, TLS_CERT},
    {"tls-key", required_argument, NULL, TLS_KEY},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static enum sink parse_sink(const char *text)
{
    static const char *const names[] = {"nowhere", "memory", "directory"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i]))
            return (enum sink)i;
    die_usage("--sink is nowhere, memory or directory, not %s", text);
}

static void set_rate(struct options *options, int code, const char *value)
{
    switch (code) {
    case CONNECTION_RATE:
        options->connection_bytes_per_second = parse_size("--connection-rate", value);
        break;
    case TOTAL_RATE:
        options->total_bytes_per_second = parse_size("--total-rate", value);
        break;
    case REQUEST_RATE:
        options->requests_per_second =
            parse_count("--requests-per-second", value, 0, INT32_MAX);
        break;
    case FIRST_BYTE:
        options->first_byte_seconds = parse_seconds("--first-byte-seconds", value);
        break;
    case REFUSE:
        options->refuse_share = parse_share("--refuse-share", value);
        break;
    case REFUSE_SECONDS:
        options->refuse_seconds = parse_seconds("--refuse-seconds", value);
        break;
    case RESET:
        options->reset_share = parse_share("--reset-share", value);
        break;
    case STALLS:
        options->stalls = parse_count("--stalls", value, 0, INT32_MAX);
        break;
    }
}

static void set_option(struct options *options, int code, const char *value)
{
    switch (code) {
    case ROOT: options->root = value; break;
    case PORT: options->port = (int)parse_count("--port", value, 1, 65535); break;
    case BIND: options->bind = value; break;
    case CONTROL: options->control = value; break;
    case SINK: options->sink = parse_sink(value); break;
    case STILL: options->is_still = true; break;
    case SEED: options->seed = parse_count("--seed", value, 0, INT64_MAX); break;
    case TLS_CERT: options->tls_cert = value; break;
    case TLS_KEY: options->tls_key = value; break;
    case HELP:
        fputs(USAGE, stdout);
        exit(0);
    case '?':
        exit(2);
    default:
        set_rate(options, code, value);
    }
}

struct options parse_options(int count, char **arguments)
{
    struct options options = {.bind = "127.0.0.1", .seed = 1};
    int code;
    while ((code = getopt_long(count, arguments, "", OPTIONS, NULL)) != -1)
        set_option(&options, code, optarg);
    if (optind < count)
        die_usage("%s is no option", arguments[optind]);
    if (!options.root || !options.port || !options.control)
        die_usage("--root, --port and --control are needed");
    if (!options.tls_cert != !options.tls_key)
        die_usage("--tls-cert and --tls-key go together");
    return options;
}
