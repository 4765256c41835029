//! The graphs of a model: files by precision, and the names, types and shapes of their tensors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use super::needs::Needs;

/// Placeholder for the number of a decoder layer in a tensor's name.
const LAYER: &str = "{layer}";

/// Maximum number of decoder layers, more than any supported model has (Whisper large: 32).
const MOST_LAYERS: usize = 256;

/// One file of a model folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// One graph of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphSpec {
    /// Decoder layers: how many tensors a name with `{layer}` expands to.
    pub layers: Option<usize>,
    /// Graph file by precision (`fp32`, `fp16`, `int8`, ...).
    pub files: BTreeMap<String, String>,
    /// File with a precision's weights, if it is not the graph file's name plus `.data`: that of another graph, for
    /// example.
    #[serde(default)]
    pub weights: BTreeMap<String, String>,
    /// Minimum version of ONNX Runtime by precision, if the oldest version supported by this program is too old for it.
    #[serde(default)]
    pub needs: BTreeMap<String, Needs>,
    /// Length profiles by dynamic axis, for which TensorRT builds its engines.
    #[serde(default)]
    pub profiles: BTreeMap<String, AxisProfile>,
    /// Inputs by role.
    pub inputs: BTreeMap<String, TensorSpec>,
    /// Outputs by role.
    pub outputs: BTreeMap<String, TensorSpec>,
}

/// Length profile of a dynamic axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisProfile {
    /// The minimum.
    pub min: usize,
    /// What engines are tuned for.
    pub opt: usize,
    /// The maximum.
    pub max: usize,
}

/// The shapes of a graph's inputs in the format of TensorRT's provider: `NAME:1x80x3000,...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileShapes {
    /// The minimum.
    pub min: String,
    /// What engines are tuned for.
    pub opt: String,
    /// The maximum.
    pub max: String,
}

/// One tensor of a graph.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Its name in the graph; with `{layer}`, one per decoder layer.
    pub name: String,
    /// Type of its elements.
    #[serde(rename = "type")]
    pub element: ElementType,
    /// Its shape: a number is fixed, a word is a dynamic axis.
    pub shape: Vec<Axis>,
}

/// Type of the elements of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// 32-bit floating point.
    Float32,
    /// 16-bit floating point.
    Float16,
    /// 64-bit signed integer.
    Int64,
}

impl fmt::Display for ElementType {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            ElementType::Float32 => "float32",
            ElementType::Float16 => "float16",
            ElementType::Int64 => "int64",
        })
    }
}

/// One axis of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "an axis must be a length or a word")]
pub enum Axis {
    /// A fixed length.
    Fixed(usize),
    /// A dynamic axis with this name.
    Dynamic(String),
}

impl fmt::Display for Axis {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Axis::Fixed(length) => write!(formatter, "{length}"),
            Axis::Dynamic(name) => formatter.write_str(name),
        }
    }
}

impl TensorSpec {
    /// The shape as `model.yaml` writes it.
    pub fn shape_text(&self) -> String {
        format!("[{}]", self.shape.iter().map(Axis::to_string).collect::<Vec<_>>().join(", "))
    }

    /// Names in the graph: one, or one per layer.
    pub fn names(&self, layers: usize) -> Vec<String> {
        if self.name.contains(LAYER) {
            (0..layers).map(|layer| self.name.replace(LAYER, &layer.to_string())).collect()
        } else {
            vec![self.name.clone()]
        }
    }

    /// Length of an axis, if it is fixed.
    pub fn fixed(&self, axis: usize) -> Option<usize> {
        match self.shape.get(axis) {
            Some(Axis::Fixed(length)) => Some(*length),
            _ => None,
        }
    }
}

impl GraphSpec {
    /// Number of decoder layers; 0 if the graph has none.
    pub fn layers(&self) -> usize {
        self.layers.unwrap_or(0)
    }

