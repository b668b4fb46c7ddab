/* LPIPS from pixels to distances: the layers, their sizes and memory, and the functions that Python calls for networks.
 *
 * A network is a list of layers. An image is computed as a whole or strip by strip. For strips, each layer keeps the last
 * rows of its input, which the first window of the next strip needs, so that nothing is computed twice. An image that is
 * wider than high is cut into strips of columns. For this, rows and columns are exchanged, in the pixels and in the
 * kernels; the variables call such an image turned.
 *
 * Both images of a pair go through each layer together. Their features are compared as soon as a tap is reached, so that
 * only the input and the output of one layer are in memory. */
#include "engine.h"
#include "platform.h"

#include <stdlib.h>
#include <string.h>

/* ---- networks */

typedef enum { CONVOLUTION, POOLING, TAP } Kind;
/* A fire module joins the outputs of two convolutions of the same input. These convolutions are its halves. */
typedef enum { WHOLE, FIRST_HALF, SECOND_HALF } Part;

enum { MOST_LAYERS = 64, MOST_TAPS = 16, MOST_OFFSETS = 1024 };

typedef struct {
    Kind kind;
    Part part;
    int inputs, outputs;
    int kernel;              /* side of a kernel, or of a pooling window */
    int window, stride, pad; /* rows that an output needs; 3 for the 1x1 half of a fire module, as for its 3x3 half */
    int ceil;                /* pooling: whether the last window may reach beyond the edge */
    int fold;                /* first layer: fold x fold pixels are the channels of one place; other layers: 1 */
    int used, input_blocks;  /* number of channels of a block that are used, and number of blocks */
    int group;               /* number of output blocks that are computed together */
    const Transform *transform; /* NULL for a direct convolution */
    float *weights, *bias;
    size_t bytes;
} Layer;

typedef struct {
    const Kernels *kernels;
    int count, taps;
    float gain[3], offset[3];
    Layer layers[MOST_LAYERS];
} Network;

/* Create a network without layers. A value v of a stored image, with 1 as white, becomes the input v * gain + offset of
 * the first layer; each channel has its own gain and offset. If `variant` is NULL, the best instruction set of this
 * processor is used. */
EXPORT Network *eyediff_network_new(const char *variant, const float *gain, const float *offset) {
    Network *network = calloc(1, sizeof *network);
    if (!network) return NULL;
    network->kernels = find_kernels(variant);
    memcpy(network->gain, gain, sizeof network->gain);
    memcpy(network->offset, offset, sizeof network->offset);
    if (!network->kernels) {
        free(network);
        return NULL;
    }
    return network;
}

EXPORT void eyediff_network_free(Network *network) {
    if (!network) return;
    for (int i = 0; i < network->count; i++) {
        release(network->layers[i].weights);
        release(network->layers[i].bias);
    }
    free(network);
}

/* Return the number of bytes of the weights in memory, which may be transformed. */
EXPORT size_t eyediff_network_bytes(const Network *network) {
    size_t bytes = sizeof *network;
    for (int i = 0; i < network->count; i++) bytes += network->layers[i].bytes;
    return bytes;
}

static float *zeros(size_t floats) {
    float *memory = allocate(floats * sizeof *memory);
    if (memory) memset(memory, 0, floats * sizeof *memory);
    return memory;
}

/* Return the number of outputs, rounded up to complete groups. */
static size_t padded_outputs(const Layer *layer) {
    const int width = layer->group * BLOCK;
    return (size_t)((layer->outputs + width - 1) / width * width);
}

/* Return the number of weights at one point of a transformed kernel, or of a direct convolution. */
static size_t point_floats(const Layer *layer) {
    return (size_t)layer->input_blocks * (size_t)layer->used * padded_outputs(layer);
}

/* Return the index of the weight of an output and of input number k. The layout is [group][k][outputs of a group]. */
static size_t place_of(const Layer *layer, size_t k, int output) {
    const size_t width = (size_t)layer->group * BLOCK;
    const size_t inputs = (size_t)layer->input_blocks * (size_t)layer->used;
    return ((size_t)output / width * inputs + k) * width + (size_t)output % width;
}

/* Transform the kernels of a layer. The weights of a block of outputs are adjacent in memory and are transformed
 * together. The compiler can then use vectors, and each cache line is written once. */
static void transform_weights(Layer *layer, const float *weights) {
    const size_t taps = (size_t)(layer->transform->side * layer->transform->side), output = (size_t)layer->inputs * taps;
    for (int first = 0; first < layer->outputs; first += BLOCK) {
        for (int c = 0; c < layer->inputs; c++)
            layer->transform->kernels(weights + (size_t)first * output + (size_t)c * taps, output,
                                      layer->weights + place_of(layer, (size_t)c, first), point_floats(layer));
    }
}

static Layer *next_layer(Network *network) {
    if (network->count == MOST_LAYERS) return NULL;
    Layer *layer = &network->layers[network->count];
    memset(layer, 0, sizeof *layer);
    layer->fold = 1;
    return layer;
}

/* Add a convolution with bias and ReLU. `weights` are outputs x inputs x kernel x kernel; `bias` has one value for each
 * output. `part` is 1 for the 1x1 half of a fire module, 2 for its 3x3 half, and 0 for other convolutions. Returns 0 on
 * success, 1 if there is not enough memory, and 2 if the convolution is not supported. */
