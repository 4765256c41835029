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
    /// Options by ONNX Runtime's names.
    pub extra: Extra,
}

impl PassThrough {
    const ALL: [PassThrough; 5] =
        [PassThrough::Xnnpack, PassThrough::OpenVino, PassThrough::Acl, PassThrough::CoreMl, PassThrough::Qnn];

    /// The provider with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.name() == name)
    }

    /// The name in device files.
    pub fn name(self) -> &'static str {
        match self {
            PassThrough::Xnnpack => "xnnpack",
            PassThrough::OpenVino => "openvino",
            PassThrough::Acl => "acl",
            PassThrough::CoreMl => "coreml",
            PassThrough::Qnn => "qnn",
        }
    }

    /// Rejects options that cannot be passed on; ONNX Runtime itself checks all others.
    pub(super) fn check(self, options: &PassThroughOptions) -> Result<(), String> {
        match self {
            // Its registration accepts only this switch, not a list of options.
            PassThrough::Acl => match options.extra.iter().find(|(key, _)| *key != "fast_math") {
                Some((key, _)) => Err(format!("extra: unknown option `{key}`; `acl` accepts only `fast_math`")),
                None => match options.extra.get("fast_math") {
                    None | Some("true" | "false") => Ok(()),
                    Some(other) => Err(format!("extra: fast_math: `{other}` is not true or false")),
                },
            },
            _ => Ok(()),
        }
    }
}