    /// Name of the file with the external weights of `graph_file`, which is this graph in `precision`, if it has any.
    pub fn weights_file(&self, precision: &str, graph_file: &str) -> String {
        self.weights.get(precision).cloned().unwrap_or_else(|| format!("{graph_file}.data"))
    }

    /// The minimum, usual and maximum shapes of all inputs; `None` if an axis has no profile.
    pub fn profile_shapes(&self) -> Option<ProfileShapes> {
        let all = |length: fn(&AxisProfile) -> usize| {
            let shape = |spec: &TensorSpec| {
                let axes = spec.shape.iter().map(|axis| match axis {
                    Axis::Fixed(length) => Some(length.to_string()),
                    Axis::Dynamic(name) => self.profiles.get(name).map(|profile| length(profile).to_string()),
                });
                Some(axes.collect::<Option<Vec<_>>>()?.join("x"))
            };
            let mut inputs = Vec::new();
            for spec in self.inputs.values() {
                let shape = shape(spec)?;
                inputs.extend(spec.names(self.layers()).iter().map(|name| format!("{name}:{shape}")));
            }
            Some(inputs.join(","))
        };
        let dynamic = self.inputs.values().any(|spec| spec.shape.iter().any(|axis| matches!(axis, Axis::Dynamic(_))));
        if !dynamic {
            return None;
        }
        Some(ProfileShapes {
            min: all(|profile| profile.min)?,
            opt: all(|profile| profile.opt)?,
            max: all(|profile| profile.max)?,
        })
    }

    /// The names of all files that belong to this graph; the weights files need not exist.
    pub(super) fn file_names(&self) -> impl Iterator<Item = String> {
        self.files.iter().flat_map(|(precision, file)| [file.clone(), self.weights_file(precision, file)])
    }

    /// Checks the requirements on any graph; messages name it by `role`.
    pub(super) fn check(&self, role: &str, files: &BTreeMap<String, FileSpec>) -> Result<(), String> {
        if self.files.is_empty() {
            return Err(format!("graphs.{role}.files: no precision"));
        }
        for (precision, file) in &self.files {
            if !files.contains_key(file) {
                return Err(format!("graphs.{role}.files.{precision}: `{file}` is not among `files`"));
            }
        }
        for (key, precision) in
            self.weights.keys().map(|name| ("weights", name)).chain(self.needs.keys().map(|name| ("needs", name)))
        {
            if !self.files.contains_key(precision) {
                return Err(format!("graphs.{role}.{key}.{precision}: not a precision in graphs.{role}.files"));
            }
        }
        if let Some((precision, file)) = self.weights.iter().find(|(_, file)| !files.contains_key(*file)) {
            return Err(format!("graphs.{role}.weights.{precision}: `{file}` is not among `files`"));
        }
        if self.layers() > MOST_LAYERS {
            return Err(format!("graphs.{role}.layers: {} is more than {MOST_LAYERS}", self.layers()));
        }
        for (axis, profile) in &self.profiles {
            let dynamic = |spec: &TensorSpec| spec.shape.contains(&Axis::Dynamic(axis.clone()));
            if !self.inputs.values().any(dynamic) {
                return Err(format!("graphs.{role}.profiles.{axis}: no input has an axis of this name"));
            }
            if !(profile.min <= profile.opt && profile.opt <= profile.max && profile.max >= 1) {
                return Err(format!("graphs.{role}.profiles.{axis}: min, opt and max are not in this order"));
            }
        }
        for (side, tensors) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            let mut names = BTreeSet::new();
            if let Some(twice) = tensors.values().find(|tensor| !names.insert(&tensor.name)) {
                return Err(format!("graphs.{role}.{side}: `{}` is named twice", twice.name));
            }
        }
        let per_layer = self.inputs.values().chain(self.outputs.values()).any(|tensor| tensor.name.contains(LAYER));
        if per_layer && self.layers() == 0 {
            return Err(format!("graphs.{role}.layers: missing, but a tensor's name contains {LAYER}"));
        }
        Ok(())
    }

    /// Checks that the roles `inputs` and `outputs` exist.
    pub(super) fn need(&self, graph: &str, inputs: &[&str], outputs: &[&str]) -> Result<(), String> {
        for (side, have, wanted) in [("inputs", &self.inputs, inputs), ("outputs", &self.outputs, outputs)] {
            if let Some(missing) = wanted.iter().find(|role| !have.contains_key(**role)) {
                return Err(format!("graphs.{graph}.{side}: no `{missing}`"));
            }
            for role in wanted {
                // Only tensors that the code feeds and reads; weights inside the graph may have any type.
                let element = match *role {
                    "input_ids" | "attention_mask" | "total_length" => ElementType::Int64,
                    _ => ElementType::Float32,
                };
                if have[*role].element != element {
                    return Err(format!("graphs.{graph}.{side}.{role}: must be {element}"));
                }
            }
        }
        Ok(())
    }
}

