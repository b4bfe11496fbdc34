#include "floor/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/units.h"

static const char HELP[] =
    "floor pull --host HOST --port PORT --prefix /BUCKET/KEY/ --out DIR < LIST\n"
    "floor push --host HOST --port PORT --prefix /BUCKET/KEY/ --from DIR < LIST\n"
    "\n"
    "The least work that a verified transfer of blobs is, over plain HTTP, unsigned. LIST has\n"
    "lines \"<sha256 hex> <size>\"; a file of DIR has its digest for a name. Prints one line of\n"
    "JSON. Exits with 1 at the first failure; then no file of --out is to be trusted.\n"
    "\n"
    "  --connections N    threads, one connection each (16)\n"
    "  --part-size SIZE   bytes a request (8MiB)\n"
    "  --no-verify        do not hash\n"
    "  --no-write         pull: throw the bytes away\n";

enum choice { HOST = 1, PORT, PREFIX, DIRECTORY, CONNECTIONS, PART_SIZE, NO_VERIFY, NO_WRITE,
              HELP_ASKED };

static const struct option PULL[] = {
    {"host", required_argument, NULL, HOST},
    {"port", required_argument, NULL, PORT},
    {"prefix", required_argument, NULL, PREFIX},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"part-size", required_argument, NULL, PART_SIZE},
    {"no-verify", no_argument, NULL, NO_VERIFY},
    {"help", no_argument, NULL, HELP_ASKED},
    {"out", required_argument, NULL, DIRECTORY},
    {"no-write", no_argument, NULL, NO_WRITE},
    {0},
};

static const struct option PUSH[] = {
    {"host", required_argument, NULL, HOST},
    {"port", required_argument, NULL, PORT},
    {"prefix", required_argument, NULL, PREFIX},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"part-size", required_argument, NULL, PART_SIZE},
    {"no-verify", no_argument, NULL, NO_VERIFY},
    {"help", no_argument, NULL, HELP_ASKED},
    {"from", required_argument, NULL, DIRECTORY},
    {0},
};

static _Noreturn void help(void)
{
    fputs(HELP, stdout);
    exit(0);
}

static void take(struct options *options, int choice, const char *value)
{
    switch (choice) {
    case HOST: options->host = value; break;
    case PORT: options->port = value; break;
    case PREFIX: options->prefix = value; break;
    case DIRECTORY: options->directory = value; break;
    case CONNECTIONS: options->connections = parse_count("--connections", value, 1, 4096); break;
    case PART_SIZE: options->part_bytes = parse_size("--part-size", value); break;
    case NO_VERIFY: options->verify = false; break;
    case NO_WRITE: options->write = false; break;
    case HELP_ASKED: help();
    default: die_usage("wrong command line");
    }
}

static void check(const struct options *options)
{
    if (!options->host || !options->port || !options->prefix)
        die_usage("--host, --port and --prefix are needed");
    if (!options->directory && (options->is_push || options->write))
        die_usage("a directory is needed: %s", options->is_push ? "--from" : "--out");
    if (*options->prefix != '/' || options->prefix[strlen(options->prefix) - 1] != '/')
        die_usage("--prefix begins and ends with a slash, unlike %s", options->prefix);
    if (!options->part_bytes)
        die_usage("--part-size is at least one byte");
}

struct options options_parse(int count, char **arguments)
{
    if (count > 1 && !strcmp(arguments[1], "--help"))
        help();
    if (count < 2 || (strcmp(arguments[1], "pull") && strcmp(arguments[1], "push")))
        die_usage("pull or push?");
    struct options options = {
        .is_push = !strcmp(arguments[1], "push"),
        .connections = 16,
        .part_bytes = 8 << 20,
        .verify = true,
        .write = true,
    };
    const struct option *known = options.is_push ? PUSH : PULL;
    int choice;
    while ((choice = getopt_long(count - 1, arguments + 1, "", known, NULL)) != -1)
        take(&options, choice, optarg);
    if (optind != count - 1)
        die_usage("what is %s?", arguments[1 + optind]);
    check(&options);
    return options;
}
