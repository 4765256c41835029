//! Constants of a voice activity detector.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::graph::{GraphSpec, graph};
use super::spec::{Graphs, KindSpec, capability};

/// Keys of a voice activity detector, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VadSpec {
    /// Parameters of its input.
    pub audio: VadAudio,
}

/// How sound is divided for a voice activity detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VadAudio {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Number of samples that each probability covers.
    pub chunk_samples: usize,
    /// Number of samples before the chunk that are fed with it.
    pub context_samples: usize,
}

impl VadSpec {
    /// Length of each of the LSTM's two states.
    pub fn state(&self, graphs: &BTreeMap<String, GraphSpec>) -> usize {
        let state = graphs.get("vad").and_then(|vad| vad.inputs.get("state_h"));
        state.and_then(|state| state.fixed(2)).unwrap_or(0)
    }
}

impl KindSpec for VadSpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        let VadAudio { sample_rate, chunk_samples, context_samples } = self.audio;
        let sane = (1_000..=192_000).contains(&sample_rate)
            && (16..=65_536).contains(&chunk_samples)
            && context_samples <= 65_536;
        if !sane {
            return Err(format!("audio: values out of range: {:?}", self.audio));
        }
        let vad = graph(graphs, "vad")?;
        vad.need("vad", &["samples", "state_h", "state_c"], &["speech", "next_state_h", "next_state_c"])?;
        let fed = chunk_samples + context_samples;
        let samples = &vad.inputs["samples"];
        if samples.shape.len() != 2 || samples.fixed(1) != Some(fed) {
            return Err(format!(
                "graphs.vad.inputs.samples.shape: must be [chunks, {fed}], context and chunk together"
            ));
        }
        if vad.outputs["speech"].shape.len() != 1 {
            return Err("graphs.vad.outputs.speech.shape: must be [chunks]".to_string());
        }
        let state = self.state(graphs);
        let states = ["state_h", "state_c"].map(|role| (role, &vad.inputs[role]));
        let next = ["next_state_h", "next_state_c"].map(|role| (role, &vad.outputs[role]));
        for (role, tensor) in states.into_iter().chain(next) {
            let size = tensor.fixed(2).filter(|size| (1..=65_536).contains(size));
            if tensor.shape.len() != 3
                || tensor.fixed(0) != Some(1)
                || tensor.fixed(1) != Some(1)
                || size != Some(state)
            {
                return Err(format!(
                    "graphs.vad: the shape of `{role}` must be [1, 1, HIDDEN], the same for each state"
                ));
            }
        }
        Ok(())
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        vec![capability::DETECT_SPEECH]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{KindSpec, VadAudio, VadSpec};
    use crate::config::model_folder::GraphSpec;

    const GRAPHS: &str = "
        vad:
          files: {fp32: vad.onnx}
          inputs:
            samples: {name: samples, type: float32, shape: [chunks, 576]}
            state_h: {name: state_h, type: float32, shape: [1, 1, 128]}
            state_c: {name: state_c, type: float32, shape: [1, 1, 128]}
          outputs:
            speech: {name: speech, type: float32, shape: [chunks]}
            next_state_h: {name: next_state_h, type: float32, shape: [1, 1, 128]}
            next_state_c: {name: next_state_c, type: float32, shape: [1, 1, 128]}";

    fn check(graphs: &str, context_samples: usize) -> Result<(), String> {
        let graphs: BTreeMap<String, GraphSpec> = serde_yaml::from_str(graphs).unwrap();
        VadSpec { audio: VadAudio { sample_rate: 16_000, chunk_samples: 512, context_samples } }.check(&graphs)
    }

    #[test]
    fn the_graph_must_take_what_the_code_feeds() {
        assert_eq!(check(GRAPHS, 64), Ok(()));
        let not = |from: &str, to: &str| check(&GRAPHS.replacen(from, to, 1), 64).unwrap_err();
        for (error, expected) in [
            (check(GRAPHS, 32).unwrap_err(), "samples.shape: must be [chunks, 544]"),
            (check(GRAPHS, 70_000).unwrap_err(), "audio: values out of range"),
            (not("vad:", "ears:"), "graphs: no `vad`"),
            (not("state_c:", "cell:"), "graphs.vad.inputs: no `state_c`"),
            (not("[chunks]", "[chunks, 1]"), "speech.shape: must be [chunks]"),
            (not("[1, 1, 128]", "[1, 1, size]"), "the shape of `state_h` must be [1, 1, HIDDEN]"),
            (
                not(
                    "next_state_c, type: float32, shape: [1, 1, 128]",
                    "next_state_c, type: float32, shape: [1, 1, 64]",
                ),
                "`next_state_c`",
            ),
            (not("next_state_c, type: float32", "next_state_c, type: float16"), "next_state_c: must be float32"),
        ] {
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
