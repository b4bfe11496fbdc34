#include "link/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/fail.h"
#include "common/units.h"

static const char HELP[] =
    "link --left NETNS --right NETNS --left-address A/30 --right-address B/30\n"
    "     --rate BITS_PER_SECOND --round-trip-seconds S [--queue-seconds 0.05]\n"
    "\n"
    "A network link between two network namespaces, of a given rate each way and a given round\n"
    "trip, until it is ended. Says \"ready\" once both ends are up. A packet that finds a queue\n"
    "of more than a round trip and --queue-seconds is dropped.\n";

enum choice { LEFT = 1, RIGHT, LEFT_ADDRESS, RIGHT_ADDRESS, RATE, ROUND_TRIP, QUEUE, HELP_ASKED };

static const struct option KNOWN[] = {
    {"left", required_argument, NULL, LEFT},
    {"right", required_argument, NULL, RIGHT},
    {"left-address", required_argument, NULL, LEFT_ADDRESS},
    {"right-address", required_argument, NULL, RIGHT_ADDRESS},
    {"rate", required_argument, NULL, RATE},
    {"round-trip-seconds", required_argument, NULL, ROUND_TRIP},
    {"queue-seconds", required_argument, NULL, QUEUE},
    {"help", no_argument, NULL, HELP_ASKED},
    {0},
};

static void take(struct options *options, int choice, const char *value)
{
    switch (choice) {
    case LEFT: options->left_netns = value; break;
    case RIGHT: options->right_netns = value; break;
    case LEFT_ADDRESS: options->left_address = value; break;
    case RIGHT_ADDRESS: options->right_address = value; break;
    case RATE:
        options->rate_bits_per_second = parse_count("--rate", value, 8000, 1000000000000);
        break;
    case ROUND_TRIP:
        options->round_trip_seconds = parse_seconds("--round-trip-seconds", value);
        break;
    case QUEUE: options->queue_seconds = parse_seconds("--queue-seconds", value); break;
    case HELP_ASKED: fputs(HELP, stdout); exit(0);
    default: die_usage("wrong command line");
    }
}

struct options options_parse(int count, char **arguments)
{
    struct options options = {.round_trip_seconds = -1, .queue_seconds = 0.05};
    int choice;
    while ((choice = getopt_long(count, arguments, "", KNOWN, NULL)) != -1)
        take(&options, choice, optarg);
    if (optind != count)
        die_usage("what is %s?", arguments[optind]);
    if (!options.left_netns || !options.right_netns || !options.left_address ||
        !options.right_address || !options.rate_bits_per_second || options.round_trip_seconds < 0)
        die_usage("both sides, --rate and --round-trip-seconds are needed");
    return options;
}
