//! Which processors sum 8-bit products inexactly.

/// `kOrtSessionOptionsAvx2PrecisionMode`: 8-bit weights are made unsigned when a graph is loaded, whose products do not
/// saturate (and take longer).
pub(super) const EXACT_BYTE_PRODUCTS: &str = "session.x64quantprecision";

/// Whether this processor sums pairs of products of a signed and an unsigned byte in 16 bits (`vpmaddubsw`), where large
/// ones saturate: x86 without the VNNI instructions, which use 32.
#[cfg(target_arch = "x86_64")]
pub(super) fn saturates() -> bool {
    let vnni = [std::is_x86_feature_detected!("avx512vnni"), std::is_x86_feature_detected!("avxvnni")];
    !vnni.contains(&true)
}

/// Other processors multiply bytes exactly.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn saturates() -> bool {
    false
}
