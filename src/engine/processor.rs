//! Classes of processors: which matrix products they compute fast, and how exactly.

use std::fmt;

use super::elf::Machine;
use crate::config::model_folder::{GraphSpec, RuntimeVersion};

/// `kOrtSessionOptionsAvx2PrecisionMode`: converts 8-bit weights to unsigned when a graph is loaded; their products do
/// not saturate, but take longer.
pub(super) const EXACT_BYTE_PRODUCTS: &str = "session.x64quantprecision";

/// A class of processors that ONNX Runtime has different kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// x86-64 with AVX-512 VNNI or AVX-VNNI: sums of byte products in 32 bits.
    X86Vnni,
    /// x86-64 with AVX2: Intel before 2019, AMD before Zen 4.
    X86Avx2,
    /// x86-64 without AVX2: many Atom and Celeron boards.
    X86,
    /// 64-bit ARM with products of matrices of bytes (i8mm): Cortex-A78AE's successors, Neoverse V1.
    ArmI8mm,
    /// 64-bit ARM with dot products of bytes: Cortex-A55, A76 (Raspberry Pi 5), A78AE (Jetson Orin).
    ArmDotProduct,
    /// 64-bit ARM without: Cortex-A53, A57 (Jetson Nano), A72 (Raspberry Pi 4).
    Arm,
    /// Any other processor.
    Other,
}

impl Processor {
    /// The class of this machine.
    #[cfg(target_arch = "x86_64")]
    pub fn own() -> Self {
        use std::is_x86_feature_detected as has;
        match () {
            () if [has!("avx512vnni"), has!("avxvnni")].contains(&true) => Processor::X86Vnni,
            // ONNX Runtime's AVX2 kernels are chosen together with FMA3.
            () if ![has!("avx2"), has!("fma")].contains(&false) => Processor::X86Avx2,
            () => Processor::X86,
        }
    }

    /// The class of this machine. The kernel reports features through the auxiliary vector, so `/proc` is not needed.
    #[cfg(target_arch = "aarch64")]
    pub fn own() -> Self {
        use std::arch::is_aarch64_feature_detected as has;
        match () {
            () if has!("i8mm") => Processor::ArmI8mm,
            () if has!("dotprod") => Processor::ArmDotProduct,
            () => Processor::Arm,
        }
    }

    /// The class of this machine.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub fn own() -> Self {
        Processor::Other
    }

    /// All classes of one architecture, which a bundle for it may run on.
    pub const fn of_machine(machine: Machine) -> &'static [Self] {
        match machine {
            Machine::X86_64 => &[Processor::X86Vnni, Processor::X86Avx2, Processor::X86],
            Machine::Aarch64 => &[Processor::ArmI8mm, Processor::ArmDotProduct, Processor::Arm],
            Machine::Other(_) => &[Processor::Other],
        }
    }

    /// Whether pairs of products of a signed and an unsigned byte are summed in 16 bits (`vpmaddubsw`), where large
    /// ones saturate. Other processors multiply bytes exactly.
    pub const fn saturates(self) -> bool {
        matches!(self, Processor::X86Avx2 | Processor::X86)
    }

    /// The minimum version of ONNX Runtime that runs `graph` in `precision` here, if the oldest supported version does
    /// not. For `q8`, model folders exported earlier state the version for AVX2 only.
    pub fn needed(self, graph: &GraphSpec, precision: &str) -> Option<RuntimeVersion> {
        let avx2 = matches!(self, Processor::X86Vnni | Processor::X86Avx2);
        // 1.22 has 8-bit block kernels only for AVX2; elsewhere the first run of a graph fails.
        let kernels = RuntimeVersion::new(1, if avx2 { 22 } else { 23 });
        let stated = graph.needs.get(precision).map(|needs| needs.on(avx2));
        stated.max((precision == "q8").then_some(kernels))
    }
}

impl fmt::Display for Processor {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Processor::X86Vnni => "x86-64 with VNNI",
            Processor::X86Avx2 => "x86-64 with AVX2, without VNNI",
            Processor::X86 => "x86-64 without AVX2",
            Processor::ArmI8mm => "ARM with i8mm",
            Processor::ArmDotProduct => "ARM with dot products",
            Processor::Arm => "ARM without dot products",
            Processor::Other => "an unknown processor",
        })
    }
}
