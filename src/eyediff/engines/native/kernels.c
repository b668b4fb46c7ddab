/* Convolutions, pooling and the conversion of pixels. hatch_build.py compiles this file once for each instruction set.
 *
 * The code uses the vector types of GCC and Clang, so it is the same for AVX-512, AVX2, SSE2 and NEON. The size of a
 * vector and the number of accumulators in registers differ. VARIANT is the name of the instruction set. */
#include "engine.h"

#include <string.h>

/* places x group x VECTORS accumulators, group x VECTORS weights and one input are kept in registers. The comments count
 * the registers in this order. A layer has groups of LARGE_GROUP blocks if this number divides its blocks, because an
 * input is then loaded less often. Otherwise, it has groups of GROUP blocks. */
#if VECTOR_BYTES == 64 /* 32 registers: 28 + 2 + 1, or 24 + 4 + 1 */
enum { PLACES = 14, GROUP = 2, PLACES_OF_LARGE = 6, LARGE_GROUP = 4 };
#elif VECTOR_BYTES == 32 /* 16 registers: 12 + 2 + 1 */
enum { PLACES = 6, GROUP = 1, PLACES_OF_LARGE = PLACES, LARGE_GROUP = GROUP };
#elif defined(__aarch64__) /* 32 registers: 24 + 4 + 1 */
enum { PLACES = 6, GROUP = 1, PLACES_OF_LARGE = PLACES, LARGE_GROUP = GROUP };
#else /* 16 registers: 12 + 4, and the input is reloaded */
enum { PLACES = 3, GROUP = 1, PLACES_OF_LARGE = PLACES, LARGE_GROUP = GROUP };
#endif

/* Number of Winograd tiles that a thread computes at once: a multiple of PLACES. It was chosen by measurement, on
 * processors with 2 MB (AVX-512) and 512 KB (AVX2) of second-level cache for each core. */
#if VECTOR_BYTES == 64
enum { OWN_TILES = 28 };
#else
enum { OWN_TILES = 12 };
#endif

/* Number of input blocks whose products are summed before this sum is added to the total. Sums of short sums have a
 * smaller rounding error than one long sum. */
enum { SUMMED_BLOCKS = 4 };

typedef int32_t Mask __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Return max(x, 0). A NaN is returned as NaN. */
INLINE Vector relu(Vector x) {
    const Mask negative = (Mask)(x < (Vector){0});
    return (Vector)(~negative & (Mask)x);
}

/* Return the larger one of two values. If one of them is NaN, the result is NaN. */
INLINE Vector larger(Vector x, Vector y) {
    const Mask take = (Mask)(y > x) | (Mask)(y != y);
    return (Vector)((take & (Mask)y) | (~take & (Mask)x));
}

/* ---- products */

enum { LINE = 16 }; /* floats of a cache line */

/* Compute a product for a number of places. `places` and `group` are constants at each call, so that the accumulators are
 * registers. With each block of inputs, the next `lines` cache lines at `coming` are fetched for later calls. */