EXPORT int eyediff_add_convolution(Network *network, int part, int inputs, int outputs, int kernel, int stride, int pad,
                                   const float *weights, const float *bias) {
    Layer *layer = next_layer(network);
    const int first = network->count == 0;
    if (!layer || kernel > 16 || stride < 1 || (!first && inputs % BLOCK) || (first && inputs != 3) || outputs % BLOCK) return 2;
    if (part && stride != 1) return 2;
    if (kernel * kernel * blocks_of(inputs) > MOST_OFFSETS) return 2;
    layer->kind = CONVOLUTION;
    layer->part = (Part)part;
    layer->inputs = inputs;
    layer->outputs = outputs;
    layer->group = network->kernels->group_of(blocks_of(outputs));
    layer->kernel = kernel;
    layer->window = part == FIRST_HALF ? 3 : kernel;
    layer->stride = stride;
    layer->pad = part == FIRST_HALF ? 1 : pad;
    int side = kernel; /* side of the kernel that is applied with stride 1 */
    float *folded = NULL;
    if (first && stride > 1 && stride <= 4) {
        side = (kernel + stride - 1) / stride;
        if (network->kernels->transform(side, 1)) layer->fold = stride;
    }
    if (layer->fold > 1) { /* stride x stride pixels become channels; a smaller kernel with stride 1 gives equal sums */
        layer->inputs = 3 * stride * stride;
        folded = zeros((size_t)outputs * (size_t)layer->inputs * (size_t)(side * side));
        if (!folded) return 1;
        for (int o = 0; o < outputs; o++) {
            for (int c = 0; c < 3; c++) {
                for (int y = 0; y < kernel; y++) {
                    for (int x = 0; x < kernel; x++) {
                        const int channel = (y % stride * stride + x % stride) * 3 + c;
                        const size_t to = ((size_t)o * (size_t)layer->inputs + (size_t)channel) * (size_t)(side * side);
                        folded[to + (size_t)(y / stride * side + x / stride)] =
                            weights[((size_t)(o * 3 + c) * (size_t)kernel + (size_t)y) * (size_t)kernel + (size_t)x];
                    }
                }
            }
        }
        weights = folded;
    }
    /* With three channels and a stride, the transforms would take longer than the products that they save. */
    if (layer->fold > 1) layer->transform = network->kernels->transform(side, 1);
    else if (stride == 1 || !first) layer->transform = network->kernels->transform(kernel, stride);
    layer->used = layer->inputs < BLOCK ? layer->inputs : BLOCK;
    const int planes = layer->transform ? layer->transform->n * layer->transform->n : 1;
    const int taps = layer->transform ? 1 : kernel * kernel;
    layer->input_blocks = blocks_of(layer->inputs) * taps;
    const size_t floats = (size_t)planes * point_floats(layer), width = padded_outputs(layer);
    layer->weights = zeros(floats + SLACK);
    layer->bias = zeros(width + SLACK);
    layer->bytes = (floats + width + 2 * SLACK) * sizeof(float);
    network->count++;
    if (!layer->weights || !layer->bias) {
        release(folded);
        return 1;
    }
    memcpy(layer->bias, bias, (size_t)outputs * sizeof *bias);
    if (layer->transform) {
        transform_weights(layer, weights);
    } else { /* for each place of the kernel, all blocks of channels */
        for (int o = 0; o < outputs; o++) {
            for (int c = 0; c < inputs; c++) {
                for (int tap = 0; tap < taps; tap++) {
                    const size_t block = (size_t)(tap * blocks_of(inputs) + c / BLOCK);
                    const size_t k = block * (size_t)layer->used + (size_t)(c % BLOCK);
                    layer->weights[place_of(layer, k, o)] = weights[((size_t)o * (size_t)inputs + (size_t)c) * (size_t)taps + (size_t)tap];
                }
            }
        }
    }
    release(folded);
    return 0;
}

EXPORT int eyediff_add_pooling(Network *network, int size, int stride, int ceil) {
    Layer *layer = next_layer(network);
    if (!layer || network->count == 0 || size < stride || stride < 1) return 2;
    layer->kind = POOLING;
    layer->kernel = layer->window = size;
    layer->stride = stride;
    layer->ceil = ceil;
    network->count++;
    return 0;
}

/* Add a tap. `weights` are its linear weights, one for each channel. Returns the same as eyediff_add_convolution. */
EXPORT int eyediff_add_tap(Network *network, int channels, const float *weights) {
    Layer *layer = next_layer(network);
    if (!layer || network->count == 0 || network->taps == MOST_TAPS || channels % BLOCK) return 2;
    layer->kind = TAP;
    layer->inputs = channels;
    layer->weights = zeros((size_t)channels + SLACK);
    layer->bytes = ((size_t)channels + SLACK) * sizeof(float);
    network->count++;
    network->taps++;
    if (!layer->weights) return 1;
    memcpy(layer->weights, weights, (size_t)channels * sizeof *weights);
    return 0;
}

/* ---- sizes */

/* The arguments and results of one call. library.py has the same structure for ctypes. */
typedef struct {
    const void *reference, *candidate; /* `count` images each; `reference` may be NULL if there are only candidates */
    ptrdiff_t image, row, column;      /* strides in values; the three channels are adjacent */
    int32_t type, count, height, width;
    int32_t turned;             /* whether the rows are the columns of the image; kernels are then turned, too */
    int32_t first_row, end_row; /* rows of the strip; 0 and `height` for a whole image */
    int32_t kept_images;        /* number of images in `kept`: 1 for all candidates, or one for each candidate */
    const float *const *kept;   /* features of references, one array for each tap, or NULL */
    float *const *terms;        /* out: distance at each place of each tap: count x height x width, or NULL */
    float *const *features;     /* out: unit vectors of the candidates: count x height x width x channels, or NULL */
    double *sums;               /* out: sums of the terms: count x taps, or NULL */
} Call;

/* Sizes of a layer in one call. */
typedef struct {
    Map input;      /* for a tap: the map that it compares */
    int real_rows;  /* rows of the input, without the rows that only Winograd tiles reach */
    int height, width; /* size of the output */
    int slot;       /* number of the buffer for the output */
} Stage;

static int larger_of(int a, int b) { return a > b ? a : b; }
static int divide_up(int a, int b) { return (a + b - 1) / b; }

/* Enlarge a map so that it has all rows and columns that the Winograd tiles of a layer reach. */
static void extend(Map *map, const Layer *layer, int window) {
    if (!layer->transform) return;
    const int m = layer->transform->m, n = layer->transform->n, stride = layer->transform->stride;
    const int rows_of_tiles = divide_up((map->rows - window) / stride + 1, m);
    const int columns_of_tiles = divide_up((map->columns - window) / stride + 1, m);
    map->rows = larger_of(map->rows, (rows_of_tiles - 1) * m * stride + n);
    map->columns = larger_of(map->columns, (columns_of_tiles - 1) * m * stride + n);
}

/* Return the layer whose window determines the border of the input of layer `i`, or NULL if there is none. */
static const Layer *windowed(const Network *network, int i) {
    while (i < network->count && (network->layers[i].kind == TAP || network->layers[i].part == FIRST_HALF)) i++;
    return i < network->count ? &network->layers[i] : NULL;
}

