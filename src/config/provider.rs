//! Execution providers as a device file names them, in order of preference.

use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess};

use super::named::{self, Named};
use super::units::ByteSize;

/// One execution provider with its options.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Provider {
    /// NVIDIA TensorRT.
    TensorRt(TensorRtOptions),
    /// NVIDIA CUDA.
    Cuda(CudaOptions),
    /// ONNX Runtime's own CPU kernels.
    Cpu,
}

/// Options of the TensorRT provider.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TensorRtOptions {
    /// GPU number.
    pub device_id: i32,
    /// Let engines use half precision.
    pub fp16: bool,
    /// Folder for built engines; each model gets a folder of its own inside.
    pub engine_cache: Option<PathBuf>,
    /// Scratch memory while an engine is built.
    pub workspace: Option<ByteSize>,
}

/// Options of the CUDA provider.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CudaOptions {
    /// GPU number.
    pub device_id: i32,
    /// Most GPU memory its arena may take.
    pub memory_limit: Option<ByteSize>,
}

impl Provider {
    /// Reads relative paths in the options from `base`.
    pub(super) fn relative_to(mut self, base: &Path) -> Self {
        if let Provider::TensorRt(options) = &mut self {
            options.engine_cache = options.engine_cache.take().map(|folder| base.join(folder));
        }
        self
    }

    /// The name as a device file writes it and results report it.
    pub fn name(&self) -> &'static str {
        match self {
            Provider::TensorRt(_) => "tensorrt",
            Provider::Cuda(_) => "cuda",
            Provider::Cpu => "cpu",
        }
    }
}

impl Named for Provider {
    const WHAT: &'static str = "execution provider";
    const NAMES: &'static [&'static str] = &["tensorrt", "cuda", "cpu"];

    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "tensorrt" => Provider::TensorRt(TensorRtOptions::default()),
            "cuda" => Provider::Cuda(CudaOptions::default()),
            "cpu" => Provider::Cpu,
            _ => return None,
        })
    }

    fn read_options<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Self, A::Error> {
        Ok(match self {
            Provider::TensorRt(_) => Provider::TensorRt(map.next_value()?),
            Provider::Cuda(_) => Provider::Cuda(map.next_value()?),
            Provider::Cpu => map.next_value::<NoOptions>().map(|_| Provider::Cpu)?,
        })
    }
}

/// `cpu`, or `cuda: {memory_limit: 2GiB}`.
impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named::deserialize(deserializer)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

#[cfg(test)]
mod tests {
    use super::{Provider, TensorRtOptions};

    #[test]
    fn reads_names_and_options() {
        let list: Vec<Provider> =
            serde_yaml::from_str("- tensorrt: {fp16: true, workspace: 1GiB}\n- cuda\n- cpu\n").unwrap();
        let Provider::TensorRt(TensorRtOptions { fp16, workspace, .. }) = &list[0] else {
            panic!("first is {:?}", list[0]);
        };
        assert!(*fp16);
        assert_eq!(workspace.unwrap().bytes(), 1 << 30);
        assert_eq!(list.iter().map(Provider::name).collect::<Vec<_>>(), ["tensorrt", "cuda", "cpu"]);
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, told) in [
            ("- gpu", "unknown execution provider `gpu`"),
            ("- cuda: {memory: 2GiB}", "unknown field `memory`"),
            ("- cuda: {memory_limit: 2GB}", "unknown unit `GB`"),
            ("- cuda: {}\n  cpu: {}", "line of its own"),
            ("- cpu: {arena: true}", "unknown field `arena`"),
        ] {
            let error = serde_yaml::from_str::<Vec<Provider>>(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
