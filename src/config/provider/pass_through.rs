//! Providers whose options are passed to ONNX Runtime unchanged.

use serde::Deserialize;

use super::extra::Extra;

/// A provider without typed options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassThrough {
    /// XNNPACK: CPU kernels for ARM and x86.
    Xnnpack,
    /// Intel OpenVINO: CPU, integrated GPU, NPU.
    OpenVino,
    /// Arm Compute Library.
    Acl,
    /// Apple Core ML.
    CoreMl,
    /// Qualcomm QNN.
    Qnn,
}

/// Options of a provider without typed ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PassThroughOptions {
    /// By ONNX Runtime's names.
    pub extra: Extra,
}

impl PassThrough {
    const ALL: [PassThrough; 5] =
        [PassThrough::Xnnpack, PassThrough::OpenVino, PassThrough::Acl, PassThrough::CoreMl, PassThrough::Qnn];

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.name() == name)
    }

    /// The name as a device file writes it.
    pub fn name(self) -> &'static str {
        match self {
            PassThrough::Xnnpack => "xnnpack",
            PassThrough::OpenVino => "openvino",
            PassThrough::Acl => "acl",
            PassThrough::CoreMl => "coreml",
            PassThrough::Qnn => "qnn",
        }
    }

    /// Options that it cannot pass on; ONNX Runtime itself judges all others.
    pub(super) fn check(self, options: &PassThroughOptions) -> Result<(), String> {
        match self {
            // Its registration takes this switch and no list of options.
            PassThrough::Acl => match options.extra.iter().find(|(key, _)| *key != "fast_math") {
                Some((key, _)) => Err(format!("extra: unknown option `{key}`; `acl` takes `fast_math` only")),
                None => match options.extra.get("fast_math") {
                    None | Some("true" | "false") => Ok(()),
                    Some(other) => Err(format!("extra: fast_math: `{other}` is not true or false")),
                },
            },
            _ => Ok(()),
        }
    }
}