static int is_first(const Call *call) { return call->first_row == 0; }
static int is_last(const Call *call) { return call->end_row == call->height; }

/* Return the first row of pixels that the first layer reads. It is negative in the padding above the image. */
static int first_pixel_row(const Network *network, const Call *call) {
    const Layer *layer = &network->layers[0];
    return is_first(call) ? -layer->pad : call->first_row - (layer->window - layer->stride);
}

/* Compute the sizes of all layers for `images` images. Returns 0, or 2 if the images are too small. */
static int make_plan(const Network *network, const Call *call, int images, Stage *stages) {
    const Layer *first = &network->layers[0];
    if (network->count == 0 || first->kind != CONVOLUTION) return 2;
    const int rows = call->end_row + (is_last(call) ? first->pad : 0) - first_pixel_row(network, call);
    const int columns = call->width + 2 * first->pad;
    if (rows < first->kernel || columns < first->kernel) return 2;
    int height = (rows - first->kernel) / first->stride + 1, width = (columns - first->kernel) / first->stride + 1;
    const int folded = first->fold > 1 ? divide_up(first->kernel, first->fold) : 0;
    Map map = {.images = images, .channels = first->inputs, .blocks = blocks_of(first->inputs)};
    map.lanes = first->fold > 1 ? BLOCK : LANES_OF_PIXELS;
    map.height = map.rows = folded ? height + folded - 1 : rows;
    map.width = map.columns = folded ? width + folded - 1 : columns;
    extend(&map, first, folded ? folded : first->kernel);
    int base = 0, channels = first->outputs;
    for (int i = 0; i < network->count; i++) {
        const Layer *layer = &network->layers[i];
        Stage *stage = &stages[i];
        stage->input = map;
        stage->real_rows = i ? map.top + map.height + (is_last(call) ? layer->pad : 0) : map.height;
        if (layer->kind == TAP) {
            if (layer->inputs != map.channels) return 2;
            continue;
        }
        if (i) {
            const int seen_rows = stage->real_rows - layer->window, seen_columns = map.width + 2 * layer->pad - layer->window;
            const int least = layer->ceil ? 1 - layer->stride : 0; /* a window may reach beyond the edge */
            if (seen_rows < least || seen_columns < least) return 2;
            height = (layer->ceil ? divide_up(seen_rows, layer->stride) : seen_rows / layer->stride) + 1;
            width = (layer->ceil ? divide_up(seen_columns, layer->stride) : seen_columns / layer->stride) + 1;
            channels = layer->kind == POOLING ? map.channels : layer->outputs;
            if (layer->kind == CONVOLUTION && layer->inputs != map.channels) return 2;
        }
        stage->height = height;
        stage->width = width;
        if (layer->part == FIRST_HALF) { /* the second half has the same input, and writes to the same output map */
            stage->slot = base;
            continue;
        }
        const int squeezed = i + 1 < network->count && network->layers[i + 1].part == FIRST_HALF;
        if (!squeezed && layer->part == WHOLE) base = 1 - base;
        stage->slot = squeezed ? 2 : base;
        map = (Map){.images = images, .channels = channels * (layer->part == SECOND_HALF ? 2 : 1), .lanes = BLOCK};
        map.blocks = blocks_of(map.channels);
        map.height = map.rows = height;
        map.width = map.columns = width;
        const Layer *next = windowed(network, i + 1);
        if (next) {
            map.top = is_first(call) ? next->pad : next->window - next->stride;
            map.left = next->pad;
            map.rows = map.top + height + (is_last(call) ? next->pad : 0);
            map.columns = width + 2 * next->pad;
            extend(&map, next, next->window);
        }
    }
    return 0;
}

/* Return the map that a layer writes: the input of the next layer. For both halves of a fire module, this is the input
 * of the layer after the module. */
static Map output_map(const Network *network, const Stage *stages, int i) {
    const int behind = network->layers[i].part == FIRST_HALF ? i + 2 : i + 1;
    return stages[behind].input;
}

/* The order in which the tiles of a Winograd layer are computed. If the weights are small, each thread computes
 * `tiles` tiles from the input to the output in its own memory. Larger weights are read once for many tiles.
 * All threads share these tiles: they transform the inputs, then compute the products point by point, then transform
 * the outputs. */
typedef struct {
    int shared, tiles;
} Blocking;

enum { OWN_BYTES = 3 << 20 };
enum { SHARED_TILES = 96 };

static Blocking blocking_of(const Network *network, const Layer *layer) {
    if (layer->bytes <= OWN_BYTES) return (Blocking){0, network->kernels->own_tiles};
    return (Blocking){1, SHARED_TILES};
}

static int tile_count(const Layer *layer, const Stage *stage, int images) {
    const int m = layer->transform->m;
    return images * divide_up(stage->height, m) * divide_up(stage->width, m);
}

/* Numbers of floats for the values of `tiles` tiles: the transformed inputs of one point, the products of one point, and
 * both for all points. An extra block between two points avoids that all points use the same set of the cache. */
static size_t input_stride(const Layer *layer, int tiles) {
    return (size_t)blocks_of(layer->inputs) * (size_t)tiles * BLOCK + BLOCK;
}
static size_t output_stride(const Layer *layer, int tiles) {
    return (size_t)blocks_of(layer->outputs) * (size_t)tiles * BLOCK + BLOCK;
}
static size_t tile_floats(const Layer *layer, int tiles) {
    const size_t points = (size_t)layer->transform->n * (size_t)layer->transform->n;
    return points * (input_stride(layer, tiles) + output_stride(layer, tiles)) + SLACK;
}

