/* The choice of an instruction set, and the functions that Python calls for SSIM and for the version. */
#include "engine.h"

#include <string.h>

extern const Kernels eyediff_baseline_kernels;
#if defined(HAVE_X86_VARIANTS)
extern const Kernels eyediff_avx2_kernels, eyediff_avx512_kernels;
#endif

const Kernels *find_kernels(const char *name) {
    const Kernels *best = NULL; /* the instruction sets are offered in order, and the best one is last */
#define OFFER(kernels, usable) \
    if ((!name || !strcmp(name, (kernels).name)) && (usable)) best = &(kernels)
    OFFER(eyediff_baseline_kernels, 1);
#if defined(HAVE_X86_VARIANTS)
    __builtin_cpu_init();
    OFFER(eyediff_avx2_kernels, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    OFFER(eyediff_avx512_kernels, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"));
#endif
#undef OFFER
    return best;
}

EXPORT const char *eyediff_variant(const char *name) {
    const Kernels *kernels = find_kernels(name);
    return kernels ? kernels->name : NULL;
}

/* Compute SSIM. If `variant` is NULL, the best instruction set of this processor is used. Returns 0 on success, 1 if there
 * is not enough memory, and 2 if the arguments are invalid. */
EXPORT int eyediff_similarity(const char *variant, Similarity *task) {
    const Kernels *kernels = find_kernels(variant);
    if (!kernels || task->type < UINT8 || task->type > FLOAT32 || task->side < 1 || task->side > MOST_SIDE)
        return 2;
    if (task->height < task->side || task->width < task->side) return 2;
    return kernels->similarity(task);
}

/* Return the version of the exported functions. It changes when they change; library.py expects the same number. */
EXPORT int eyediff_interface(void) { return 2; }
