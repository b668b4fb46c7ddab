/* What the files of the native engine share: the layout of feature maps, and the functions that each instruction set has.
 *
 * The engine computes LPIPS from pixels to distances. network.c knows the layers, their sizes and the memory; it calls
 * the functions of a Kernels table, of which there is one for each instruction set, compiled from the same two files:
 * kernels.c (convolutions, pooling, pixels) and taps.c (unit normalisation, differences, weights, maps). */
#ifndef EYEDIFF_ENGINE_H
#define EYEDIFF_ENGINE_H

#include <stddef.h>
#include <stdint.h>

/* Channels that lie together in memory: one vector of AVX-512, two of AVX2, four of SSE or NEON. Every feature map of the
 * supported networks has a multiple of them. Pixels have three channels and take LANES_OF_PIXELS. */
enum { BLOCK = 16, LANES_OF_PIXELS = 4 };

/* Floats behind every buffer that a vector, loaded at the last pixel, may reach into. */
enum { SLACK = 64 };

/* Feature maps of several images: images x blocks x rows x columns x lanes floats.
 *
 * The border holds what the next layer sees around the images: zeros at the sides, and above and below either zeros or,
 * where an image goes strip by strip, rows of the strip before. Winograd tiles that reach over the end see zeros, too. */
typedef struct {
    float *data;
    int images, channels, blocks, lanes;
    int height, width; /* without the border */
    int top, left;     /* border before the first row and column */
    int rows, columns; /* with the border */
} Map;

static inline size_t map_plane(const Map *map) { return (size_t)map->rows * (size_t)map->columns * (size_t)map->lanes; }

static inline size_t map_floats(const Map *map) {
    return (size_t)map->images * (size_t)map->blocks * map_plane(map);
}

/* The place of a row and column, counted from the first of the border. */
static inline float *map_at(const Map *map, int image, int block, int row, int column) {
    const size_t plane = (size_t)image * (size_t)map->blocks + (size_t)block;
    return map->data + plane * map_plane(map) +
           ((size_t)row * (size_t)map->columns + (size_t)column) * (size_t)map->lanes;
}

static inline int blocks_of(int channels) { return (channels + BLOCK - 1) / BLOCK; }

/* Winograd's transforms for one kernel size: tiles of n x n inputs give m x m outputs (generate_transforms.py). */
typedef struct {
    int m, n;
    /* Transform a tile of one channel block. `x`: its first pixel, rows `row` floats and pixels `lanes` floats apart;
     * of each pixel `used` channels. Values of the n * n points go to `y`, `stride` floats apart. */
    void (*input)(const float *x, size_t row, int lanes, int used, float *y, size_t stride);
    /* Transform back, add the bias, apply the ReLU, and write `rows` x `columns` pixels, at most m x m. */
    void (*output)(const float *x, size_t stride, const float *bias, float *y, size_t row, int rows, int columns);
} Transform;

/* A product of matrices: at each of `positions` places, the sum over all inputs times weights, for every output channel.
 *
 * Inputs: at place t and k < `used` of input block b they lie at a + t * step + offsets[b] + k.
 * Weights: [group][block][k][outputs of a group]. Outputs: block o of place t lies at c + o * plane + t * BLOCK; of the last
 * group only the blocks below `blocks` are written. `bias` NULL: the sums as they are; else with bias and ReLU. */
typedef struct {
    const float *a;
    size_t step;
    const size_t *offsets;
    int inputs, used;
    const float *weights;
    const float *bias;
    float *c;
    size_t plane;
    int blocks;
    int positions;
} Product;

typedef enum { UINT8, UINT16, FLOAT32 } PixelType;

/* Images as they are stored: three values a pixel, one after the other; strides in values. */
typedef struct {
    const void *data;
    PixelType type;
    ptrdiff_t row, column;
    int height, width;
} Image;

typedef struct {
    const char *name;
    int group;                     /* output blocks that `multiply` makes at once: how weights are laid out */
    const Transform *(*transform)(int kernel); /* NULL where the kernel size has none */
    void (*multiply)(const Product *product);
    /* One row of the network's input. `fold` 1: pixels as they are; else fold x fold pixels become the channels of one
     * place (`turned`: columns before rows). The row's first pixel is (row, column) of the image; what lies outside is 0.
     * A value v of channel k becomes v * gain[k] + offset[k]. */
    void (*load)(const Image *image, int row, int column, int fold, int turned, const float *gain, const float *offset,
                 const Map *to, int number, int to_row);
    /* One row of a maximum over size x size windows; windows end at the image's last row and column. */
    void (*pool)(const Map *from, const Map *to, int image, int block, int row, int size, int stride);
    /* A row of feature vectors divided by (their length + 1e-10): width x blocks x BLOCK floats to `units`. */
    void (*unit)(const Map *map, int image, int row, float *units);
    /* Weighted sums of squared differences of two rows of unit vectors, one for each place; their sum is returned. */
    double (*difference)(const float *a, const float *b, const float *weights, int width, int blocks, float *terms);
} Kernels;

#define CONCATENATED(a, b) a##b
#define CONCATENATE(a, b) CONCATENATED(a, b)
#define VARIANT_NAME(name) CONCATENATE(CONCATENATE(eyediff_, VARIANT), name)

#endif