INLINE void multiply_places(const int places, const int group, const Product *p, const float *a, const float *weights,
                            const float *bias, float *c, const int blocks, const float *coming, const int lines) {
    const int vectors = group * VECTORS;
    Vector sums[PLACES][LARGE_GROUP * VECTORS], totals[PLACES][LARGE_GROUP * VECTORS];
    UNROLL for (int t = 0; t < places; t++) {
        UNROLL for (int v = 0; v < vectors; v++) sums[t][v] = (Vector){0};
    }
    for (int start = 0;; start += SUMMED_BLOCKS) {
        const int end = start + SUMMED_BLOCKS < p->inputs ? start + SUMMED_BLOCKS : p->inputs;
        for (int b = start; b < end; b++) {
            const float *x = a + p->offsets[b];
            for (int line = 0; line < lines; line++, coming += LINE) __builtin_prefetch(coming);
            for (int k = 0; k < p->used; k++) {
                Vector w[LARGE_GROUP * VECTORS];
                UNROLL for (int v = 0; v < vectors; v++) w[v] = vector_load(weights + v * LANES);
                UNROLL for (int t = 0; t < places; t++) {
                    const float input = x[(size_t)t * p->step + (size_t)k];
                    UNROLL for (int v = 0; v < vectors; v++) sums[t][v] += input * w[v];
                }
                weights += group * BLOCK;
            }
        }
        if (start) {
            UNROLL for (int t = 0; t < places; t++) {
                UNROLL for (int v = 0; v < vectors; v++) sums[t][v] += totals[t][v];
            }
        }
        if (end == p->inputs) break;
        UNROLL for (int t = 0; t < places; t++) {
            UNROLL for (int v = 0; v < vectors; v++) {
                totals[t][v] = sums[t][v];
                sums[t][v] = (Vector){0};
            }
        }
    }
    UNROLL for (int g = 0; g < group; g++) {
        UNROLL for (int t = 0; t < places; t++) {
            UNROLL for (int v = 0; v < VECTORS; v++) {
                Vector sum = sums[t][g * VECTORS + v];
                if (g >= blocks) continue; /* the last group may have no second block */
                if (bias) sum = relu(sum + vector_load(bias + g * BLOCK + v * LANES));
                vector_store(c + (size_t)g * p->plane + (size_t)t * BLOCK + v * LANES, sum);
            }
        }
    }
}

#define CASE(group, places)                                                              \
    case places:                                                                         \
        multiply_places(places, group, p, a, weights, bias, c, blocks, coming, lines); \
        break

static void multiply_some(int places, const Product *p, const float *a, const float *weights, const float *bias, float *c,
                          int blocks, const float *coming, int lines) {
#if VECTOR_BYTES == 64
    if (p->group == LARGE_GROUP) {
        switch (places) {
            CASE(LARGE_GROUP, 1);
            CASE(LARGE_GROUP, 2);
            CASE(LARGE_GROUP, 3);
            CASE(LARGE_GROUP, 4);
            CASE(LARGE_GROUP, 5);
            CASE(LARGE_GROUP, 6);
        }
        return;
    }
#endif
    switch (places) {
        CASE(GROUP, 1);
        CASE(GROUP, 2);
        CASE(GROUP, 3);
#if VECTOR_BYTES == 32 || VECTOR_BYTES == 64 || defined(__aarch64__)
        CASE(GROUP, 4);
        CASE(GROUP, 5);
        CASE(GROUP, 6);
#endif
#if VECTOR_BYTES == 64
        CASE(GROUP, 7);
        CASE(GROUP, 8);
        CASE(GROUP, 9);
        CASE(GROUP, 10);
        CASE(GROUP, 11);
        CASE(GROUP, 12);
        CASE(GROUP, 13);
        CASE(GROUP, 14);
#endif
    }
}

/* Return the number of output blocks that are computed together in a layer with this number of output blocks. */
static int group_of(int blocks) { return blocks % LARGE_GROUP ? GROUP : LARGE_GROUP; }

/* All places are computed with the weights of one group, then with those of the next group, so that the weights of a
 * group stay in the first-level cache. The places are divided into nearly equal parts. Each part also fetches its share
 * of the weights of the next group. Otherwise, the first part of each group would wait for the memory. */
static void multiply(const Product *p) {
    const int places = p->group == LARGE_GROUP ? PLACES_OF_LARGE : PLACES;
    const int parts = (p->positions + places - 1) / places;
    const size_t group_weights = (size_t)p->inputs * (size_t)p->used * (size_t)p->group * BLOCK;
    for (int block = 0; block < p->blocks; block += p->group) {
        const float *weights = p->weights + (size_t)(block / p->group) * group_weights;
        const float *bias = p->bias ? p->bias + (size_t)block * BLOCK : NULL;
        float *c = p->c + (size_t)block * p->plane;
        const float *coming = weights + group_weights;
        const int lines = (p->used * p->group * BLOCK / LINE + parts - 1) / parts;
        int first = 0;
        for (int part = 0; part < parts; part++) {
            const int end = (int)((long long)p->positions * (part + 1) / parts);
            multiply_some(end - first, p, p->a + (size_t)first * p->step, weights, bias, c + (size_t)first * BLOCK,
                          p->blocks - block, coming, lines);
            coming += (size_t)p->inputs * (size_t)lines * LINE;
            first = end;
        }
    }
}