/* The memory that a call needs. */
typedef struct {
    size_t slots[3]; /* number of floats for feature maps, in each of three buffers */
    size_t own;      /* number of floats that each thread needs */
    size_t shared;   /* number of floats that all threads share */
    size_t rows;     /* number of doubles for the sums of the rows of a tap */
} Needs;

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static Needs needs_of(const Network *network, const Call *call, const Stage *stages, int images) {
    Needs needs = {{0, 0, 0}, 0, 0, 0};
    int slot = 0;
    for (int i = 0; i < network->count; i++) {
        const Layer *layer = &network->layers[i];
        const Stage *stage = &stages[i];
        if (i == 0) needs.slots[0] = map_floats(&stage->input) + SLACK;
        if (layer->kind == TAP) {
            needs.own = most(needs.own, (size_t)stage->input.width * (2 * (size_t)layer->inputs + 1) + SLACK);
            needs.rows = most(needs.rows, (size_t)call->count * (size_t)stage->input.height);
            continue;
        }
        slot = stage->slot;
        if (i + 1 < network->count) {
            const Map out = output_map(network, stages, i);
            needs.slots[slot] = most(needs.slots[slot], map_floats(&out) + SLACK);
        }
        if (layer->transform) {
            const Blocking blocking = blocking_of(network, layer);
            const int tiles = tile_count(layer, stage, images);
            const size_t floats = tile_floats(layer, tiles < blocking.tiles ? tiles : blocking.tiles);
            if (blocking.shared) needs.shared = most(needs.shared, floats);
            else needs.own = most(needs.own, floats);
        }
    }
    return needs;
}

/* Return the number of bytes of a workspace for `images` images of a size. Returns 0 if the images are too small. */
EXPORT size_t eyediff_workspace_bytes(const Network *network, int threads, int images, int height, int width) {
    Stage stages[MOST_LAYERS];
    const Call call = {.count = images, .height = height, .width = width, .end_row = height};
    if (make_plan(network, &call, images, stages)) return 0;
    const Needs needs = needs_of(network, &call, stages, images);
    size_t floats = needs.slots[0] + needs.slots[1] + needs.slots[2] + needs.shared + (size_t)threads * needs.own;
    return floats * sizeof(float) + needs.rows * sizeof(double);
}

/* Compute the numbers of rows and columns of every tap for a call. Returns 0, or 2 if the images are too small. */
EXPORT int eyediff_tap_sizes(const Network *network, const Call *call, int32_t *heights, int32_t *widths) {
    Stage stages[MOST_LAYERS];
    const int refused = make_plan(network, call, 1, stages);
    if (refused) return refused;
    for (int i = 0, tap = 0; i < network->count; i++) {
        if (network->layers[i].kind != TAP) continue;
        heights[tap] = stages[i].input.height;
        widths[tap++] = stages[i].input.width;
    }
    return 0;
}

/* ---- workspaces */

enum { BUFFERS = 5 }; /* three buffers for feature maps, one that threads share, and one for the sums of rows */

typedef struct Workspace Workspace;
struct Workspace {
    const Network *network;
    Pool *pool;
    void *buffers[BUFFERS];
    size_t bytes[BUFFERS];
    float **own; /* a buffer for each thread */
    size_t own_bytes;
    float *seams[MOST_LAYERS]; /* for each layer, the rows that it keeps for the next strip */
    Workspace **single; /* for each thread, a workspace with one thread, or NULL before it is needed */
};

EXPORT void eyediff_workspace_free(Workspace *work) {
    if (!work) return;
    for (int i = 0; work->single && i < pool_threads(work->pool); i++) eyediff_workspace_free(work->single[i]);
    free(work->single);
    for (int i = 0; i < BUFFERS; i++) release(work->buffers[i]);
    for (int i = 0; work->own && i < pool_threads(work->pool); i++) release(work->own[i]);
    for (int i = 0; i < MOST_LAYERS; i++) release(work->seams[i]);
    free(work->own);
    pool_free(work->pool);
    free(work);
}

EXPORT Workspace *eyediff_workspace_new(const Network *network, int threads) {
    Workspace *work = calloc(1, sizeof *work);
    if (!work) return NULL;
    work->network = network;
    work->pool = pool_new(threads);
    if (work->pool) {
        work->own = calloc((size_t)pool_threads(work->pool), sizeof *work->own);
        work->single = calloc((size_t)pool_threads(work->pool), sizeof(Workspace *));
    }
    if (!work->own || !work->single) {
        free(work->own);
        free(work->single);
        pool_free(work->pool);
        free(work);
        return NULL;
    }
    return work;
}

/* Make a buffer large enough. A buffer that is much too large is replaced by a smaller one. So the memory of one large
 * image is freed by the next call that uses the buffer. Returns 1 if there is not enough memory. */
static int reserve(void **buffer, size_t *have, size_t need) {
    if (need <= *have && *have <= 4 * need + (1 << 20)) return 0;
    release(*buffer);
    *buffer = allocate(need);
    *have = *buffer ? need : 0;
    return *buffer == NULL;
}

static int reserve_all(Workspace *work, const Needs *needs) {
    const size_t bytes[BUFFERS] = {needs->slots[0] * sizeof(float), needs->slots[1] * sizeof(float),
                                   needs->slots[2] * sizeof(float), needs->shared * sizeof(float),
                                   needs->rows * sizeof(double)};
    for (int i = 0; i < BUFFERS; i++) {
        if (reserve(&work->buffers[i], &work->bytes[i], bytes[i])) return 1;
    }
    const size_t had = work->own_bytes;
    for (int i = 0; i < pool_threads(work->pool); i++) {
        size_t have = work->own[i] ? had : 0;
        void *buffer = work->own[i];
        const int failed = reserve(&buffer, &have, needs->own * sizeof(float));
        work->own[i] = buffer;
        if (failed) {
            for (int j = 0; j < pool_threads(work->pool); j++) {
                release(work->own[j]);
                work->own[j] = NULL;
            }
            work->own_bytes = 0;
            return 1;
        }
        work->own_bytes = have;
    }
    return 0;
}

/* ---- layers at work */

typedef struct {
    Workspace *work;
    const Call *call;
    const Layer *layer;
    const Stage *stage;
    Map in, out;
    int first, count; /* the pairs of the batch that are computed now */
    /* for Winograd convolutions */
    int rows, columns; /* rows and columns of tiles in an image */
    int groups, start, end;
    float *inputs, *products;
    size_t input_stride, output_stride;
    int first_block; /* first block of the output; not 0 for the second half of a fire module */
    int units_rows;  /* rows in a unit of a direct convolution */
    int tap;
    const float *seam; /* rows above the output, from the previous strip, or NULL */
} Task;

