/* Declarations that the files of the native engine share: the layout of feature maps, and the functions that are
 * compiled for each instruction set.
 *
 * The engine computes LPIPS and SSIM from pixels to scores. network.c has the layers of a network, their sizes and the
 * memory. It calls the functions in a Kernels table. There is one table for each instruction set, compiled from the same
 * three files: kernels.c (convolutions, pooling, conversion of pixels), taps.c (unit vectors and their differences) and
 * similarity.c (SSIM). variants.c chooses the table.
 *
 * A tap is a position in the network after which LPIPS compares the features of two images. */
#ifndef EYEDIFF_ENGINE_H
#define EYEDIFF_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* Number of channels in a block, which are adjacent in memory. In the supported networks, the number of channels of every
 * feature map is a multiple of BLOCK. A pixel has three channels and takes LANES_OF_PIXELS floats. */
enum { BLOCK = 16, LANES_OF_PIXELS = 4 };

/* The largest vector of the instruction set for which a file is compiled. A block of channels has VECTORS vectors: one
 * of AVX-512, two of AVX2, four of SSE or NEON. network.c and variants.c do not use vectors. */
#if !defined(VECTOR_BYTES)
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#endif

enum { LANES = VECTOR_BYTES / 4, VECTORS = BLOCK / LANES };

typedef float Vector __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE Vector vector_load(const float *from) { return *(const Vector *)from; }
INLINE void vector_store(float *to, Vector value) { *(Vector *)to = value; }

/* Number of extra floats after every buffer. A vector that is loaded at the last pixel may read some of them. */
enum { SLACK = 64 };

/* Feature maps of several images: images x blocks x rows x columns x lanes floats.
 *
 * Each map has a border with the values that the next layer reads outside of the image. The border is zero. If an image
 * is computed strip by strip, the border above a strip has the last rows of the previous strip instead. The border is
 * wide enough for Winograd tiles that reach beyond the image. */
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

/* Return the address of a row and column, which are counted from the first row and column of the border. */
static inline float *map_at(const Map *map, int image, int block, int row, int column) {
    const size_t plane = (size_t)image * (size_t)map->blocks + (size_t)block;
    return map->data + plane * map_plane(map) +
           ((size_t)row * (size_t)map->columns + (size_t)column) * (size_t)map->lanes;
}

static inline int blocks_of(int channels) { return (channels + BLOCK - 1) / BLOCK; }

/* Winograd's transforms for kernels of side x side weights (generate_transforms.py). A tile of n x n inputs gives m x m
 * outputs. The outputs are `stride` inputs apart. */
typedef struct {
    int side, stride, m, n;
    /* Transform BLOCK kernels to n x n points. Two kernels are `from_step` floats apart. The values of a point are adjacent,
     * and two points are `to_step` floats apart. */
    void (*kernels)(const float *from, size_t from_step, float *to, size_t to_step);
    /* Transform a tile of one block of channels. `x` is the first pixel of the tile. Two rows are `row` floats apart,
     * and two pixels are `lanes` floats apart. `used` channels of each pixel are transformed. The values at the n * n
     * points are written to `y`, `stride` floats apart. */
    void (*input)(const float *x, size_t row, int lanes, int used, float *y, size_t stride);
    /* Transform products to outputs, add the bias, apply the ReLU, and write rows x columns pixels, at most m x m. */
    void (*output)(const float *x, size_t stride, const float *bias, float *y, size_t row, int rows, int columns);
} Transform;

/* A product of matrices. For each of `positions` places and every output channel, the products of input and weight are
 * summed over all inputs.
 *
 * Input k < `used` of input block b, for place t, is at a + t * step + offsets[b] + k.
 * The weights are [group][block][k][outputs of a group]. A group has `group` output blocks, which are computed together.
 * Output block o of place t is at c + o * plane + t * BLOCK. In the last group, only the output blocks below `blocks`
 * are written. If `bias` is not NULL, the bias is added and the ReLU is applied. */
typedef struct {
    const float *a;
    size_t step;
    const size_t *offsets;
    int inputs, used;
    const float *weights;
    const float *bias;
    float *c;
    size_t plane;
    int group, blocks;
    int positions;
} Product;

typedef enum { UINT8, UINT16, FLOAT32 } PixelType;

/* Return the value of white. */
static inline float white_of(int type) { return type == UINT8 ? 255.0f : type == UINT16 ? 65535.0f : 1.0f; }

/* A stored image. The three values of a pixel are adjacent. The strides of rows and columns are counted in values. */
typedef struct {
    const void *data;
    PixelType type;
    ptrdiff_t row, column;
    int height, width;
} Image;

enum { MOST_SIDE = 64 }; /* rows and columns of the largest window of SSIM */

/* A comparison of two images by SSIM, and its results. library.py has the same structure for ctypes, and
 * metrics/ssim.py has the formula. The values of a row are adjacent, and rows are `*_row` values apart. */
typedef struct {
    const void *a, *b;
    ptrdiff_t a_row, b_row;
    int32_t type, height, width; /* PixelType */
    int32_t side;         /* rows and columns of a window */
    const float *weights; /* weights of a window along one side */
    float c1, c2;         /* constants C1 and C2, for images from -1 to 1 */
    int32_t luminance;    /* whether cs is multiplied by l */
    double means[3];      /* out: mean over all windows, for each channel */
    float *map;           /* out: mean over the channels, for each window, or NULL */
} Similarity;

typedef struct {
    const char *name;
    int (*group_of)(int blocks);   /* number of output blocks that `multiply` computes together in a layer */
    int own_tiles;                 /* number of Winograd tiles that a thread computes at once in its own memory */
    const Transform *(*transform)(int side, int stride); /* returns NULL if there is no transform for such kernels */
    void (*multiply)(const Product *product);
    /* Convert one row of the network's input. If `fold` is 1, a place is one pixel. Otherwise, fold x fold pixels become
     * the channels of one place, row by row, or column by column if `turned` is true. The first pixel of the row is
     * (row, column) of the image; pixels outside the image are 0. A value v of channel k becomes
     * v * gain[k] + offset[k]. */
    void (*load)(const Image *image, int row, int column, int fold, int turned, const float *gain, const float *offset,
                 const Map *to, int number, int to_row);
    /* Compute one row of the maxima over size x size windows. Windows end at the last row and column of the image. */
    void (*pool)(const Map *from, const Map *to, int image, int block, int row, int size, int stride);
    /* Divide each feature vector of a row by its length plus 1e-10. Write width x blocks x BLOCK floats to `units`. */
    void (*unit)(const Map *map, int image, int row, float *units);
    /* Write the weighted sum of squared differences of two unit vectors to `terms`, for each place of a row. Return the
     * sum over the row. */
    double (*difference)(const float *a, const float *b, const float *weights, int width, int blocks, float *terms);
    /* Compute SSIM. Returns 0, or 1 if there is not enough memory. */
    int (*similarity)(Similarity *task);
} Kernels;

/* Return the functions for an instruction set, or NULL if this build or this processor does not have it. If `name` is NULL,
 * the best instruction set is used. */
const Kernels *find_kernels(const char *name);

#define CONCATENATED(a, b) a##b
#define CONCATENATE(a, b) CONCATENATED(a, b)
#define VARIANT_NAME(name) CONCATENATE(CONCATENATE(eyediff_, VARIANT), name)

#endif