/* ---- Winograd's transforms: the functions of transforms.h are applied to columns, then to rows, for one vector of
 * channels at a time. The loops are unrolled, so that the loads and stores of a column overlap with the arithmetic of
 * another column. */

#include "transform_tables.h"
#include "transforms.h"

/* Compute G g G^T for BLOCK kernels g, in double precision. */
INLINE void transform_kernels(const int side, const int n, const double *g, const float *from, size_t from_step,
                              float *to, size_t to_step) {
    double rows[6][5][BLOCK] = {{{0}}}; /* G g */
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            double tap[BLOCK];
            for (int o = 0; o < BLOCK; o++) tap[o] = (double)from[(size_t)o * from_step + (size_t)(y * side + x)];
            for (int i = 0; i < n; i++) {
                for (int o = 0; o < BLOCK; o++) rows[i][x][o] += g[i * side + y] * tap[o];
            }
        }
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            double sum[BLOCK] = {0};
            for (int x = 0; x < side; x++) {
                for (int o = 0; o < BLOCK; o++) sum[o] += rows[i][x][o] * g[j * side + x];
            }
            for (int o = 0; o < BLOCK; o++) to[(size_t)(i * n + j) * to_step + (size_t)o] = (float)sum[o];
        }
    }
}

#define TRANSFORM(name, SIDE, STRIDE, M, N)                                                                            \
    static void name##_input_tile(const float *x, size_t row, int lanes, int used, float *y, size_t stride) {          \
        for (int c = 0; c < used; c += LANES) {                                                                        \
            Vector half[N * N];                                                                                        \
            UNROLL for (int j = 0; j < N; j++) {                                                                       \
                Vector column[N];                                                                                      \
                UNROLL for (int i = 0; i < N; i++)                                                                     \
                    column[i] = vector_load(x + (size_t)i * row + (size_t)j * (size_t)lanes + c);                      \
                name##_input(column, 1, half + j, N);                                                                  \
            }                                                                                                          \
            UNROLL for (int i = 0; i < N; i++) {                                                                       \
                Vector values[N];                                                                                      \
                name##_input(half + i * N, 1, values, 1);                                                              \
                UNROLL for (int j = 0; j < N; j++) vector_store(y + (size_t)(i * N + j) * stride + c, values[j]);      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void name##_output_tile(const float *x, size_t stride, const float *bias, float *y, size_t row, int rows,   \
                                   int columns) {                                                                      \
        for (int c = 0; c < BLOCK; c += LANES) {                                                                       \
            Vector half[M * N];                                                                                        \
            const Vector add = vector_load(bias + c);                                                                  \
            UNROLL for (int j = 0; j < N; j++) {                                                                       \
                Vector column[N], outputs[M];                                                                          \
                UNROLL for (int i = 0; i < N; i++) column[i] = vector_load(x + (size_t)(i * N + j) * stride + c);      \
                name##_output(column, 1, outputs);                                                                     \
                UNROLL for (int i = 0; i < M; i++) half[i * N + j] = outputs[i];                                       \
            }                                                                                                          \
            for (int i = 0; i < rows; i++) {                                                                           \
                Vector outputs[M];                                                                                     \
                name##_output(half + i * N, 1, outputs);                                                               \
                UNROLL for (int j = 0; j < M; j++) {                                                                   \
                    if (j < columns) vector_store(y + (size_t)i * row + (size_t)(j * BLOCK + c), relu(outputs[j] + add)); \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void name##_transform_kernels(const float *from, size_t from_step, float *to, size_t to_step) {             \
        transform_kernels(SIDE, N, &name##_kernel[0][0], from, from_step, to, to_step);                                \
    }                                                                                                                  \
    static const Transform name##_transform = {SIDE, STRIDE, M, N, name##_transform_kernels, name##_input_tile,        \
                                               name##_output_tile};

TRANSFORM(f4x3, 3, 1, 4, 6)
TRANSFORM(f2x5, 5, 1, 2, 6)
TRANSFORM(f2x3_stride2, 3, 2, 2, 5)

static const Transform *const TRANSFORMS[] = {&f4x3_transform, &f2x5_transform, &f2x3_stride2_transform};

static const Transform *transform(int side, int stride) {
    for (size_t i = 0; i < sizeof TRANSFORMS / sizeof *TRANSFORMS; i++) {
        if (TRANSFORMS[i]->side == side && TRANSFORMS[i]->stride == stride) return TRANSFORMS[i];
    }
    return NULL;
}

/* ---- pooling */

static void pool(const Map *from, const Map *to, int image, int block, int row, int size, int stride) {
    const int last_row = from->top + from->height, last_column = from->left + from->width;
    const int first_row = row * stride;
    const int end_row = first_row + size < last_row ? first_row + size : last_row;
    for (int x = 0; x < to->width; x++) {
        const int first_column = from->left + x * stride;
        const int end_column = first_column + size < last_column ? first_column + size : last_column;
        float *out = map_at(to, image, block, to->top + row, to->left + x);
        for (int c = 0; c < BLOCK; c += LANES) {
            Vector most = vector_load(map_at(from, image, block, first_row, first_column) + c);
            for (int i = first_row; i < end_row; i++) {
                const float *in = map_at(from, image, block, i, 0) + c;
                for (int j = first_column; j < end_column; j++) most = larger(most, vector_load(in + (size_t)j * BLOCK));
            }
            vector_store(out + c, most);
        }
    }
}

/* ---- pixels */

enum { MOST_FOLD = 4, PLACES_AT_ONCE = 32, MOST_LANES = 3 * MOST_FOLD * MOST_FOLD };

/* Channel c of the place at `out`. */
#define CHANNEL(c) out[(size_t)((c) / BLOCK) * plane + (size_t)((c) % BLOCK)]

/* `fold` is a constant at each call of load_*_places. Places without pixels outside the image are computed together: the
 * compiler uses vectors to convert their rows to floats, and to scale them after they have the order of the channels. */
#define LOAD(name, Value)                                                                                              \
    INLINE void load_##name##_places(const int fold, const Image *image, int row, int column, int turned,              \
                                     const float *gain, const float *offset, const Map *to, int number, int to_row) {  \
        const int run = 3 * fold, channels = run * fold, block = fold > 1 ? BLOCK : LANES_OF_PIXELS;                   \
        const int lanes = (channels + block - 1) / block * block;                                                      \
        const int close = image->column == 3 && !turned && row >= 0 && row + fold <= image->height;                    \
        float lines[PLACES_AT_ONCE * 3 * MOST_FOLD], values[PLACES_AT_ONCE * MOST_LANES];                              \
        float gains[MOST_LANES] = {0}, offsets[MOST_LANES] = {0};                                                      \
        if (channels < lanes) memset(values, 0, (size_t)(PLACES_AT_ONCE * lanes) * sizeof *values);                    \
        for (int c = 0; c < channels; c++) {                                                                           \
            gains[c] = gain[c % 3];                                                                                    \
            offsets[c] = offset[c % 3];                                                                                \
        }                                                                                                              \
        float *out = map_at(to, number, 0, to_row, to->left);                                                          \
        const size_t plane = map_plane(to);                                                                            \
        const Value *pixels = (const Value *)image->data + (ptrdiff_t)row * image->row;                                \
        for (int x = 0; x < to->width;) {                                                                              \
            const int left = column + x * fold;                                                                        \
            int places = close && left >= 0 ? (image->width - left) / fold : 0;                                        \
            if (places > to->width - x) places = to->width - x;                                                        \
            if (places > PLACES_AT_ONCE) places = PLACES_AT_ONCE;                                                      \
            if (places > 0) {                                                                                          \
                for (int i = 0; i < fold; i++) {                                                                       \
                    const Value *line = pixels + i * image->row + 3 * left;                                            \
                    for (int j = 0; j < places * run; j++) lines[j] = (float)line[j];                                  \
                    for (int p = 0; p < places; p++)                                                                   \
                        memcpy(values + p * lanes + i * run, lines + p * run, (size_t)run * sizeof *values);           \
                }                                                                                                      \
                for (int p = 0; p < places; p++, x++, out += block) {                                                  \
                    for (int b = 0; b < lanes; b += block) {                                                           \
                        float *to_block = out + (size_t)(b / block) * plane;                                           \
                        for (int c = b; c < b + block; c++) to_block[c - b] = values[p * lanes + c] * gains[c] + offsets[c];\
                    }                                                                                                  \
                }                                                                                                      \
                continue;                                                                                              \
            }                                                                                                          \
            for (int i = 0; i < fold; i++) {                                                                           \
                for (int j = 0; j < fold; j++) {                                                                       \
                    const int y = row + i, across = left + j;                                                          \
                    const int inside = y >= 0 && y < image->height && across >= 0 && across < image->width;            \
                    const Value *pixel = pixels + i * image->row + across * image->column;                             \
                    const int first = 3 * (turned ? j * fold + i : i * fold + j);                                      \
                    for (int k = 0; k < 3; k++) CHANNEL(first + k) = inside ? (float)pixel[k] * gain[k] + offset[k] : 0;\
                }                                                                                                      \
            }                                                                                                          \
            for (int c = channels; c < lanes; c++) CHANNEL(c) = 0;                                                     \
            out += block;                                                                                              \
            x++;                                                                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    static void load_##name(const Image *image, int row, int column, int fold, int turned, const float *gain,          \
                            const float *offset, const Map *to, int number, int to_row) {                              \
        switch (fold) {                                                                                                \
        case 1: load_##name##_places(1, image, row, column, turned, gain, offset, to, number, to_row); break;          \
        case 2: load_##name##_places(2, image, row, column, turned, gain, offset, to, number, to_row); break;          \
        case 4: load_##name##_places(4, image, row, column, turned, gain, offset, to, number, to_row); break;          \
        default: load_##name##_places(fold, image, row, column, turned, gain, offset, to, number, to_row);             \
        }                                                                                                              \
    }

LOAD(uint8, uint8_t)
LOAD(uint16, uint16_t)
LOAD(float32, float)

static void load(const Image *image, int row, int column, int fold, int turned, const float *gain, const float *offset,
                 const Map *to, int number, int to_row) {
    switch (image->type) {
    case UINT8: load_uint8(image, row, column, fold, turned, gain, offset, to, number, to_row); break;
    case UINT16: load_uint16(image, row, column, fold, turned, gain, offset, to, number, to_row); break;
    case FLOAT32: load_float32(image, row, column, fold, turned, gain, offset, to, number, to_row); break;
    }
}

/* ---- the table */

void VARIANT_NAME(_unit)(const Map *map, int image, int row, float *units); /* taps.c */
double VARIANT_NAME(_difference)(const float *a, const float *b, const float *weights, int width, int blocks, float *terms);
int VARIANT_NAME(_similarity)(Similarity *task); /* similarity.c */

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
extern const Kernels VARIANT_NAME(_kernels);
const Kernels VARIANT_NAME(_kernels) = {
    .name = TEXT(VARIANT),
    .group_of = group_of,
    .own_tiles = OWN_TILES,
    .transform = transform,
    .multiply = multiply,
    .load = load,
    .pool = pool,
    .unit = VARIANT_NAME(_unit),
    .difference = VARIANT_NAME(_difference),
    .similarity = VARIANT_NAME(_similarity),
};