/* Set the border of one plane of the output to zero. If there is a seam, the rows above are copied from it. */
static void border_job(void *context, int unit, int thread) {
    (void)thread;
    const Task *task = context;
    const Map *map = &task->out;
    const size_t lanes = (size_t)map->lanes, line = (size_t)map->columns * lanes;
    const size_t above = (size_t)map->top * line;
    const int bottom = map->top + map->height, right = map->left + map->width;
    float *plane = map_at(map, unit / map->blocks, unit % map->blocks, 0, 0);
    if (task->seam) memcpy(plane, task->seam + (size_t)unit * above, above * sizeof *plane);
    else memset(plane, 0, above * sizeof *plane);
    for (int row = map->top; row < bottom; row++) {
        float *start = plane + (size_t)row * line;
        memset(start, 0, (size_t)map->left * lanes * sizeof *plane);
        memset(start + (size_t)right * lanes, 0, (size_t)(map->columns - right) * lanes * sizeof *plane);
    }
    memset(plane + (size_t)bottom * line, 0, (size_t)(map->rows - bottom) * line * sizeof *plane);
}

/* Copy the last rows of the input of layer `i`, which the next strip needs. Returns 1 if there is not enough memory. */
static int keep_rows(Workspace *work, int i, const Map *map, int kept) {
    const size_t line = (size_t)map->columns * (size_t)map->lanes, floats = (size_t)kept * line;
    if (!work->seams[i]) work->seams[i] = allocate((size_t)map->images * (size_t)map->blocks * floats * sizeof(float));
    if (!work->seams[i]) return 1;
    float *to = work->seams[i];
    for (int image = 0; image < map->images; image++) {
        for (int block = 0; block < map->blocks; block++, to += floats)
            memcpy(to, map_at(map, image, block, map->top + map->height - kept, 0), floats * sizeof *to);
    }
    return 0;
}

static void load_job(void *context, int unit, int thread) {
    (void)thread;
    const Task *task = context;
    const Call *call = task->call;
    const Network *network = task->work->network;
    const Layer *layer = task->layer;
    const int number = unit / task->out.height, row = unit % task->out.height;
    const int of_candidate = !call->reference || number >= task->count;
    const int index = task->first + number % task->count;
    static const size_t sizes[] = {1, 2, 4};
    const char *data = of_candidate ? call->candidate : call->reference;
    const Image image = {.data = data + (ptrdiff_t)index * call->image * (ptrdiff_t)sizes[call->type],
                         .type = (PixelType)call->type, .row = call->row, .column = call->column,
                         .height = call->height, .width = call->width};
    float gain[3];
    for (int k = 0; k < 3; k++) gain[k] = network->gain[k] / white_of(call->type);
    network->kernels->load(&image, first_pixel_row(network, call) + row * layer->fold, -layer->pad, layer->fold,
                           call->turned, gain, network->offset, &task->out, number, row);
}

static void pool_job(void *context, int unit, int thread) {
    (void)thread;
    const Task *task = context;
    const int row = unit % task->stage->height, plane = unit / task->stage->height;
    task->work->network->kernels->pool(&task->in, &task->out, plane / task->in.blocks, plane % task->in.blocks, row,
                                       task->layer->kernel, task->layer->stride);
}

/* Compute some rows of a direct convolution. The inputs need not be copied, because those of neighbouring outputs are at
 * equal distances in memory. */
static void direct_job(void *context, int unit, int thread) {
    (void)thread;
    const Task *task = context;
    const Layer *layer = task->layer;
    const Map *in = &task->in, *out = &task->out;
    const int units = divide_up(task->stage->height, task->units_rows);
    const int image = unit / units, first = unit % units * task->units_rows;
    const int end = first + task->units_rows < task->stage->height ? first + task->units_rows : task->stage->height;
    const int inset = (layer->window - layer->kernel) / 2, blocks = blocks_of(layer->inputs);
    size_t offsets[MOST_OFFSETS];
    int count = 0;
    for (int y = 0; y < layer->kernel; y++) {
        for (int x = 0; x < layer->kernel; x++) {
            const int row = inset + (task->call->turned ? x : y), column = inset + (task->call->turned ? y : x);
            for (int b = 0; b < blocks; b++)
                offsets[count++] = (size_t)b * map_plane(in) +
                                   ((size_t)row * (size_t)in->columns + (size_t)column) * (size_t)in->lanes;
        }
    }
    for (int row = first; row < end; row++) {
        const Product product = {
            .a = map_at(in, image, 0, row * layer->stride, 0),
            .step = (size_t)layer->stride * (size_t)in->lanes,
            .offsets = offsets,
            .inputs = count,
            .used = layer->used,
            .weights = layer->weights,
            .bias = layer->bias,
            .c = map_at(out, image, task->first_block, out->top + row, out->left),
            .plane = map_plane(out),
            .group = layer->group,
            .blocks = blocks_of(layer->outputs),
            .positions = task->stage->width,
        };
        task->work->network->kernels->multiply(&product);
    }
}

/* The position of a tile: the image, the row of tiles and the column of tiles. */
typedef struct {
    int image, row, column;
} Place;

static Place place_at(const Task *task, int tile) {
    const int per_image = task->rows * task->columns;
    return (Place){tile / per_image, tile % per_image / task->columns, tile % task->columns};
}

static void next_place(const Task *task, Place *at) {
    if (++at->column < task->columns) return;
    at->column = 0;
    if (++at->row < task->rows) return;
    at->row = 0;
    at->image++;
}

/* Transform the inputs of the tiles first .. end - 1. They belong to a chunk of `tiles` tiles that begins at `start`. All
 * tiles of one block of channels are transformed before the next block, because their pixels are adjacent in memory. */
static void transform_inputs(const Task *task, float *to, size_t stride, int start, int tiles, int first, int end) {
    const Transform *transform = task->layer->transform;
    const int step = transform->m * transform->stride;
    for (int block = 0; block < task->in.blocks; block++) {
        Place at = place_at(task, first);
        for (int tile = first; tile < end; tile++, next_place(task, &at))
            transform->input(map_at(&task->in, at.image, block, at.row * step, at.column * step),
                             (size_t)task->in.columns * (size_t)task->in.lanes, task->in.lanes, task->layer->used,
                             to + ((size_t)block * (size_t)tiles + (size_t)(tile - start)) * BLOCK, stride);
    }
}

