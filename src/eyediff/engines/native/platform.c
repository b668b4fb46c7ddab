#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* posix_memalign, madvise */
#endif
#include "platform.h"

#include <stdlib.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <malloc.h>
#include <process.h>
#include <windows.h>

typedef HANDLE Thread;
typedef SRWLOCK Mutex;
typedef CONDITION_VARIABLE Condition;
#define THREAD_RESULT unsigned __stdcall
#define mutex_new(mutex) InitializeSRWLock(mutex)
#define mutex_free(mutex) ((void)(mutex))
#define mutex_lock(mutex) AcquireSRWLockExclusive(mutex)
#define mutex_unlock(mutex) ReleaseSRWLockExclusive(mutex)
#define condition_new(condition) InitializeConditionVariable(condition)
#define condition_free(condition) ((void)(condition))
#define condition_wait(condition, mutex) SleepConditionVariableSRW(condition, mutex, INFINITE, 0)
#define condition_wake(condition) WakeAllConditionVariable(condition)
static int thread_start(Thread *thread, unsigned(__stdcall *run)(void *), void *argument) {
    *thread = (HANDLE)_beginthreadex(NULL, 0, run, argument, 0, NULL);
    return *thread != NULL;
}
static void thread_join(Thread thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}
static double seconds_now(void) {
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    return (double)ticks.QuadPart / (double)rate.QuadPart;
}
void *allocate(size_t bytes) { return _aligned_malloc(bytes ? bytes : 1, 64); }
void release(void *memory) { _aligned_free(memory); }
#else
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

typedef pthread_t Thread;
typedef pthread_mutex_t Mutex;
typedef pthread_cond_t Condition;
#define THREAD_RESULT void *
#define mutex_new(mutex) pthread_mutex_init(mutex, NULL)
#define mutex_free(mutex) pthread_mutex_destroy(mutex)
#define mutex_lock(mutex) pthread_mutex_lock(mutex)
#define mutex_unlock(mutex) pthread_mutex_unlock(mutex)
#define condition_new(condition) pthread_cond_init(condition, NULL)
#define condition_free(condition) pthread_cond_destroy(condition)
#define condition_wait(condition, mutex) pthread_cond_wait(condition, mutex)
#define condition_wake(condition) pthread_cond_broadcast(condition)
static int thread_start(Thread *thread, void *(*run)(void *), void *argument) {
    return pthread_create(thread, NULL, run, argument) == 0;
}
static void thread_join(Thread thread) { pthread_join(thread, NULL); }
static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
void *allocate(size_t bytes) {
    void *memory = NULL;
#if defined(MADV_HUGEPAGE)
    /* Use large pages. With pages of 4 KB, the processor spends a tenth of its time on the translation of addresses. */
    enum { LARGE_PAGE = 2 << 20 };
    if (bytes >= LARGE_PAGE) {
        if (posix_memalign(&memory, LARGE_PAGE, bytes)) return NULL;
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* a system without large pages uses small ones */
        return memory;
    }
#endif
    return posix_memalign(&memory, 64, bytes ? bytes : 1) ? NULL : memory;
}
void release(void *memory) { free(memory); }
#endif

/* A waiting thread checks for work during this time, and then sleeps. Waking a thread takes 0.05 ms. The time between two
 * layers is shorter than this time, and so is the time between two calls in a loop that only computes. */
static const double CHECKING_SECONDS = 0.5e-3;

/* A round is one call of pool_run. The state of a pool is one number: the threads that work in the current round without
 * the caller, whether further threads may join it, and the number of rounds so far. A thread that waits reads only this
 * number, so threads that are awake begin and end a round without a lock. The mutex is only for threads that sleep.
 *
 * A thread that goes to sleep first announces this and then reads the state again. A thread that changes the state reads
 * the announcement afterwards. All these accesses have one order (__ATOMIC_SEQ_CST), so at least one of the two threads
 * sees what the other one wrote. */
typedef size_t State;
static const State WORKING = 0xffff, OPEN = 0x10000, ROUND = 0x20000;

static State round_of(State state) { return state / ROUND; }

typedef struct {
    Pool *pool;
    int index;
} Worker;

/* The units of a job that a thread takes first. No two shares are in one cache line of 64 bytes. */
typedef struct {
    int next, end; /* the first unit that no thread has taken, and the end of the share */
    char padding[64 - 2 * sizeof(int)];
} Share;

struct Pool {
    int threads;
    Thread *handles;
    Worker *workers;
    Mutex mutex;
    Condition begin, end;
    int sleeping; /* number of threads that sleep until the next round begins */
    int waiting;  /* whether the caller sleeps until the round ends */
    int stop;
    const Job *jobs; /* of the current round */
    int count;
    Share *shares; /* for each job, one for each thread */
    char padding[64]; /* the cache line of the state has nothing else that is written during a round */
    State state;
    char padding_after[64];
};

#define read_atomic(from) __atomic_load_n(from, __ATOMIC_SEQ_CST)
#define write_atomic(to, value) __atomic_store_n(to, value, __ATOMIC_SEQ_CST)

