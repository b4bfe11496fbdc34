#include "limits/measure.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/fail.h"

static int depth = 1; /* the items lie in an object of the document */
static bool is_first = true;

static void begin_member(const char *name)
{
    printf("%s\n%*s\"%s\": ", is_first ? "" : ",", 2 * (depth + 1), "", name);
    is_first = false;
}

void json_open(const char *name)
{
    begin_member(name);
    putchar('{');
    depth++;
    is_first = true;
}

void json_close(void)
{
    depth--;
    printf("\n%*s}", 2 * (depth + 1), "");
    is_first = false;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(const double *sorted, int count)
{
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

void measure(const char *name, const struct setting *setting, measure_round *round, void *detail)
{
    double *found = calloc((size_t)setting->rounds, sizeof *found);
    if (!found)
        die("no memory for %d rounds", setting->rounds);
    begin_member(name);
    for (int i = 0; i < setting->rounds; i++) {
        found[i] = round(setting, detail);
        if (found[i] < 0) {
            printf("null");
            free(found);
            return;
        }
    }
    qsort(found, (size_t)setting->rounds, sizeof *found, by_value);
    printf("{\"median\": %.0f, \"least\": %.0f, \"most\": %.0f}", median(found, setting->rounds),
           found[0], found[setting->rounds - 1]);
    fflush(stdout);
    free(found);
}

struct thread {
    pthread_t id;
    struct hand hand;
    hand_work *work;
};

static void *run(void *argument)
{
    struct thread *thread = argument;
    thread->work(&thread->hand);
    return NULL;
}

double work_together(const struct setting *setting, int threads, hand_work *work, void *detail)
{
    struct thread *all = calloc((size_t)threads, sizeof *all);
    if (!all)
        die("no memory for %d threads", threads);
    int64_t started_ns = now_ns(), bytes = 0;
    for (int i = 0; i < threads; i++) {
        all[i].work = work;
        all[i].hand = (struct hand){
            .setting = setting,
            .detail = detail,
            .number = i,
            .until_ns = started_ns + (int64_t)(setting->seconds * (double)NS_PER_S),
        };
        if (pthread_create(&all[i].id, NULL, run, &all[i]))
            die("no thread");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(all[i].id, NULL);
        bytes += all[i].hand.bytes;
    }
    free(all);
    return (double)bytes / seconds_since(started_ns);
}