/* Compute the products of one point. If rows and columns of the image are exchanged, the points of the kernel are, too. */
static void multiply_point(const Task *task, const float *inputs, float *products, int tiles, int point) {
    const Layer *layer = task->layer;
    const int n = layer->transform->n;
    const int of_kernel = task->call->turned ? point % n * n + point / n : point;
    size_t offsets[MOST_OFFSETS];
    for (int b = 0; b < layer->input_blocks; b++) offsets[b] = (size_t)b * (size_t)tiles * BLOCK;
    const Product product = {
        .a = inputs, .step = BLOCK, .offsets = offsets, .inputs = layer->input_blocks, .used = layer->used,
        .weights = layer->weights + (size_t)of_kernel * point_floats(layer), .bias = NULL, .c = products,
        .plane = (size_t)tiles * BLOCK, .group = layer->group, .blocks = blocks_of(layer->outputs),
        .positions = tiles,
    };
    task->work->network->kernels->multiply(&product);
}

static void transform_outputs(const Task *task, const float *from, size_t stride, int start, int tiles, int first, int end) {
    const Transform *transform = task->layer->transform;
    const Map *out = &task->out;
    const int m = transform->m;
    for (int block = 0; block < blocks_of(task->layer->outputs); block++) {
        Place at = place_at(task, first);
        for (int tile = first; tile < end; tile++, next_place(task, &at)) {
            const int y = at.row * m, x = at.column * m;
            const int rows = task->stage->height - y < m ? task->stage->height - y : m;
            const int columns = task->stage->width - x < m ? task->stage->width - x : m;
            transform->output(from + ((size_t)block * (size_t)tiles + (size_t)(tile - start)) * BLOCK, stride,
                              task->layer->bias + (size_t)block * BLOCK,
                              map_at(out, at.image, task->first_block + block, out->top + y, out->left + x),
                              (size_t)out->columns * BLOCK, rows, columns);
        }
    }
}

static int part_of(int count, int part, int parts) { return (int)((long long)count * part / parts); }

/* Compute a few tiles from the input to the output in the memory of one thread. */
static void own_job(void *context, int unit, int thread) {
    const Task *task = context;
    const Layer *layer = task->layer;
    const int points = layer->transform->n * layer->transform->n;
    const int first = part_of(task->end, unit, task->groups), end = part_of(task->end, unit + 1, task->groups);
    const int tiles = end - first;
    if (!tiles) return;
    const size_t in_stride = input_stride(layer, tiles), out_stride = output_stride(layer, tiles);
    float *inputs = task->work->own[thread], *products = inputs + (size_t)points * in_stride;
    transform_inputs(task, inputs, in_stride, first, tiles, first, end);
    for (int point = 0; point < points; point++)
        multiply_point(task, inputs + (size_t)point * in_stride, products + (size_t)point * out_stride, tiles, point);
    transform_outputs(task, products, out_stride, first, tiles, first, end);
}

static void shared_input_job(void *context, int unit, int thread) {
    (void)thread;
    const Task *task = context;
    const int tiles = task->end - task->start;
    transform_inputs(task, task->inputs, task->input_stride, task->start, tiles,
                     task->start + part_of(tiles, unit, task->groups), task->start + part_of(tiles, unit + 1, task->groups));
}

static void shared_multiply_job(void *context, int unit, int thread) {
    (void)thread;
    const Task *task = context;
    multiply_point(task, task->inputs + (size_t)unit * task->input_stride,
                   task->products + (size_t)unit * task->output_stride, task->end - task->start, unit);
}

static void shared_output_job(void *context, int unit, int thread) {
    (void)thread;
    const Task *task = context;
    const int tiles = task->end - task->start;
    transform_outputs(task, task->products, task->output_stride, task->start, tiles,
                      task->start + part_of(tiles, unit, task->groups), task->start + part_of(tiles, unit + 1, task->groups));
}

/* Jobs that do not depend on each other and have not begun. */
typedef struct {
    Pool *pool;
    Job jobs[MOST_JOBS];
    int count;
} Pending;

static void run_pending(Pending *pending) {
    if (pending->count) pool_run(pending->pool, pending->jobs, pending->count);
    pending->count = 0;
}

static void add_job(Pending *pending, JobFunction function, Task *task, int units) {
    if (pending->count == MOST_JOBS) run_pending(pending);
    pending->jobs[pending->count++] = (Job){function, task, units};
}

/* Clear everything around the output of a task that the task itself does not write. */
static void add_border(Pending *pending, Task *task) {
    const Map *map = &task->out;
    memset(map->data + map_floats(map), 0, SLACK * sizeof(float));
    add_job(pending, border_job, task, map->images * map->blocks);
}

static void add_convolution(Pending *pending, Task *task) {
    const Layer *layer = task->layer;
    if (!layer->transform) {
        /* A unit has at least 48 places, so that the time for fetching the weights is small. */
        task->units_rows = divide_up(48, task->stage->width);
        add_job(pending, direct_job, task, task->in.images * divide_up(task->stage->height, task->units_rows));
        return;
    }
    const int m = layer->transform->m, points = layer->transform->n * layer->transform->n;
    const int threads = pool_threads(pending->pool);
    const Blocking blocking = blocking_of(task->work->network, layer);
    task->rows = divide_up(task->stage->height, m);
    task->columns = divide_up(task->stage->width, m);
    const int tiles = task->in.images * task->rows * task->columns;
    const int chunks = divide_up(tiles, blocking.tiles);
    if (!blocking.shared) {
        task->end = tiles;
        task->groups = divide_up(chunks, threads) * threads; /* the same number for each thread */
        if (task->groups > tiles) task->groups = tiles;
        add_job(pending, own_job, task, task->groups);
        return;
    }
    for (int chunk = 0; chunk < chunks; chunk++) {
        task->start = part_of(tiles, chunk, chunks);
        task->end = part_of(tiles, chunk + 1, chunks);
        const int count = task->end - task->start;
        task->input_stride = input_stride(layer, count);
        task->output_stride = output_stride(layer, count);
        task->inputs = task->work->buffers[3];
        task->products = task->inputs + (size_t)points * task->input_stride;
        task->groups = count < 8 * threads ? count : 8 * threads;
        add_job(pending, shared_input_job, task, task->groups);
        run_pending(pending);
        add_job(pending, shared_multiply_job, task, points);
        run_pending(pending);
        add_job(pending, shared_output_job, task, task->groups);
        run_pending(pending);
    }
}

