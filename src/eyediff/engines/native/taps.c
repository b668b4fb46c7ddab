/* Unit vectors of features and their differences, for one instruction set.
 *
 * This file is compiled without contraction, which computes a * b + c with a single rounding. The distance from a to b
 * must equal the distance from b to a in every bit. The distance to features that were computed before must equal the
 * distance to the pixels. For both, a * (1 / length) must be rounded before the subtraction. */
#include "engine.h"

#include <math.h>

static inline float sum_of(const Vector *vectors) {
    Vector total = vectors[0];
    for (int v = 1; v < VECTORS; v++) total += vectors[v];
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += total[i];
    return sum;
}

void VARIANT_NAME(_unit)(const Map *map, int image, int row, float *units);
double VARIANT_NAME(_difference)(const float *a, const float *b, const float *weights, int width, int blocks, float *terms);

void VARIANT_NAME(_unit)(const Map *map, int image, int row, float *units) {
    const size_t plane = map_plane(map);
    for (int x = 0; x < map->width; x++) {
        const float *feature = map_at(map, image, 0, map->top + row, map->left + x);
        Vector squares[VECTORS];
        for (int v = 0; v < VECTORS; v++) squares[v] = (Vector){0};
        for (int b = 0; b < map->blocks; b++) {
            for (int v = 0; v < VECTORS; v++) {
                const Vector value = *(const Vector *)(feature + (size_t)b * plane + v * LANES);
                squares[v] += value * value;
            }
        }
        const float scale = 1.0f / (sqrtf(sum_of(squares)) + 1e-10f);
        for (int b = 0; b < map->blocks; b++) {
            for (int v = 0; v < VECTORS; v++) {
                const Vector value = *(const Vector *)(feature + (size_t)b * plane + v * LANES);
                *(Vector *)units = value * scale;
                units += LANES;
            }
        }
    }
}

double VARIANT_NAME(_difference)(const float *a, const float *b, const float *weights, int width, int blocks, float *terms) {
    double total = 0;
    for (int x = 0; x < width; x++) {
        Vector sums[VECTORS];
        for (int v = 0; v < VECTORS; v++) sums[v] = (Vector){0};
        for (int k = 0; k < blocks; k++) {
            for (int v = 0; v < VECTORS; v++) {
                const int at = k * BLOCK + v * LANES;
                const Vector apart = *(const Vector *)(a + at) - *(const Vector *)(b + at);
                sums[v] += apart * apart * *(const Vector *)(weights + at);
            }
        }
        terms[x] = sum_of(sums);
        total += (double)terms[x];
        a += blocks * BLOCK;
        b += blocks * BLOCK;
    }
    return total;
}
