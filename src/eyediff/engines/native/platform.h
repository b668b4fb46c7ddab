/* Functions that differ between operating systems: aligned memory, and a pool of threads. */
#ifndef EYEDIFF_PLATFORM_H
#define EYEDIFF_PLATFORM_H

#include <stddef.h>

/* Return memory that is aligned to a cache line, or NULL if there is not enough. Free it with release(). */
void *allocate(size_t bytes);
void release(void *memory);

/* A job calls a function for each of the units 0 .. units - 1. */
typedef void (*JobFunction)(void *context, int unit, int thread);
typedef struct {
    JobFunction function;
    void *context;
    int units;
} Job;

/* A pool is a number of threads. It runs the units of jobs on all of its threads. The calling thread is one of them.
 *
 * Each thread takes one unit at a time. The caller waits only for threads that have taken a unit, so a thread that
 * gets no processor does not delay the jobs. A thread without work sleeps after 0.5 ms. */
typedef struct Pool Pool;
enum { MOST_JOBS = 4 };

Pool *pool_new(int threads); /* NULL if there is no memory. The pool has fewer threads if the system refuses more. */
void pool_free(Pool *pool);
int pool_threads(const Pool *pool);
/* Run at most MOST_JOBS jobs, which do not depend on each other. Returns when all of them have ended. */
void pool_run(Pool *pool, const Job *jobs, int count);

#endif