/* Compute one row of one pair at a tap: the unit vectors, the terms, and the sum of the terms. */
static void tap_job(void *context, int unit, int thread) {
    const Task *task = context;
    const Call *call = task->call;
    const Kernels *kernels = task->work->network->kernels;
    const int height = task->in.height, width = task->in.width, channels = task->in.channels;
    const int pair = unit / height, row = unit % height, index = task->first + pair;
    const size_t line = (size_t)width * (size_t)channels, place = (size_t)index * (size_t)height + (size_t)row;
    float *own = task->work->own[thread], *terms = own + 2 * line;
    if (call->terms) terms = call->terms[task->tap] + place * (size_t)width;
    float *candidate = call->features ? call->features[task->tap] + place * line : own;
    const float *reference = NULL;
    if (call->kept) {
        const size_t kept = (size_t)(call->kept_images == 1 ? 0 : index) * (size_t)height + (size_t)row;
        reference = call->kept[task->tap] + kept * line;
    } else if (call->reference) {
        kernels->unit(&task->in, pair, row, own + line);
        reference = own + line;
    }
    kernels->unit(&task->in, pair + (call->reference ? task->count : 0), row, candidate);
    if (reference)
        ((double *)task->work->buffers[4])[unit] =
            kernels->difference(reference, candidate, task->layer->weights, width, channels / BLOCK, terms);
}

/* Return the sum of all rows of one pair. The rows are added in order, so the sum does not depend on the threads. */
static double sum_of_rows(const Workspace *work, int pair, int height) {
    const double *rows = (const double *)work->buffers[4] + (size_t)pair * (size_t)height;
    double sum = 0;
    for (int row = 0; row < height; row++) sum += rows[row];
    return sum;
}

/* Store the sums of a tap whose job has ended. Do nothing if there is no tap. */
static void store_sums(const Task *tap) {
    if (!tap || !tap->call->sums) return;
    const size_t taps = (size_t)tap->work->network->taps;
    for (int pair = 0; pair < tap->count; pair++)
        tap->call->sums[(size_t)(tap->first + pair) * taps + (size_t)tap->tap] = sum_of_rows(tap->work, pair, tap->in.height);
}

/* Compute `count` pairs of a batch, or a strip of one pair. */
static int run_pairs(Workspace *work, const Call *call, int first, int count) {
    const Network *network = work->network;
    const int images = count * (call->reference ? 2 : 1);
    Stage stages[MOST_LAYERS];
    const int refused = make_plan(network, call, images, stages);
    if (refused) return refused;
    Call some = *call;
    some.count = count;
    const Needs needs = needs_of(network, &some, stages, images);
    if (reserve_all(work, &needs)) return 1;
    if (is_first(call)) {
        for (int i = 0; i < MOST_LAYERS; i++) {
            release(work->seams[i]);
            work->seams[i] = NULL;
        }
    }
    Task tasks[MOST_LAYERS + 1];
    Pending pending = {.pool = work->pool};
    Task *load = &tasks[network->count];
    *load = (Task){.work = work, .call = call, .layer = &network->layers[0], .first = first, .count = count};
    load->out = stages[0].input;
    load->out.data = work->buffers[0];
    add_border(&pending, load);
    add_job(&pending, load_job, load, images * load->out.height);
    float *current = load->out.data;
    const Task *tap = NULL; /* the tap whose jobs are pending, or NULL */
    int ready = 0, taps = 0; /* whether `current` is complete, and the number of taps so far */
    for (int i = 0; i < network->count; i++) {
        const Layer *layer = &network->layers[i];
        const Stage *stage = &stages[i];
        Task *task = &tasks[i];
        *task = (Task){.work = work, .call = call, .layer = layer, .stage = stage, .first = first, .count = count};
        task->in = stage->input;
        task->in.data = current;
        if (!ready || (layer->kind == TAP && tap)) {
            run_pending(&pending);
            store_sums(tap);
            tap = NULL;
            ready = 1;
        }
        if (layer->kind == TAP) {
            task->tap = taps++;
            tap = task;
            add_job(&pending, tap_job, task, count * task->in.height);
            continue;
        }
        if (i + 1 == network->count) break; /* no later layer needs this output */
        task->out = output_map(network, stages, i);
        task->out.data = work->buffers[stage->slot];
        task->first_block = layer->part == SECOND_HALF ? blocks_of(layer->outputs) : 0;
        if (layer->part != SECOND_HALF) {
            int next = i + 1; /* the layer that needs rows of the previous strip */
            if (layer->part == FIRST_HALF) next = i + 2;
            while (next < network->count && (network->layers[next].kind == TAP || network->layers[next].part == FIRST_HALF)) next++;
            task->seam = is_first(call) || next == network->count ? NULL : work->seams[next];
            add_border(&pending, task);
        }
        if (layer->kind == POOLING)
            add_job(&pending, pool_job, task, images * task->in.blocks * stage->height);
        else
            add_convolution(&pending, task);
        const int kept = layer->window - layer->stride;
        if (i && !is_last(call) && kept > 0 && layer->part != FIRST_HALF && keep_rows(work, i, &task->in, kept)) return 1;
        if (layer->part == FIRST_HALF) continue; /* the other half has the same input */
        current = task->out.data;
        ready = 0;
    }
    run_pending(&pending);
    store_sums(tap);
    return 0;
}

enum { PIXELS_AT_ONCE = 1 << 18 };

static long long pixels_of_pair(const Call *call) { return 2LL * call->height * call->width; }

/* Return how many pairs of a batch are computed together. With more pairs, the weights are fetched less often. With fewer
 * pairs, the feature maps stay in the cache. */
static int pairs_at_once(const Call *call) {
    const long long pairs = PIXELS_AT_ONCE / pixels_of_pair(call);
    return pairs < 1 ? 1 : pairs > call->count ? call->count : (int)pairs;
}

/* Return whether the weights of each layer are so small that each thread may fetch them. */
static int has_small_weights(const Network *network) {
    for (int i = 0; i < network->count; i++) {
        if (network->layers[i].transform && blocking_of(network, &network->layers[i]).shared) return 0;
    }
    return 1;
}