/// The graph with the given role, or the message that it is missing.
pub(super) fn graph<'a>(graphs: &'a BTreeMap<String, GraphSpec>, role: &str) -> Result<&'a GraphSpec, String> {
    graphs.get(role).ok_or_else(|| format!("graphs: no `{role}`"))
}

/// Checks a decoder that attends to an encoder's output: its roles, and that the cache's shape is fixed.
pub(super) fn check_decoder(graphs: &BTreeMap<String, GraphSpec>, role: &str) -> Result<(), String> {
    check_cache(graphs, role, &["input_ids", "cross_key", "cross_value"])
}

/// Checks a decoder with a cache and further `inputs`: its roles, and that the cache's shape is fixed.
pub(super) fn check_cache(graphs: &BTreeMap<String, GraphSpec>, role: &str, inputs: &[&str]) -> Result<(), String> {
    let decoder = graph(graphs, role)?;
    decoder.need(role, inputs, &[])?;
    decoder.need(role, &["past_key", "past_value"], &["logits", "present_key", "present_value"])?;
    let past = &decoder.inputs["past_key"];
    let sane = |axis| past.fixed(axis).is_some_and(|length| (1..=65_536).contains(&length));
    if past.shape.len() != 4 || !sane(1) || !sane(3) {
        return Err(format!(
            "graphs.{role}.inputs.past_key.shape: must be [batch, HEADS, past, HEAD_DIM] with numbers"
        ));
    }
    let cache = [("inputs", "past_value"), ("outputs", "present_key"), ("outputs", "present_value")];
    for (side, tensor) in cache {
        let tensors = if side == "inputs" { &decoder.inputs } else { &decoder.outputs };
        let expected = [None, past.fixed(1), None, past.fixed(3)];
        takes(&format!("graphs.{role}.{side}"), &tensors[tensor], &expected, "as that of past_key")?;
    }
    let ids = &decoder.inputs["input_ids"];
    takes(&format!("graphs.{role}.inputs"), ids, &[None, None], "[batch, tokens]")?;
    takes(&format!("graphs.{role}.outputs"), &decoder.outputs["logits"], &[None, None], "[batch, VOCAB]")?;
    if decoder.outputs["logits"].fixed(1).is_none_or(|vocabulary| vocabulary == 0) {
        return Err(format!("graphs.{role}.outputs.logits.shape: must be [batch, VOCAB] with a number"));
    }
    Ok(())
}

/// Whether two lengths can be the same; `None` is any.
pub(super) fn same(a: Option<usize>, b: Option<usize>) -> bool {
    a.zip(b).is_none_or(|(a, b)| a == b)
}

