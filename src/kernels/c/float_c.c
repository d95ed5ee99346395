/* Norm, rotary embedding, activation, log-sum-exp and scaled addition: the meaning. */

#include "kernels/kernels_list.h"

#include <math.h>

void rms_norm_c(const float *x, const float *gamma, float eps, float *y, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = fmaf(x[i], x[i], sum);
    const float factor = 1 / sqrtf(sum / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * factor * gamma[i];
}

void rope_interleaved_c(float *x, const float *cos_sin, size_t n_rot)
{
    const float *cos = cos_sin, *sin = cos_sin + n_rot / 2;
    for (size_t i = 0; i < n_rot / 2; i++) {
        const float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cos[i] - b * sin[i];
        x[2 * i + 1] = a * sin[i] + b * cos[i];
    }
}

void rope_half_c(float *x, const float *cos_sin, size_t n_rot)
{
    const size_t half = n_rot / 2;
    const float *cos = cos_sin, *sin = cos_sin + half;
    for (size_t i = 0; i < half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = a * sin[i] + b * cos[i];
    }
}

void swiglu_c(const float *gate, const float *up, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

void max_sum_exp_c(const float *x, size_t n, float *max, float *sum)
{
    float largest = -INFINITY;
    for (size_t i = 0; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    float total = 0;
    for (size_t i = 0; i < n; i++)
        total += x[i] == -INFINITY ? 0 : expf(x[i] - largest);
    *max = largest;
    *sum = total;
}

void axpy_c(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf(a, x[i], y[i]);
}
