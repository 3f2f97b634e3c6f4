/*
 * main.c - seeds into processes.
 *
 *     sim [--seeds N] [--from SEED] [--jobs N]   N seeds, from SEED on; the named ones as well
 *     sim --seed SEED [--trace [--trace]]        one, and what happens in it (and on the wire)
 *
 * A process takes one seed after the other; one that dies, fails or hangs names its seed and is
 * replaced.
 *
 * That it can fail was shown by breaking the program in each of these ways, which some hundred
 * seeds met, or some thousand (!): a cut answer is believed, one whose length lies is; an event is
 * sent twice; what was held of the first target goes along with the second one's answer; an error
 * ends in order; a record is made twice; a request is not counted out at its target; a probe is not
 * given back, two probe at once; failures do not count, breakers never open, an answer that breaks
 * counts nothing (!); the attempts of a request, or those in place, are not counted; a silent
 * provider is asked again; a target that asks to be left alone is asked, or sooner than it said;
 * the moment before a second attempt changes no mind; no deadline; a failed answer, or a word about
 * it, says the key; the bytes of a body, or of a translation, are not given back; a timer outlives
 * its request (it hangs); the second key is never used; the last target of a route is never asked;
 * a translation without memory counts as one (!); a large request is taken for silence (!); what a
 * target says again behind a join is told twice; one that begins anew is believed; the events
 * behind a join are numbered from 0; usage is that of the last one alone; the record of who fails
 * to go on is another one's; a cap is ignored; a failed attempt, or what a join has to read, is
 * left out of the sum; what a broken answer had reported is believed; a whole answer that broke
 * counts no output; failing over is held by the sum of input and output.
 */
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define JOBS_MAX   64
#define FAILED_MAX 20 /* then no other seed is begun */
#define SECONDS    60 /* of a seed; it takes some hundredths */

static const struct {
    uint64_t seed;
    const char *name;
} named[] = {
#define X(seed, name) {seed, name},
#include "named.def"
#undef X
};

struct shared {
    _Atomic uint64_t next; /* number of the next seed */
    _Atomic uint64_t failed;
    uint64_t at[JOBS_MAX]; /* what each process is at */
};

static uint64_t seeds = 200, from = 1;

static size_t total(void)
{
    return ARRAY_LEN(named) + seeds;
}

static uint64_t seed_of(uint64_t i)
{
    return i < ARRAY_LEN(named) ? named[i].seed : from + i - ARRAY_LEN(named);
}

static _Noreturn void work(struct shared *sh, size_t slot)
{
    uint64_t i;

    while (atomic_load(&sh->failed) < FAILED_MAX &&
           (i = atomic_fetch_add(&sh->next, 1)) < total()) {
        sh->at[slot] = seed_of(i);
        alarm(SECONDS);
        sim_run(seed_of(i), 0);
    }
    sh->at[slot] = 0;
    exit(0);
}

static pid_t start(struct shared *sh, size_t slot)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        work(sh, slot);
    return pid;
}

static void report(const struct shared *sh, size_t slot, int status, const char *self)
{
    uint64_t seed = sh->at[slot];

    if (seed == 0)
        printf("a process has failed at its end: something leaks, in any seed of it\n");
    if (WIFSIGNALED(status))
        printf("seed %llu: signal %d\n", (unsigned long long)seed, WTERMSIG(status));
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        if (named[i].seed == seed)
            printf("seed %llu is named: %s\n", (unsigned long long)seed, named[i].name);
    printf("  again: %s --seed %llu --trace\n", self, (unsigned long long)seed);
    fflush(stdout);
}

static int all(size_t jobs, const char *self)
{
    struct shared *sh =
        mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[JOBS_MAX];
    size_t running = jobs;

    MUST(sh != MAP_FAILED);
    for (size_t i = 0; i < jobs; i++)
        pids[i] = start(sh, i);
    while (running) {
        int status;
        pid_t pid = wait(&status);
        size_t slot = 0;

        while (slot < jobs && pids[slot] != pid)
            slot++;
        if (status == 0) {
            running--;
            continue;
        }
        atomic_fetch_add(&sh->failed, 1);
        report(sh, slot, status, self);
        pids[slot] = start(sh, slot);
    }
    printf("%llu seeds from %llu and %zu named ones: %llu failed\n", (unsigned long long)seeds,
           (unsigned long long)from, ARRAY_LEN(named),
           (unsigned long long)atomic_load(&sh->failed));
    return atomic_load(&sh->failed) ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'}, {"from", required_argument, NULL, 'f'},
        {"jobs", required_argument, NULL, 'j'},  {"seed", required_argument, NULL, 's'},
        {"trace", no_argument, NULL, 't'},       {NULL, 0, NULL, 0}};
    size_t jobs = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t one = 0;
    bool only = false;
    int trace = 0, c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (c) {
        case 'n':
            seeds = text_number(optarg, 10);
            break;
        case 'f':
            from = text_number(optarg, 10);
            break;
        case 'j':
            jobs = text_number(optarg, 10);
            break;
        case 's':
            one = text_number(optarg, 10);
            only = true;
            break;
        case 't':
            trace++;
            break;
        default:
            return 2;
        }
    }
    jobs = MIN(MAX(jobs, (size_t)1), (size_t)JOBS_MAX);
    if (!only)
        return all(jobs, argv[0]);
    sim_run(one, trace);
    printf("seed %llu: all holds\n", (unsigned long long)one);
    return 0;
}
