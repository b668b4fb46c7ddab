/* What differs between operating systems: aligned memory, and a pool of threads. */
#ifndef EYEDIFF_PLATFORM_H
#define EYEDIFF_PLATFORM_H

#include <stddef.h>

/* Return bytes aligned to a cache line, or NULL. Free them with release(). */
void *allocate(size_t bytes);
void release(void *memory);

/* A pool runs the units 0 .. units - 1 of a job on all of its threads, the calling one included.
 *
 * Units are taken one by one, so that a thread that is slow, or never gets a processor, holds nobody up: the caller
 * waits only for threads that have begun. A thread without work sleeps after some microseconds. */
typedef void (*Job)(void *context, int unit, int thread);
typedef struct Pool Pool;

Pool *pool_new(int threads); /* NULL where there is no memory; fewer threads where the system gives no more */
void pool_free(Pool *pool);
int pool_threads(const Pool *pool);
void pool_run(Pool *pool, Job job, void *context, int units);

#endif
