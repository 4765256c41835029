//! What the processor can do.

/// Whether it is an x86 with AVX2, for which ONNX Runtime had 8-bit block kernels before it had them for others.
pub(super) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
