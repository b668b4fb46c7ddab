/* Written by generate_transforms.py: Winograd's transforms of inputs and outputs, on vectors. */

/* 4 outputs of a kernel of 3 with stride 1, at the points 0, 5/8, -5/8, 3/2, -3/2, infinity. */

INLINE void f4x3_input(const Vector *x, int step, Vector *y, int stride) {
    const Vector x0 = x[0 * step];
    const Vector x1 = x[1 * step];
    const Vector x2 = x[2 * step];
    const Vector x3 = x[3 * step];
    const Vector x4 = x[4 * step];
    const Vector x5 = x[5 * step];
    y[0 * stride] = 0.2197265625f * x0 - 0.66015625f * x2 + 0.25f * x4;
    const Vector even1 = -0.5625f * x2 + 0.25f * x4, odd1 = -0.3515625f * x1 + 0.15625f * x3;
    y[1 * stride] = even1 + odd1;
    y[2 * stride] = even1 - odd1;
    const Vector even3 = -0.1953125f * x2 + 0.5f * x4, odd3 = -0.29296875f * x1 + 0.75f * x3;
    y[3 * stride] = even3 + odd3;
    y[4 * stride] = even3 - odd3;
    y[5 * stride] = 0.2197265625f * x1 - 0.66015625f * x3 + 0.25f * x5;
}

INLINE void f4x3_output(const Vector *x, int step, Vector *y) {
    const Vector x0 = x[0 * step];
    const Vector x1 = x[1 * step];
    const Vector x2 = x[2 * step];
    const Vector x3 = x[3 * step];
    const Vector x4 = x[4 * step];
    const Vector x5 = x[5 * step];
    const Vector sum1 = x1 + x2, difference1 = x1 - x2;
    const Vector sum3 = x3 + x4, difference3 = x3 - x4;
    y[0] = x0 + sum1 + sum3;
    y[1] = 0.625f * difference1 + 1.5f * difference3;
    y[2] = 0.390625f * sum1 + 2.25f * sum3;
    y[3] = 0.244140625f * difference1 + 3.375f * difference3 + x5;
}

/* 2 outputs of a kernel of 5 with stride 1, at the points 0, 5/8, -5/8, 3/2, -3/2, infinity. */

INLINE void f2x5_input(const Vector *x, int step, Vector *y, int stride) {
    const Vector x0 = x[0 * step];
    const Vector x1 = x[1 * step];
    const Vector x2 = x[2 * step];
    const Vector x3 = x[3 * step];
    const Vector x4 = x[4 * step];
    const Vector x5 = x[5 * step];
    y[0 * stride] = 0.2197265625f * x0 - 0.66015625f * x2 + 0.25f * x4;
    const Vector even1 = -0.5625f * x2 + 0.25f * x4, odd1 = -0.3515625f * x1 + 0.15625f * x3;
    y[1 * stride] = even1 + odd1;
    y[2 * stride] = even1 - odd1;
    const Vector even3 = -0.1953125f * x2 + 0.5f * x4, odd3 = -0.29296875f * x1 + 0.75f * x3;
    y[3 * stride] = even3 + odd3;
    y[4 * stride] = even3 - odd3;
    y[5 * stride] = 0.2197265625f * x1 - 0.66015625f * x3 + 0.25f * x5;
}

INLINE void f2x5_output(const Vector *x, int step, Vector *y) {
    const Vector x0 = x[0 * step];
    const Vector x1 = x[1 * step];
    const Vector x2 = x[2 * step];
    const Vector x3 = x[3 * step];
    const Vector x4 = x[4 * step];
    const Vector x5 = x[5 * step];
    const Vector sum1 = x1 + x2, difference1 = x1 - x2;
    const Vector sum3 = x3 + x4, difference3 = x3 - x4;
    y[0] = x0 + sum1 + sum3;
    y[1] = 0.625f * difference1 + 1.5f * difference3 + x5;
}

/* 2 outputs of a kernel of 3 with stride 2, at the points 0, 1, infinity; 0, infinity. */

INLINE void f2x3_stride2_input(const Vector *x, int step, Vector *y, int stride) {
    const Vector x0 = x[0 * step];
    const Vector x1 = x[1 * step];
    const Vector x2 = x[2 * step];
    const Vector x3 = x[3 * step];
    const Vector x4 = x[4 * step];
    y[0 * stride] = -0.5f * x0 + 0.5f * x2;
    y[1 * stride] = x2;
    y[2 * stride] = -0.5f * x2 + 0.5f * x4;
    y[3 * stride] = x1;
    y[4 * stride] = x3;
}

INLINE void f2x3_stride2_output(const Vector *x, int step, Vector *y) {
    const Vector x0 = x[0 * step];
    const Vector x1 = x[1 * step];
    const Vector x2 = x[2 * step];
    const Vector x3 = x[3 * step];
    const Vector x4 = x[4 * step];
    y[0] = x0 + x1 + x3;
    y[1] = x1 + x2 + x4;
}
