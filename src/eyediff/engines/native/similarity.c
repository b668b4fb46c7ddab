/* SSIM of two images, for one instruction set.
 *
 * metrics/ssim.py explains the formula, which uses s = a + b and d = a - b. Before s and d are filtered, their means over
 * the image are subtracted. The weighted sums over a window are separable. First the columns of `side` rows are summed,
 * then the rows of these sums. So only `side` rows of s and d are in memory. The three channels of a pixel are adjacent,
 * and all values of a row are computed together: the next value of the same channel is RGB values away. */
#include "engine.h"
#include "platform.h"

#include <string.h>

enum { RGB = 3, MOMENTS = 4 };

/* Add a + b and a - b of each value of a row to the sums, or write them to s and d without their means. */
#define ROW(name, Value)                                                                                              \
    static void add_##name(const Similarity *task, int y, float *s, float *d) {                                       \
        const Value *a = (const Value *)task->a + y * task->a_row, *b = (const Value *)task->b + y * task->b_row;      \
        for (int i = 0; i < RGB * task->width; i++) {                                                                 \
            s[i] += (float)a[i] + (float)b[i];                                                                        \
            d[i] += (float)a[i] - (float)b[i];                                                                        \
        }                                                                                                             \
    }                                                                                                                 \
    static void centre_##name(const Similarity *task, int y, float gain, const float *mean_s, const float *mean_d,     \
                              float *s, float *d) {                                                                   \
        const Value *a = (const Value *)task->a + y * task->a_row, *b = (const Value *)task->b + y * task->b_row;      \
        for (int i = 0; i < RGB * task->width; i++) {                                                                 \
            s[i] = ((float)a[i] + (float)b[i] - mean_s[i]) * gain;                                                    \
            d[i] = ((float)a[i] - (float)b[i] - mean_d[i]) * gain;                                                    \
        }                                                                                                             \
    }

ROW(uint8, uint8_t)
ROW(uint16, uint16_t)
ROW(float32, float)

static void add_row(const Similarity *task, int y, float *s, float *d) {
    switch (task->type) {
    case UINT8: add_uint8(task, y, s, d); break;
    case UINT16: add_uint16(task, y, s, d); break;
    default: add_float32(task, y, s, d);
    }
}

static void centre_row(const Similarity *task, int y, float gain, const float *mean_s, const float *mean_d, float *s,
                       float *d) {
    switch (task->type) {
    case UINT8: centre_uint8(task, y, gain, mean_s, mean_d, s, d); break;
    case UINT16: centre_uint16(task, y, gain, mean_s, mean_d, s, d); break;
    default: centre_float32(task, y, gain, mean_s, mean_d, s, d);
    }
}

/* Replace the sums over the columns by the mean over the image, for each channel. */
static void average(float *sums, int height, int width) {
    for (int channel = 0; channel < RGB; channel++) {
        double total = 0;
        for (int i = channel; i < RGB * width; i += RGB) total += (double)sums[i];
        const float mean = (float)(total / ((double)height * (double)width));
        for (int i = channel; i < RGB * width; i += RGB) sums[i] = mean;
    }
}

/* Sum the columns of a window: s, d, s^2 and d^2, weighted, at each of `count` values. `s` and `d` are rows. */
static void sum_columns(const Similarity *task, float *const *s, float *const *d, int count, float *const *moments) {
    for (int i = 0; i < count; i += LANES) {
        Vector sums[MOMENTS] = {{0}};
        for (int k = 0; k < task->side; k++) {
            const Vector of_s = vector_load(s[k] + i), of_d = vector_load(d[k] + i);
            const Vector weighted_s = of_s * task->weights[k], weighted_d = of_d * task->weights[k];
            sums[0] += weighted_s;
            sums[1] += weighted_d;
            sums[2] += weighted_s * of_s;
            sums[3] += weighted_d * of_d;
        }
        for (int m = 0; m < MOMENTS; m++) vector_store(moments[m] + i, sums[m]);
    }
}

