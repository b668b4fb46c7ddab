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
void *allocate(size_t bytes) { return _aligned_malloc(bytes ? bytes : 1, 64); }
void release(void *memory) { _aligned_free(memory); }
#else
#include <pthread.h>
#include <sys/mman.h>

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

/* Number of times that a thread checks for work before it sleeps. The checks take up to 0.1 ms, depending on the
 * processor. The time between two layers is shorter, so a thread sleeps only after a call, or if another thread has much
 * more work. */
enum { SPINS = 2000 };

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
    unsigned round; /* number of jobs so far; read without the lock while a thread waits for a job */
    int stop;
    Job job; /* NULL between jobs */
    void *context;
    Share *shares; /* one for each thread */
    int active; /* number of threads that work on this job, without the caller */
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* Run the units of the thread's own share, in order, and then those that other threads have left. Most jobs number their
 * units in the order of the images. So if there are as many images as threads, each thread has its own image in most
 * layers. The output of the previous layer is then in the cache of its core. */
static void work(Pool *pool, Job job, void *context, int thread) {
    for (int turn = 0; turn < pool->threads; turn++) {
        Share *share = &pool->shares[(thread + turn) % pool->threads];
        int unit;
        while ((unit = __atomic_fetch_add(&share->next, 1, __ATOMIC_RELAXED)) < share->end) job(context, unit, thread);
    }
}

static THREAD_RESULT worker_main(void *argument) {
    Worker *worker = argument;
    Pool *pool = worker->pool;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && __atomic_load_n(&pool->round, __ATOMIC_RELAXED) == seen; i++) relax();
        mutex_lock(&pool->mutex);
        while (pool->round == seen && !pool->stop) condition_wait(&pool->begin, &pool->mutex);
        if (pool->stop) break;
        seen = pool->round;
        const Job job = pool->job;
        void *context = pool->context;
        if (job) __atomic_add_fetch(&pool->active, 1, __ATOMIC_RELAXED);
        mutex_unlock(&pool->mutex);
        if (!job) continue; /* the job ended before this thread woke up */
        work(pool, job, context, worker->index);
        mutex_lock(&pool->mutex);
        /* The caller may read this counter without the lock. The release here pairs with the acquire there. */
        if (__atomic_sub_fetch(&pool->active, 1, __ATOMIC_RELEASE) == 0) condition_wake(&pool->end);
        mutex_unlock(&pool->mutex);
    }
    mutex_unlock(&pool->mutex);
    return 0;
}

Pool *pool_new(int threads) {
    if (threads < 1) threads = 1;
    Pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->handles = calloc((size_t)threads, sizeof *pool->handles);
    pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    pool->shares = allocate((size_t)threads * sizeof *pool->shares);
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
    mutex_lock(&pool->mutex);
    pool->stop = 1;
    condition_wake(&pool->begin);
    mutex_unlock(&pool->mutex);
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

void pool_run(Pool *pool, Job job, void *context, int units) {
    if (pool->threads == 1 || units <= 1) {
        for (int unit = 0; unit < units; unit++) job(context, unit, 0);
        return;
    }
    mutex_lock(&pool->mutex);
    pool->job = job;
    pool->context = context;
    for (int i = 0; i < pool->threads; i++) {
        __atomic_store_n(&pool->shares[i].next, (int)((long long)units * i / pool->threads), __ATOMIC_RELAXED);
        pool->shares[i].end = (int)((long long)units * (i + 1) / pool->threads);
    }
    __atomic_store_n(&pool->round, pool->round + 1, __ATOMIC_RELAXED);
    condition_wake(&pool->begin);
    mutex_unlock(&pool->mutex);
    work(pool, job, context, 0);
    for (int i = 0; i < SPINS && __atomic_load_n(&pool->active, __ATOMIC_ACQUIRE); i++) relax();
    mutex_lock(&pool->mutex);
    pool->job = NULL; /* a thread that wakes up later finds no job */
    while (pool->active) condition_wait(&pool->end, &pool->mutex);
    mutex_unlock(&pool->mutex);
}
