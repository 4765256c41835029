//! Execution providers of a device file, in order of preference.

mod cpu;
mod cuda;
mod extra;
mod list;
mod pass_through;
mod require;
mod tensorrt;

use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess};

use super::named::{self, Named};

pub use cpu::CpuOptions;
pub use cuda::{ArenaStrategy, ConvSearch, CudaOptions};
pub use extra::Extra;
pub use list::Providers;
pub use pass_through::{PassThrough, PassThroughOptions};
pub use require::{Required, Requirement};
pub use tensorrt::TensorRtOptions;

/// One execution provider with its options.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Provider {
    /// NVIDIA TensorRT.
    TensorRt(TensorRtOptions),
    /// NVIDIA CUDA.
    Cuda(CudaOptions),
    /// ONNX Runtime's own CPU kernels.
    Cpu(CpuOptions),
    /// A provider whose options are passed to ONNX Runtime unchanged.
    PassThrough(PassThrough, PassThroughOptions),
}

impl Provider {
    /// Every provider, with its defaults.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::names().into_iter().filter_map(Self::plain)
    }

    /// The CPU provider with its defaults.
    pub fn cpu() -> Self {
        Provider::Cpu(CpuOptions::default())
    }

    /// Resolves relative paths in the options against `base`.
    pub(super) fn relative_to(mut self, base: &Path) -> Self {
        if let Provider::TensorRt(options) = &mut self {
            options.engine_cache = options.engine_cache.take().map(|folder| base.join(folder));
        }
        self
    }

    /// The name in device files and results.
    pub fn name(&self) -> &'static str {
        match self {
            Provider::TensorRt(_) => "tensorrt",
            Provider::Cuda(_) => "cuda",
            Provider::Cpu(_) => "cpu",
            Provider::PassThrough(which, _) => which.name(),
        }
    }
}

impl Named for Provider {
    const WHAT: &'static str = "execution provider";

    fn names() -> Vec<&'static str> {
        vec!["tensorrt", "cuda", "cpu", "xnnpack", "openvino", "acl", "coreml", "qnn"]
    }

    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "tensorrt" => Provider::TensorRt(TensorRtOptions::default()),
            "cuda" => Provider::Cuda(CudaOptions::default()),
            "cpu" => Provider::cpu(),
            _ => Provider::PassThrough(PassThrough::named(name)?, PassThroughOptions::default()),
        })
    }

    fn read_options<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Self, A::Error> {
        Ok(match self {
            Provider::TensorRt(_) => Provider::TensorRt(map.next_value()?),
            Provider::Cuda(_) => Provider::Cuda(map.next_value()?),
            Provider::Cpu(_) => Provider::Cpu(map.next_value()?),
            Provider::PassThrough(which, _) => {
                let options = map.next_value()?;
                which.check(&options).map_err(A::Error::custom)?;
                Provider::PassThrough(which, options)
            }
        })
    }
}

/// `cpu`, or `cuda: {memory_limit: 2GiB}`.
impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_options() {
        let list: Vec<Provider> = serde_yaml::from_str(
            "- tensorrt: {fp16: true, workspace: 1GiB, builder_level: 3}\n- cuda\n- openvino: {extra: {device_type: GPU, \
             num_streams: 2, enable_qdq_optimizer: true}}\n- xnnpack\n- cpu: {threads: 2, arena: false}\n",
        )
        .unwrap();
        let Provider::TensorRt(TensorRtOptions { fp16, workspace, timing_cache, .. }) = &list[0] else {
            panic!("first is {:?}", list[0]);
        };
        assert!(*fp16 && *timing_cache);
        assert_eq!(workspace.unwrap().bytes(), 1 << 30);
        let Provider::PassThrough(PassThrough::OpenVino, options) = &list[2] else { panic!("third is {:?}", list[2]) };
        let extra: Vec<_> = options.extra.iter().collect();
        assert_eq!(extra, [("device_type", "GPU"), ("enable_qdq_optimizer", "true"), ("num_streams", "2")]);
        assert_eq!(list[4], Provider::Cpu(CpuOptions { arena: false, threads: Some(2), ..CpuOptions::default() }));
        let names = list.iter().map(Provider::name).collect::<Vec<_>>();
        assert_eq!(names, ["tensorrt", "cuda", "openvino", "xnnpack", "cpu"]);
    }

    #[test]
    fn every_name_is_known() {
        for name in Provider::names() {
            assert_eq!(Provider::plain(name).map(|provider| provider.name()), Some(name));
        }
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, expected) in [
            ("- gpu", "unknown execution provider `gpu`, expected one of tensorrt, cuda, cpu, xnnpack"),
            ("- cuda: {memory: 2GiB}", "unknown field `memory`, expected one of `device_id`, `memory_limit`"),
            ("- cuda: {memory_limit: 2GB}", "unknown unit `GB`"),
            ("- cuda: {}\n  cpu: {}", "line of its own"),
            (
                "- cpu: {fast: true}",
                "unknown field `fast`, expected one of `arena`, `memory_pattern`, `threads`, `spinning`",
            ),
            ("- cpu: {threads: -1}", "expected a number of threads up to 1024"),
            ("- cpu: {threads: 5000}", "5000 threads are more than 1024"),
            ("- cuda: {device_id: -1}", "device_id"),
            ("- cuda: {arena_strategy: fast}", "expected `next_power_of_two` or `same_as_requested`"),
            ("- cuda: {conv_search: all}", "expected one of `exhaustive`, `heuristic`, `default`"),
            ("- cuda: {cuda_graph: true}", "cuda_graph"),
            ("- tensorrt: {builder_level: 9}", "9 is not within 0 to 5"),
            ("- openvino: {device_type: GPU}", "unknown field `device_type`, expected `extra`"),
            ("- openvino: {extra: {device_type: [GPU]}}", "a text, a number, or true or false"),
            ("- openvino: {extra: {device_type: \"G\\0\"}}", "NUL"),
            ("- acl: {extra: {threads: 2}}", "`acl` accepts only `fast_math`"),
        ] {
            let error = serde_yaml::from_str::<Vec<Provider>>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
