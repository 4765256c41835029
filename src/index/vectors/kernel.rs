//! Products of a query with many codes, with the vector instructions of the processor that runs the program.

use super::codes::Codes;

/// A query as 16-bit integers: their error is far below that of the codes.
pub(super) struct QueryCode {
    numbers: Vec<i16>,
    scale: f32,
}

/// Largest magnitude of a query's integers: 8192 products with 127 stay below 2^31.
const LARGEST: f32 = 2047.0;

impl QueryCode {
    pub fn new(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
        let scale = largest / LARGEST;
        let numbers = vector.iter().map(|number| (number / scale).round() as i16).collect();
        QueryCode { numbers, scale }
    }
}

/// Writes the item and approximate similarity of each code; returns how many there were, at most as many as `scores`
/// has room for.
pub(super) type Kernel = fn(&QueryCode, Codes, &mut [(u32, f32)]) -> usize;

/// The fastest kernel for this processor.
pub(super) fn kernel() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has the feature of the function.
            return |query, codes, scores| unsafe { x86::avx512(query, codes, scores) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the feature of the function.
            return |query, codes, scores| unsafe { x86::avx2(query, codes, scores) };
        }
    }
    portable
}

/// For ARM, whose compiler vectorises the loop with instructions that every 64-bit processor has, and for all others.
fn portable(query: &QueryCode, codes: Codes, scores: &mut [(u32, f32)]) -> usize {
    each(query, codes, scores, plain_product)
}

#[inline(always)]
fn each(query: &QueryCode, codes: Codes, scores: &mut [(u32, f32)], product: impl Fn(&[u8], &[i16]) -> i32) -> usize {
    let mut count = 0;
    for (place, (item, scale, numbers)) in scores.iter_mut().zip(codes.iter()) {
        *place = (item, product(numbers, &query.numbers) as f32 * scale * query.scale);
        count += 1;
    }
    count
}

#[inline(always)]
fn plain_product(codes: &[u8], query: &[i16]) -> i32 {
    codes.iter().zip(query).map(|(&code, &number)| i32::from(code.cast_signed()) * i32::from(number)).sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _MM_HINT_T0, _mm_add_epi32, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_prefetch,
        _mm_shuffle_epi32, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_extracti128_si256,
        _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_si256, _mm512_add_epi32, _mm512_cvtepi8_epi16,
        _mm512_loadu_si512, _mm512_madd_epi16, _mm512_reduce_add_epi32, _mm512_setzero_si512,
    };

    use super::{Codes, QueryCode, each, plain_product};

    /// Bytes of a cache line.
    const LINE: usize = 64;

    /// Distance of the bytes that are fetched ahead.
    const AHEAD: usize = 2048;

    #[target_feature(enable = "avx2")]
    pub fn avx2(query: &QueryCode, codes: Codes, scores: &mut [(u32, f32)]) -> usize {
        each(query, codes, scores, |codes, query| {
            let (mut codes, mut query) = (codes.chunks_exact(16), query.chunks_exact(16));
            let mut sum = _mm256_setzero_si256();
            for (codes, query) in codes.by_ref().zip(query.by_ref()) {
                // SAFETY: the chunks are 16 and 32 bytes long; both loads accept any alignment.
                let (codes, query) = unsafe {
                    (
                        _mm_loadu_si128(codes.as_ptr().cast::<__m128i>()),
                        _mm256_loadu_si256(query.as_ptr().cast::<__m256i>()),
                    )
                };
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(codes), query));
            }
            let four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two));
            _mm_cvtsi128_si32(one) + plain_product(codes.remainder(), query.remainder())
        })
    }

    #[target_feature(enable = "avx512bw")]
    pub fn avx512(query: &QueryCode, codes: Codes, scores: &mut [(u32, f32)]) -> usize {
        each(query, codes, scores, |codes, query| {
            // Caches fetch ahead within a page only.
            (0..codes.len() / LINE)
                .for_each(|line| _mm_prefetch::<_MM_HINT_T0>(codes.as_ptr().wrapping_add(AHEAD + line * LINE).cast()));
            let (mut codes, mut query) = (codes.chunks_exact(64), query.chunks_exact(64));
            let mut sums = [_mm512_setzero_si512(); 2];
            for (codes, query) in codes.by_ref().zip(query.by_ref()) {
                for (half, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: the halves are 32 and 64 bytes long; both loads accept any alignment.
                    let (codes, query) = unsafe {
                        let query = _mm512_loadu_si512(query.as_ptr().add(32 * half).cast());
                        (_mm256_loadu_si256(codes.as_ptr().add(32 * half).cast::<__m256i>()), query)
                    };
                    *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(_mm512_cvtepi8_epi16(codes), query));
                }
            }
            let sum = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
            sum + plain_product(codes.remainder(), query.remainder())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::vectors::unit;

    /// Every kernel that this processor runs.
    fn kernels() -> Vec<Kernel> {
        // Only x86-64 adds one.
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
        let mut kernels: Vec<Kernel> = vec![portable, kernel()];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the feature of the function.
            kernels.push(|query, codes, scores| unsafe { x86::avx2(query, codes, scores) });
        }
        kernels
    }

    #[test]
    fn kernels_agree_and_are_close_to_the_exact_product() {
        let mut random = fastrand::Rng::with_seed(7);
        for dimensions in [1, 7, 16, 33, 512, 8192] {
            let mut vector = || unit(&(0..dimensions).map(|_| random.f32() - 0.5).collect::<Vec<_>>()).unwrap();
            let (query, vectors) = (vector(), [vector(), vector(), vector()]);
            let mut bytes = Vec::new();
            vectors.iter().zip(5..).for_each(|(vector, item)| Codes::encode(item, vector, &mut bytes));
            let code = QueryCode::new(&query);
            let all = kernels().into_iter().map(|kernel| {
                let mut scores = [(0, 0.0); 4];
                assert_eq!(kernel(&code, Codes::new(&bytes, dimensions), &mut scores), 3);
                scores
            });
            let all: Vec<_> = all.collect();
            assert!(all.iter().all(|scores| *scores == all[0]), "{dimensions}");
            for (&(item, score), (vector, expected)) in all[0].iter().zip(vectors.iter().zip(5..)) {
                let exact: f32 = vector.iter().zip(&query).map(|(one, other)| one * other).sum();
                assert_eq!(item, expected);
                assert!((score - exact).abs() < 0.01, "{dimensions}: {score} {exact}");
            }
        }
    }

    #[test]
    fn the_largest_product_does_not_overflow() {
        let vector = unit(&[1.0; 8192]).unwrap();
        let mut bytes = Vec::new();
        Codes::encode(0, &vector, &mut bytes);
        for kernel in kernels() {
            let mut scores = [(0, 0.0)];
            kernel(&QueryCode::new(&vector), Codes::new(&bytes, 8192), &mut scores);
            assert!((scores[0].1 - 1.0).abs() < 1e-3, "{}", scores[0].1);
        }
    }
}
