/* Functions that differ between operating systems: aligned memory, and a pool of threads. */
#ifndef EYEDIFF_PLATFORM_H
#define EYEDIFF_PLATFORM_H

#include <stddef.h>

/* Return memory that is aligned to a cache line, or NULL if there is not enough. Free it with release(). */
void *allocate(size_t bytes);
void release(void *memory);

/* A pool is a number of threads. It runs the units 0 .. units - 1 of a job on all of its threads. The calling thread
 * is one of them.
 *
 * Each thread takes one unit at a time. The caller waits only for threads that have taken a unit, so a thread that
 * gets no processor does not delay the job. A thread without work sleeps after 0.5 ms. */
typedef void (*Job)(void *context, int unit, int thread);
typedef struct Pool Pool;

Pool *pool_new(int threads); /* NULL if there is no memory. The pool has fewer threads if the system refuses more. */
void pool_free(Pool *pool);
int pool_threads(const Pool *pool);
void pool_run(Pool *pool, Job job, void *context, int units);

#endif