/* A batch of which each thread computes some parts. */
typedef struct {
    Workspace *work;
    const Call *call;
    int pairs, parts, result;
} Batch;

static void part_job(void *context, int unit, int thread) {
    Batch *batch = context;
    const int first = part_of(batch->pairs, unit, batch->parts), end = part_of(batch->pairs, unit + 1, batch->parts);
    Workspace **single = &batch->work->single[thread];
    if (!*single) *single = eyediff_workspace_new(batch->work->network, 1);
    const int result = *single ? run_pairs(*single, batch->call, first, end - first) : 1;
    if (result) __atomic_store_n(&batch->result, result, __ATOMIC_RELAXED);
}

/* Compute a call. Returns 0 on success, 1 if there is not enough memory, and 2 if the images are too small or the
 * arguments are invalid. */
EXPORT int eyediff_run(Workspace *work, const Call *call) {
    if (call->count < 0 || call->type < UINT8 || call->type > FLOAT32 || !call->candidate) return 2;
    if (call->width < 1 || call->first_row < 0 || call->end_row > call->height || call->first_row >= call->end_row) return 2;
    if (!(is_first(call) && is_last(call)) && call->count != 1) return 2;
    const int threads = pool_threads(work->pool), group = pairs_at_once(call);
    const int small = pixels_of_pair(call) <= PIXELS_AT_ONCE;
    int first = 0;
    /* Each thread computes small pairs of its own, so threads wait for each other only at the end of the batch. */
    if (threads > 1 && call->count >= threads && small && has_small_weights(work->network)) {
        const int pairs = call->count / threads * threads;
        Batch batch = {work, call, pairs, divide_up(divide_up(pairs, group), threads) * threads, 0};
        pool_run(work->pool, &(Job){part_job, &batch, batch.parts}, 1);
        if (batch.result) return batch.result;
        first = pairs;
    }
    while (first < call->count) { /* all threads compute one layer of some pairs together */
        const int left = call->count - first, count = group < left ? group : left;
        const int result = run_pairs(work, call, first, count);
        if (result) return result;
        first += count;
    }
    return 0;
}

/* ---- distances from features, and maps from terms */

typedef struct {
    Workspace *work;
    const float *a, *b, *weights;
    int a_images, channels, height, width;
} Comparison;

static void compare_job(void *context, int unit, int thread) {
    const Comparison *task = context;
    const size_t line = (size_t)task->width * (size_t)task->channels;
    const int pair = unit / task->height, row = unit % task->height;
    const size_t of_a = (size_t)(task->a_images == 1 ? 0 : pair) * (size_t)task->height + (size_t)row;
    ((double *)task->work->buffers[4])[unit] =
        task->work->network->kernels->difference(task->a + of_a * line, task->b + (size_t)unit * line, task->weights,
                                                 task->width, task->channels / BLOCK, task->work->own[thread]);
}

/* Compute the sums of the terms at one tap from features. `b` has `count` images, and `a` has `count` images or one. */
EXPORT int eyediff_compare(Workspace *work, int tap, const float *a, int a_images, const float *b, int count, int height,
                           int width, double *sums) {
    const Layer *layer = NULL;
    for (int i = 0, seen = 0; i < work->network->count; i++) {
        if (work->network->layers[i].kind == TAP && seen++ == tap) layer = &work->network->layers[i];
    }
    if (!layer) return 2;
    const Needs needs = {{0, 0, 0}, (size_t)width + SLACK, 0, (size_t)count * (size_t)height};
    if (reserve_all(work, &needs)) return 1;
    Comparison task = {work, a, b, layer->weights, a_images, layer->inputs, height, width};
    pool_run(work->pool, &(Job){compare_job, &task, count * height}, 1);
    for (int pair = 0; pair < count; pair++) sums[pair] = sum_of_rows(work, pair, height);
    return 0;
}

typedef struct {
    const float *const *terms;
    const int32_t *heights, *widths;
    int taps, height, width;
    float *map;
    Workspace *work;
} Enlargement;

/* Find the position of place `at` of `length` among `have` pixel centres. Returns the centre before it, and sets `share`
 * to the weight of the next centre. Outside the outermost centres, the edge is repeated, as torch does with
 * align_corners=False. */
static int centre_below(int at, int length, int have, float *share) {
    double place = ((double)at + 0.5) * have / length - 0.5;
    if (place < 0) place = 0;
    if (place > have - 1) place = have - 1;
    const int low = (int)place;
    *share = (float)(place - low);
    return low;
}

static void enlarge_job(void *context, int unit, int thread) {
    const Enlargement *task = context;
    const int image = unit / task->height, y = unit % task->height;
    float *to = task->map + (size_t)unit * (size_t)task->width;
    float *between = task->work->own[thread];
    memset(to, 0, (size_t)task->width * sizeof *to);
    for (int tap = 0; tap < task->taps; tap++) {
        const int height = task->heights[tap], width = task->widths[tap];
        float share;
        const int low = centre_below(y, task->height, height, &share), high = low + 1 < height ? low + 1 : low;
        const float *terms = task->terms[tap] + (size_t)image * (size_t)height * (size_t)width;
        const float *above = terms + (size_t)low * (size_t)width, *below = terms + (size_t)high * (size_t)width;
        for (int x = 0; x < width; x++) between[x] = above[x] * (1 - share) + below[x] * share;
        between[width] = between[width - 1];
        for (int x = 0; x < task->width; x++) {
            const int left = centre_below(x, task->width, width, &share);
            to[x] += between[left] * (1 - share) + between[left + 1] * share;
        }
    }
}

/* Compute `count` maps: the sums of the terms of all taps, each enlarged to height x width. */
EXPORT int eyediff_enlarge(Workspace *work, const float *const *terms, const int32_t *heights, const int32_t *widths,
                           int count, int height, int width, float *map) {
    int widest = 0;
    for (int tap = 0; tap < work->network->taps; tap++) widest = larger_of(widest, widths[tap]);
    const Needs needs = {{0, 0, 0}, (size_t)widest + SLACK, 0, 0};
    if (reserve_all(work, &needs)) return 1;
    Enlargement task = {terms, heights, widths, work->network->taps, height, width, map, work};
    pool_run(work->pool, &(Job){enlarge_job, &task, count * height}, 1);
    return 0;
}
