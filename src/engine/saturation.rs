//! Which processors sum 8-bit products inexactly.

/// The precision whose products of signed and unsigned bytes older x86 processors sum in 16 bits (`vpmaddubsw`).
pub(super) const SATURATING: &str = "int8";

/// Whether this processor sums pairs of byte products in 16 bits: x86 without the VNNI instructions, which use 32.
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