/// Checks that a tensor has these axes; `None` in `expected` is any length.
pub(super) fn takes(place: &str, tensor: &TensorSpec, expected: &[Option<usize>], words: &str) -> Result<(), String> {
    let fits = tensor.shape.len() == expected.len()
        && expected.iter().enumerate().all(|(axis, &length)| same(tensor.fixed(axis), length));
    match fits {
        true => Ok(()),
        false => Err(format!("{place}.{}.shape: is {}, but must be {words}", tensor.name, tensor.shape_text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &str =
        "{a.onnx: {sha256: '', bytes: 1}, b.onnx: {sha256: '', bytes: 1}, b.data: {sha256: '', bytes: 1}}";

    fn spec(keys: &str) -> Result<GraphSpec, serde_yaml::Error> {
        serde_yaml::from_str(&format!("{{files: {{fp32: a.onnx, q8: b.onnx}}, inputs: {{}}, outputs: {{}}{keys}}}"))
    }

    fn check(keys: &str) -> Result<(), String> {
        let files = serde_yaml::from_str(FILES).map_err(|error| error.to_string())?;
        spec(keys).map_err(|error| error.to_string())?.check("alignment", &files)
    }

    #[test]
    fn weights_are_beside_the_graph_or_in_the_named_file() {
        let spec = spec(", weights: {q8: b.data}").unwrap();
        assert_eq!(spec.weights_file("fp32", "a.onnx"), "a.onnx.data");
        assert_eq!(spec.weights_file("q8", "b.onnx"), "b.data");
        assert_eq!(spec.file_names().collect::<Vec<_>>(), ["a.onnx", "a.onnx.data", "b.onnx", "b.data"]);
    }

    #[test]
    fn weights_and_needs_are_of_a_precision_and_a_listed_file() {
        assert_eq!(check(", weights: {q8: b.data}, needs: {q8: '1.22'}"), Ok(()));
        for (keys, message) in [
            (", weights: {q4: b.data}", "graphs.alignment.weights.q4: not a precision in graphs.alignment.files"),
            (", weights: {q8: c.data}", "graphs.alignment.weights.q8: `c.data` is not among `files`"),
            (", needs: {int8: '1.22'}", "graphs.alignment.needs.int8: not a precision in graphs.alignment.files"),
        ] {
            assert_eq!(check(keys), Err(message.to_string()));
        }
        let problem = check(", needs: {q8: new}").unwrap_err();
        assert!(problem.contains("`new` is not a version in quotes, such as \"1.22\""), "{problem}");
    }

    #[test]
    fn profiles_are_of_dynamic_axes_and_give_shapes() {
        let inputs = "{ids: {name: input_ids, type: int64, shape: [batch, tokens]}, \
                      past: {name: 'past_{layer}', type: float32, shape: [batch, 6, past, 64]}}";
        let axes = "batch: {min: 1, opt: 1, max: 4}, tokens: {min: 1, opt: 1, max: 448}";
        let graph = |profiles: &str| {
            let text = format!(
                "{{files: {{fp32: a.onnx}}, layers: 2, inputs: {inputs}, outputs: {{}}, profiles: {{{profiles}}}}}"
            );
            serde_yaml::from_str::<GraphSpec>(&text).unwrap()
        };
        let whole = graph(&format!("{axes}, past: {{min: 0, opt: 8, max: 447}}")).profile_shapes().unwrap();
        assert_eq!(whole.min, "input_ids:1x1,past_0:1x6x0x64,past_1:1x6x0x64");
        assert_eq!(whole.max, "input_ids:4x448,past_0:4x6x447x64,past_1:4x6x447x64");
        assert_eq!(graph(axes).profile_shapes(), None);
        let files = serde_yaml::from_str(FILES).unwrap();
        let stray = graph("windows: {min: 1, opt: 1, max: 1}").check("decoder", &files).unwrap_err();
        assert!(stray.contains("profiles.windows: no input has an axis"), "{stray}");
        let order = graph("batch: {min: 2, opt: 1, max: 4}").check("decoder", &files).unwrap_err();
        assert!(order.contains("not in this order"), "{order}");
    }
}