/* Complete the sums of the windows in a row, and compute their SSIM, or only cs. */
static void compare_windows(const Similarity *task, float *const *moments, int count, float gain, const float *mean_s,
                            const float *mean_d, float *scores) {
    for (int i = 0; i < count; i += LANES) {
        Vector sums[MOMENTS] = {{0}};
        for (int k = 0; k < task->side; k++) {
            for (int m = 0; m < MOMENTS; m++) sums[m] += vector_load(moments[m] + i + k * RGB) * task->weights[k];
        }
        const Vector variance_s = sums[2] - sums[0] * sums[0] + 2 * task->c2;
        const Vector variance_d = sums[3] - sums[1] * sums[1];
        Vector score = (variance_s - variance_d) / (variance_s + variance_d);
        if (task->luminance) { /* means on a scale where black is 0 */
            const Vector of_s = sums[0] + vector_load(mean_s + i) * gain, of_d = sums[1] + vector_load(mean_d + i) * gain;
            const Vector both = of_s * of_s + 2 * task->c1, apart = of_d * of_d;
            score *= (both - apart) / (both + apart);
        }
        vector_store(scores + i, score);
    }
}

static void write_map(const float *scores, int count, float *map) {
    const float third = 1.0f / RGB;
    for (int x = 0; x < count; x++)
        map[x] = scores[RGB * x] * third + scores[RGB * x + 1] * third + scores[RGB * x + 2] * third;
}

int VARIANT_NAME(_similarity)(Similarity *task);

int VARIANT_NAME(_similarity)(Similarity *task) {
    const int side = task->side, values = RGB * task->width, count = values - RGB * (side - 1);
    const float gain = 2.0f / white_of(task->type);
    /* The memory has lines of equal length: two for the totals in double precision, the means of s and d, the moments, the
     * scores, and `side` rows of s and d. */
    enum { MEAN_S = 2, MEAN_D, OF_MOMENTS, SCORES = OF_MOMENTS + MOMENTS, ROWS };
    const size_t line = ((size_t)values + SLACK + BLOCK - 1) / BLOCK * BLOCK; /* whole cache lines */
    const size_t bytes = (ROWS + 2 * (size_t)side) * line * sizeof(float);
    float *memory = allocate(bytes);
    if (!memory) return 1;
    memset(memory, 0, bytes);
    double *totals = (double *)memory;
    float *mean_s = memory + MEAN_S * line, *mean_d = memory + MEAN_D * line, *scores = memory + SCORES * line;
    float *moments[MOMENTS];
    for (int m = 0; m < MOMENTS; m++) moments[m] = memory + (size_t)(OF_MOMENTS + m) * line;

    for (int y = 0; y < task->height; y++) add_row(task, y, mean_s, mean_d);
    average(mean_s, task->height, task->width);
    average(mean_d, task->height, task->width);
    for (int y = 0; y < task->height; y++) {
        float *s[MOST_SIDE], *d[MOST_SIDE];
        for (int k = 0; k < side; k++) { /* the rows y - side + 1 .. y, of which row y replaces an older one */
            s[k] = memory + (ROWS + 2 * (size_t)((y + 1 + k) % side)) * line;
            d[k] = s[k] + line;
        }
        centre_row(task, y, gain, mean_s, mean_d, s[side - 1], d[side - 1]);
        if (y < side - 1) continue;
        sum_columns(task, s, d, values, moments);
        compare_windows(task, moments, count, gain, mean_s, mean_d, scores);
        for (int i = 0; i < count; i++) totals[i] += (double)scores[i];
        if (task->map) write_map(scores, count / RGB, task->map + (size_t)(y - side + 1) * (size_t)(count / RGB));
    }
    const double windows = (double)(task->height - side + 1) * (double)(count / RGB);
    for (int channel = 0; channel < RGB; channel++) {
        double total = 0;
        for (int i = channel; i < count; i += RGB) total += totals[i];
        task->means[channel] = total / windows;
    }
    release(memory);
    return 0;
}