static int replace_state(Pool *pool, State *expected, State state) {
    return __atomic_compare_exchange_n(&pool->state, expected, state, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* The number of checks for work, and the time at which the thread should sleep. The time is 0 until the clock is read. */
typedef struct {
    int checks;
    double end;
} Wait;

/* Pause for a moment. Returns 0 if the thread should sleep instead of checking again. The clock is read rarely, because
 * that takes longer than a pause. */
static int may_check_again(Wait *wait) {
    relax();
    if (++wait->checks % 64) return 1;
    const double now = seconds_now();
    if (!wait->end) wait->end = now + CHECKING_SECONDS;
    return now < wait->end;
}

/* For each job, run the units of the thread's own share, in order, and then those that other threads have left. Most jobs
 * number their units in the order of the images. So if there are as many images as threads, each thread has its own image
 * in most layers. The output of the previous layer is then in the cache of its core. */
static void work(Pool *pool, int thread) {
    for (int i = 0; i < pool->count; i++) {
        const Job *job = &pool->jobs[i];
        for (int turn = 0; turn < pool->threads; turn++) {
            Share *share = &pool->shares[i * pool->threads + (thread + turn) % pool->threads];
            int unit;
            while ((unit = __atomic_fetch_add(&share->next, 1, __ATOMIC_RELAXED)) < share->end)
                job->function(job->context, unit, thread);
        }
    }
}

/* Wait until a round begins that is not round number `seen`. Returns the state of the pool. */
static State wait_for_round(Pool *pool, State seen) {
    State state;
    Wait wait = {0};
    do {
        state = read_atomic(&pool->state);
        if (round_of(state) != seen) return state;
    } while (may_check_again(&wait));
    mutex_lock(&pool->mutex);
    write_atomic(&pool->sleeping, pool->sleeping + 1);
    while (round_of(state = read_atomic(&pool->state)) == seen) condition_wait(&pool->begin, &pool->mutex);
    write_atomic(&pool->sleeping, pool->sleeping - 1);
    mutex_unlock(&pool->mutex);
    return state;
}

/* Join the threads that work in the current round. Returns 0 if that round has ended. */
static int join_round(Pool *pool, State state) {
    while (state & OPEN) {
        const State round = round_of(state);
        if (replace_state(pool, &state, state + 1)) return 1;
        if (round_of(state) != round) return 0;
    }
    return 0;
}

static THREAD_RESULT worker_main(void *argument) {
    Worker *worker = argument;
    Pool *pool = worker->pool;
    State seen = 0;
    for (;;) {
        const State state = wait_for_round(pool, seen);
        if (read_atomic(&pool->stop)) return 0;
        seen = round_of(state);
        if (!join_round(pool, state)) continue;
        work(pool, worker->index);
        const State left = __atomic_sub_fetch(&pool->state, 1, __ATOMIC_SEQ_CST);
        if (!(left & WORKING) && read_atomic(&pool->waiting)) {
            mutex_lock(&pool->mutex);
            condition_wake(&pool->end);
            mutex_unlock(&pool->mutex);
        }
    }
}

/* Begin the next round. If `open` is 0, no thread may join it. */
static void begin_round(Pool *pool, State open) {
    write_atomic(&pool->state, (round_of(read_atomic(&pool->state)) + 1) * ROUND + open);
    if (!read_atomic(&pool->sleeping)) return;
    mutex_lock(&pool->mutex);
    condition_wake(&pool->begin);
    mutex_unlock(&pool->mutex);
}

/* End the current round if no other thread works in it any more. Threads can then no longer join it. */
static int end_round(Pool *pool) {
    State state = read_atomic(&pool->state);
    return !(state & WORKING) && replace_state(pool, &state, state - OPEN);
}

Pool *pool_new(int threads) {
    if (threads < 1) threads = 1;
    Pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->handles = calloc((size_t)threads, sizeof *pool->handles);
    pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    pool->shares = allocate(MOST_JOBS * (size_t)threads * sizeof *pool->shares);
    if (!pool->handles || !pool->workers || !pool->shares) {
        free(pool->handles);
        free(pool->workers);
        release(pool->shares);
        free(pool);
        return NULL;
    }
    mutex_new(&pool->mutex);
    condition_new(&pool->begin);
    condition_new(&pool->end);
    pool->threads = 1;
    for (int i = 1; i < threads; i++) {
        pool->workers[i] = (Worker){pool, i};
        if (!thread_start(&pool->handles[i], worker_main, &pool->workers[i])) break;
        pool->threads++;
    }
    return pool;
}

void pool_free(Pool *pool) {
    if (!pool) return;
    write_atomic(&pool->stop, 1);
    begin_round(pool, 0);
    for (int i = 1; i < pool->threads; i++) thread_join(pool->handles[i]);
    condition_free(&pool->end);
    condition_free(&pool->begin);
    mutex_free(&pool->mutex);
    free(pool->handles);
    free(pool->workers);
    release(pool->shares);
    free(pool);
}

int pool_threads(const Pool *pool) { return pool->threads; }

void pool_run(Pool *pool, const Job *jobs, int count) {
    long long units = 0;
    for (int i = 0; i < count; i++) units += jobs[i].units;
    if (pool->threads == 1 || units <= 1) {
        for (int i = 0; i < count; i++) {
            for (int unit = 0; unit < jobs[i].units; unit++) jobs[i].function(jobs[i].context, unit, 0);
        }
        return;
    }
    pool->jobs = jobs;
    pool->count = count;
    for (int i = 0; i < count * pool->threads; i++) {
        const Job *job = &jobs[i / pool->threads];
        const int thread = i % pool->threads;
        pool->shares[i].next = (int)((long long)job->units * thread / pool->threads);
        pool->shares[i].end = (int)((long long)job->units * (thread + 1) / pool->threads);
    }
    begin_round(pool, OPEN);
    work(pool, 0);
    Wait wait = {0};
    do {
        if (end_round(pool)) return;
    } while (may_check_again(&wait));
    mutex_lock(&pool->mutex);
    write_atomic(&pool->waiting, 1);
    while (!end_round(pool)) condition_wait(&pool->end, &pool->mutex);
    write_atomic(&pool->waiting, 0);
    mutex_unlock(&pool->mutex);
}
