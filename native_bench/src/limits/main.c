/* limits: what loopback, memory, disk and hashing give on this machine, in bytes per second. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fail.h"
#include "common/units.h"
#include "limits/items.h"

static const char HELP[] =
    "limits [--directory DIR] [--seconds 1] [--rounds 5] [loopback|memory|disk|hash ...]\n"
    "\n"
    "Prints JSON: for each item the median, least and most of its rounds in bytes per second, and\n"
    "null where this machine cannot do it. The disk's file is made below --directory (.).\n";

static const struct item {
    const char *name;
    void (*measure)(const struct setting *setting);
} ITEMS[] = {
    {"loopback", limits_loopback},
    {"memory", limits_memory},
    {"disk", limits_disk},
    {"hash", limits_hash},
};
enum { ITEM_COUNT = sizeof ITEMS / sizeof *ITEMS };

enum choice { DIRECTORY = 1, SECONDS, ROUNDS, HELP_ASKED };

static const struct option KNOWN[] = {
    {"directory", required_argument, NULL, DIRECTORY},
    {"seconds", required_argument, NULL, SECONDS},
    {"rounds", required_argument, NULL, ROUNDS},
    {"help", no_argument, NULL, HELP_ASKED},
    {0},
};

static void take(struct setting *setting, int choice, const char *value)
{
    switch (choice) {
    case DIRECTORY: setting->directory = value; break;
    case SECONDS: setting->seconds = parse_seconds("--seconds", value); break;
    case ROUNDS: setting->rounds = (int)parse_count("--rounds", value, 1, 1000); break;
    case HELP_ASKED: fputs(HELP, stdout); exit(0);
    default: die_usage("wrong command line");
    }
}

/* Mark the items asked for; with none named, all are. */
static void choose(bool *chosen, char **names, int count)
{
    for (int i = 0; i < ITEM_COUNT; i++)
        chosen[i] = !count;
    for (int i = 0; i < count; i++) {
        int item = 0;
        while (item < ITEM_COUNT && strcmp(names[i], ITEMS[item].name))
            item++;
        if (item == ITEM_COUNT)
            die_usage("what is %s?", names[i]);
        chosen[item] = true;
    }
}

static bool has_sha_ni(void)
{
    char line[16384];
    bool found = false;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = !strncmp(line, "flags", 5) && strstr(line, " sha_ni") != NULL;
    if (file)
        fclose(file);
    return found;
}

int main(int count, char **arguments)
{
    bool chosen[ITEM_COUNT];
    struct setting setting = {
        .directory = ".",
        .seconds = 1,
        .rounds = 5,
        .cpus = (int)sysconf(_SC_NPROCESSORS_ONLN),
    };
    int choice;
    while ((choice = getopt_long(count, arguments, "", KNOWN, NULL)) != -1)
        take(&setting, choice, optarg);
    choose(chosen, arguments + optind, count - optind);
    printf("{\n  \"cpus\": %d,\n  \"sha_ni\": %s,\n  \"bytes_per_second\": {", setting.cpus,
           has_sha_ni() ? "true" : "false");
    for (int i = 0; i < ITEM_COUNT; i++)
        if (chosen[i])
            ITEMS[i].measure(&setting);
    puts("\n  }\n}");
    return 0;
}
