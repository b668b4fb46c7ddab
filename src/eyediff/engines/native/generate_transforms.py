"""Write the files `transforms.h` and `transform_tables.h`. Run `python generate_transforms.py` in this folder.

What a Winograd transform is
----------------------------
A convolution of one dimension with a kernel g of r numbers gives m outputs from a tile d of n = m + r - 1 inputs. The
direct computation takes m * r products. The algorithm of Toom and Cook takes n products. The outputs are linear
combinations of the coefficients of a product of two polynomials, and n values determine a polynomial. So both
polynomials are evaluated at n points, the values are multiplied, and the outputs are interpolated:

    y = A^T [ (G g) * (B^T d) ]

In two dimensions, each matrix is applied to rows and to columns. A tile of m x m outputs takes n * n products instead
of m * m * r * r. In a layer with many channels, these products take most of the time. They are computed as n * n matrix
products, one for each of the n * n points. The transforms of inputs and outputs take little time. Sources: Winograd
1980; Lavin & Gray 2016, Fast algorithms for convolutional neural networks, arXiv:1509.09308.

For a stride of 2, the inputs and the kernel are split into their even and their odd places. The result is the sum of
two convolutions with stride 1: of the even inputs with the even part of the kernel, and of the odd ones. Each of them
has an algorithm of its own, and the points of the second follow those of the first. A kernel of 3 has 2 even places and
1 odd place. Two outputs then take 3 + 2 products in place of 6. In two dimensions, these are 25 products in place of
36.

Which points are used, and why
------------------------------
F(m x m, r x r) denotes the algorithm for m x m outputs and a kernel of r x r numbers.

With exact arithmetic, any n - 1 different points and infinity give the right result. The rounding errors depend on the
points: A multiplies the errors of the products, and terms of G and B that cancel each other make the products large.
`amplification` predicts the rounding error, divided by the error of the direct computation, from the norms of rows. The
usual points 0, +-1, +-2 of F(4x4, 3x3) give 10.8. The points 0, +-5/8, +-3/2 give 4.8 with the same number of
operations. Their absolute values are near 1, so their powers neither grow nor shrink fast, and the points are not close
together. F(2x2, 5x5) at the same points gives 5.4; only the second layer of AlexNet uses this algorithm. F(2x2, 3x3)
with stride 2 at the points 0 and 1 gives 1.7; two layers of lpips-mini use it.

Two other algorithms need fewer products, but they are too inexact, because the allowed error of a published distance is
1e-5. F(4x4, 5x5) has an amplification of 19 at its best points 0, +-1/2, +-1, +-2. It changed the distances of 64x64
crops by 1.8e-5. F(6x6, 3x3) changed the distances of photos by 1.2e-5.

All points are sums of a few powers of two, so every constant of B and A is exact in float32. The constants of G are
not exact. G is applied once, in double precision, when the weights are loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

Matrix = list[list[Fraction]]


@dataclass(frozen=True)
class Algorithm:
    """An algorithm for `outputs` outputs and a kernel of `kernel` numbers, in one dimension.

    `points` has the finite points for each part of the inputs. There are as many parts as the stride: part k has the
    inputs number k, k + stride, k + 2 stride and so on.
    """

    outputs: int
    kernel: int
    points: tuple[tuple[Fraction, ...], ...]

    @property
    def stride(self) -> int:
        """Distance of two neighbouring outputs, in inputs."""
        return len(self.points)

    @property
    def inputs(self) -> int:
        """Number of inputs, and also number of products."""
        return (self.outputs - 1) * self.stride + self.kernel


FIVE_POINTS = (Fraction(0), Fraction(5, 8), Fraction(-5, 8), Fraction(3, 2), Fraction(-3, 2))

ALGORITHMS = {
    "f4x3": Algorithm(4, 3, (FIVE_POINTS,)),
    "f2x5": Algorithm(2, 5, (FIVE_POINTS,)),
    "f2x3_stride2": Algorithm(2, 3, ((Fraction(0), Fraction(1)), (Fraction(0),))),
}
"""The algorithms, by name. For points p and -p, the C code computes the even terms and the odd terms once."""


def polynomial(roots: list[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of (x - root) over all roots. The coefficient of x^0 comes first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        scaled = [root * c for c in coefficients] + [Fraction(0)]
        coefficients = [s - c for s, c in zip(shifted, scaled, strict=True)]
    return coefficients


def matrices(algorithm: Algorithm) -> tuple[Matrix, Matrix, Matrix]:
    """Return the matrices B^T (n x n), G (n x r) and A^T (m x n) of an algorithm."""
    stride, into, kernel = algorithm.stride, list[list[Fraction]](), list[list[Fraction]]()
    out: Matrix = [[] for _ in range(algorithm.outputs)]
    for part, points in enumerate(algorithm.points):
        own_into, own_kernel, own_out = stride_1_matrices(
            algorithm.outputs, len(range(part, algorithm.kernel, stride)), points
        )
        into += [spread(row, part, stride, algorithm.inputs) for row in own_into]
        kernel += [spread(row, part, stride, algorithm.kernel) for row in own_kernel]
        out = [row + own for row, own in zip(out, own_out, strict=True)]
    return into, kernel, out


def spread(row: list[Fraction], first: int, step: int, length: int) -> list[Fraction]:
    """Return a row of zeros with the values of `row` at the places first, first + step, first + 2 step and so on."""
    values = [Fraction(0)] * length
    values[first::step] = row
    return values


def stride_1_matrices(m: int, r: int, points: tuple[Fraction, ...]) -> tuple[Matrix, Matrix, Matrix]:
    """Return the matrices B^T (n x n), G (n x r) and A^T (m x n) for a stride of 1.

    The last row of B^T, the last row of G and the last column of A^T belong to the point at infinity.
    """
    n = m + r - 1
    into, kernel, out = [], [], []
    for point in points:
        others = [other for other in points if other != point]
        into.append([*polynomial(others), Fraction(0)])
        scale = math.prod((point - other for other in others), start=Fraction(1))
        kernel.append([point**k / scale for k in range(r)])
        out.append([point**k for k in range(m)])
    into.append(polynomial(list(points)))
    kernel.append([Fraction(0)] * (r - 1) + [Fraction(1)])
    out.append([Fraction(0)] * (m - 1) + [Fraction(1)])
    for i in range(n):
        # Divide the row of B by a power of two near its norm, and multiply the row of G by that power. B stays exact.
        norm = math.sqrt(float(sum(value * value for value in into[i])))
        factor = Fraction(2) ** -round(math.log2(norm))
        into[i] = [value * factor for value in into[i]]
        kernel[i] = [value / factor for value in kernel[i]]
    return into, kernel, [[out[j][i] for j in range(n)] for i in range(m)]


def amplification(name: str) -> float:
    """Return the rounding error of an algorithm for a 2-D tile, divided by the error of a direct convolution.

    Both errors are root mean squares.
    """
    algorithm = ALGORITHMS[name]
    into, kernel, out = matrices(algorithm)
    products = [sum(float(g) ** 2 for g in kernel[i]) * sum(float(b) ** 2 for b in into[i]) for i in range(len(into))]
    outputs = [sum(float(a) ** 2 * p for a, p in zip(row, products, strict=True)) for row in out]
    return sum(outputs) / len(outputs) / algorithm.kernel


def expression(terms: list[tuple[Fraction, str]]) -> str:
    """Return a sum as C code. Each term is a variable multiplied by a factor."""
    text = ""
    for factor, variable in terms:
        if factor == 0:
            continue
        multiple = variable if abs(factor) == 1 else f"{float(abs(factor))!r}f * {variable}"
        sign = "-" if factor < 0 else "+"
        text = f"{text} {sign} {multiple}" if text else (f"-{multiple}" if factor < 0 else multiple)
    return text


def pairs(algorithm: Algorithm) -> dict[int, int]:
    """Return, for each interpolation point p > 0 with a counterpart -p, the index of p and the index of -p."""
    if algorithm.stride > 1:  # its points have no counterparts
        return {}
    (points,) = algorithm.points
    return {i: points.index(-p) for i, p in enumerate(points) if p > 0 and -p in points}


def input_transform(name: str) -> list[str]:
    """Return the lines of a C function that computes B^T d on vectors."""
    algorithm = ALGORITHMS[name]
    into, _, _ = matrices(algorithm)
    n, both = algorithm.inputs, pairs(algorithm)
    lines = [f"INLINE void {name}_input(const Vector *x, int step, Vector *y, int stride) {{"]
    lines += [f"    const Vector x{j} = x[{j} * step];" for j in range(n)]
    for i in range(n):
        if i in both:
            k = both[i]
            even = [((into[i][j] + into[k][j]) / 2, f"x{j}") for j in range(n)]
            odd = [((into[i][j] - into[k][j]) / 2, f"x{j}") for j in range(n)]
            lines.append(f"    const Vector even{i} = {expression(even)}, odd{i} = {expression(odd)};")
            lines.append(f"    y[{i} * stride] = even{i} + odd{i};")
            lines.append(f"    y[{k} * stride] = even{i} - odd{i};")
        elif i not in both.values():
            lines.append(f"    y[{i} * stride] = {expression([(into[i][j], f'x{j}') for j in range(n)])};")
    return [*lines, "}", ""]


def output_transform(name: str) -> list[str]:
    """Return the lines of a C function that computes A^T t on vectors, where t are the products."""
    algorithm = ALGORITHMS[name]
    _, _, out = matrices(algorithm)
    n, both = algorithm.inputs, pairs(algorithm)
    lines = [f"INLINE void {name}_output(const Vector *x, int step, Vector *y) {{"]
    lines += [f"    const Vector x{j} = x[{j} * step];" for j in range(n)]
    for i, k in both.items():
        lines.append(f"    const Vector sum{i} = x{i} + x{k}, difference{i} = x{i} - x{k};")
    for q in range(algorithm.outputs):
        terms = [
            (out[q][j], (f"sum{j}" if q % 2 == 0 else f"difference{j}") if j in both else f"x{j}")
            for j in range(n)
            if j not in both.values()
        ]
        lines.append(f"    y[{q}] = {expression(terms)};")
    return [*lines, "}", ""]


def vector_code() -> str:
    """Return the content of `transforms.h`: the C functions that transform inputs and outputs."""
    lines = ["/* Written by generate_transforms.py: Winograd's transforms of inputs and outputs, on vectors. */", ""]
    for name, algorithm in ALGORITHMS.items():
        shown = "; ".join(", ".join(map(str, [*points, "infinity"])) for points in algorithm.points)
        title = f"{algorithm.outputs} outputs of a kernel of {algorithm.kernel} with stride {algorithm.stride}"
        lines += [f"/* {title}, at the points {shown}. */", ""]
        lines += [*input_transform(name), *output_transform(name)]
    return "\n".join(lines)


def table_code() -> str:
    """Return the content of `transform_tables.h`: the constants that transform kernels."""
    lines = ["/* Written by generate_transforms.py: Winograd's transforms of kernels, G, row by row. */", ""]
    for name, algorithm in ALGORITHMS.items():
        _, kernel, _ = matrices(algorithm)
        lines.append(f"static const double {name}_kernel[{algorithm.inputs}][{algorithm.kernel}] = {{")
        lines += [f"    {{{', '.join(f'{v.numerator}.0 / {v.denominator}.0' for v in row)}}}," for row in kernel]
        lines += ["};", ""]
    return "\n".join(lines)


FILES = {"transforms.h": vector_code, "transform_tables.h": table_code}

if __name__ == "__main__":
    for file, code in FILES.items():
        Path(__file__).with_name(file).write_text(code())
