#ifndef KERNELS_EXP_AVX512_H
#define KERNELS_EXP_AVX512_H
/* e^x and 2^x for 16 floats, within 2 units in the last place: a whole power of two times a
 * polynomial for the rest. Far below exactly 0 (so for -infinity), exactly 1 at 0, NaN stays. */

#include <immintrin.h>

#define ROUND_NEAREST (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

/* x = n ln 2 + r, |r| <= ln 2 / 2; polynomial for e^r: Cephes, expf. 0 below -104,
 * infinity above 89. */
static inline __m512 exp_avx512(__m512 x)
{
    /* NaN: min and max return their second operand */
    x = _mm512_max_ps(_mm512_set1_ps(-104), _mm512_min_ps(_mm512_set1_ps(89), x));
    const __m512 n =
        _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p0f)), ROUND_NEAREST);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e4p-1f), x); /* ln 2 in two parts */
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.7f7d1cp-20f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1)));
    return _mm512_scalef_ps(p, n);
}

/* For x <= 0, as attention has them, and NaN. x = n + r, |r| <= 1/2; polynomial for 2^r: least
 * largest relative error with 1 at 0. Below -125 it is 0: a denormal result, as of scalef, costs
 * some hundred cycles, and masked keys would have one each. */
static inline __m512 exp2_avx512(__m512 x)
{
    const __m512 shift = _mm512_set1_ps(0x1.8p23f); /* leaves n in the lowest bits */
    const __m512 shifted = _mm512_add_ps(x, shift);
    const __m512 r = _mm512_sub_ps(x, _mm512_sub_ps(shifted, shift));
    __m512 p = _mm512_set1_ps(0x1.41fbbcp-13f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.5f3e54p-10f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.3b2d4cp-7f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.c6aee8p-5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.ebfbdcp-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.62e43p-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    const __mmask16 counts = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-125), _CMP_NLT_UQ);
    return _mm512_castsi512_ps(_mm512_maskz_add_epi32(counts, _mm512_castps_si512(p), n));
}

#endif
