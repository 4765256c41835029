//! Constants of a student.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::agree::{accepts_log_mel, accepts_pixels};
use super::audio::AudioSpec;
use super::graph::{GraphSpec, graph};
use super::image::ImageSpec;
use super::spec::{Graphs, KindSpec, SpecialTokens, capability};
use super::student_inputs::{EmbeddingSpec, SensorSpec, StudentInput};
use crate::config::modality::Modality;

/// Maximum length of an embedding, and maximum number of sensors.
const LONGEST_VECTOR: usize = 65_536;

/// Keys of a student, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentSpec {
    /// The modalities it accepts, in the order of the columns of `presence`.
    pub modalities: Vec<Modality>,
    /// Names of the logits, in order.
    pub labels: Vec<String>,
    /// Preprocessing of the picture, if it accepts one.
    pub image: Option<ImageSpec>,
    /// The picture's embedding, if it accepts that instead of the picture.
    pub image_embedding: Option<EmbeddingSpec>,
    /// File with the tokenizer, if it accepts text.
    pub tokenizer: Option<String>,
    /// Limits of the text, if it accepts text.
    pub text: Option<StudentText>,
    /// The text's embedding, if it accepts that instead of text.
    pub text_embedding: Option<EmbeddingSpec>,
    /// Log-mel constants, if it accepts sound.
    pub audio: Option<AudioSpec>,
    /// The sound's embedding, if it accepts that instead of sound.
    pub audio_embedding: Option<EmbeddingSpec>,
    /// The sensors, in the order of the graph's input vector; empty if there are none.
    #[serde(default)]
    pub sensors: Vec<SensorSpec>,
}

/// Limits of a student's text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentText {
    /// Maximum number of tokens, including special ones.
    pub max_tokens: usize,
    /// The token that is fed if there is no text.
    pub pad: i64,
}

impl StudentSpec {
    /// Whether the student accepts this modality in this form.
    pub fn takes(&self, input: StudentInput) -> bool {
        self.modalities.contains(&input.modality()) && self.describes(input)
    }

    /// The accepted inputs, in the order of `modalities`.
    pub fn inputs(&self) -> impl Iterator<Item = StudentInput> {
        let forms = |modality| StudentInput::ALL.into_iter().filter(move |input| input.modality() == modality);
        self.modalities.iter().flat_map(move |&modality| forms(modality)).filter(|&input| self.describes(input))
    }

    /// The inputs that it embeds: those of picture, text and sound that it accepts as they are.
    pub fn embeds(&self) -> Vec<Modality> {
        let raw = [StudentInput::Image, StudentInput::Text, StudentInput::Audio];
        raw.into_iter().filter(|&input| self.takes(input)).map(StudentInput::modality).collect()
    }

    /// Whether the keys that describe this input are present.
    fn describes(&self, input: StudentInput) -> bool {
        match input {
            StudentInput::Image => self.image.is_some(),
            StudentInput::ImageEmbedding => self.image_embedding.is_some(),
            StudentInput::Text => self.text.is_some() && self.tokenizer.is_some(),
            StudentInput::TextEmbedding => self.text_embedding.is_some(),
            StudentInput::Audio => self.audio.is_some(),
            StudentInput::AudioEmbedding => self.audio_embedding.is_some(),
            StudentInput::Sensors => !self.sensors.is_empty(),
        }
    }

    /// The description of an input, if it is another model's embedding.
    pub fn embedded(&self, input: StudentInput) -> Option<&EmbeddingSpec> {
        match input {
            StudentInput::ImageEmbedding => self.image_embedding.as_ref(),
            StudentInput::TextEmbedding => self.text_embedding.as_ref(),
            StudentInput::AudioEmbedding => self.audio_embedding.as_ref(),
            StudentInput::Image | StudentInput::Text | StudentInput::Audio | StudentInput::Sensors => None,
        }
    }

    /// Checks that the graph accepts what the code will feed.
    fn check_shapes(&self, student: &GraphSpec) -> Result<(), String> {
        let columns = self.modalities.len();
        let others =
            [("presence", Some(columns)), ("sensors", (!self.sensors.is_empty()).then_some(self.sensors.len()))];
        let embeddings = StudentInput::ALL.into_iter().filter_map(|input| Some((input.name(), self.embedded(input)?)));
        let vectors = embeddings.clone().map(|(role, spec)| (role, Some(spec.length)));
        for (role, spec) in embeddings {
            spec.check(role)?;
        }
        for (role, length) in others.into_iter().chain(vectors) {
            let (Some(length), Some(tensor)) = (length, student.inputs.get(role)) else { continue };
            if !(1..=LONGEST_VECTOR).contains(&length) || tensor.shape.len() != 2 || tensor.fixed(1) != Some(length) {
                let shape = tensor.shape_text();
                return Err(format!("graphs.student.inputs.{role}.shape: is {shape}, but must be [batch, {length}]"));
            }
        }
        Ok(())
    }
}

impl KindSpec for StudentSpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        let student = graph(graphs, "student")?;
        student.need("student", &["presence"], &["logits", "embedding"])?;
        let modalities: BTreeSet<_> = self.modalities.iter().collect();
        if modalities.is_empty() || modalities.len() != self.modalities.len() {
            return Err("modalities: must list at least one, each once".to_string());
        }
        for &modality in &self.modalities {
            let name = modality.name();
            let forms: Vec<_> = self.inputs().filter(|input| input.modality() == modality).collect();
            let [input] = forms[..] else {
                return Err(match forms.is_empty() {
                    true => format!("modalities: `{name}` is listed, but the keys that describe it are missing"),
                    false => format!("modalities: `{name}` can have either `{name}` or `{name}_embedding`, not both"),
                });
            };
            student.need("student", input.roles(), &[&format!("{name}_embedding")])?;
        }
        self.check_shapes(student)?;
        if let Some(image) = &self.image {
            image.check()?;
            if let Some(input) = student.inputs.get("image") {
                accepts_pixels("student", input, image)?;
            }
        }
        if let Some(audio) = &self.audio {
            audio.check()?;
            if let Some(input) = student.inputs.get("log_mel") {
                accepts_log_mel("student", input, audio)?;
            }
        }
        if self.text.as_ref().is_some_and(|text| !(1..=65_536).contains(&text.max_tokens)) {
            return Err("text.max_tokens: out of range".to_string());
        }
        let mut names = BTreeSet::new();
        for sensor in &self.sensors {
            if sensor.name.trim().is_empty() || !names.insert(&sensor.name) {
                return Err(format!("sensors: `{}` is empty or a duplicate; name each sensor once", sensor.name));
            }
            if !sensor.mean.is_finite() || !sensor.std.is_normal() {
                return Err(format!("sensors: {}: mean and std must be numbers, and std not zero", sensor.name));
            }
        }
        if self.labels.is_empty() {
            return Err("labels: empty".to_string());
        }
        if student.outputs["logits"].fixed(1) != Some(self.labels.len()) {
            return Err(format!("labels: {} of them, but `logits` has another number", self.labels.len()));
        }
        Ok(())
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        let embeds = (!self.embeds().is_empty()).then_some(capability::EMBED);
        std::iter::once(capability::DECIDE).chain(embeds).collect()
    }

    fn tokenizer(&self) -> Option<&str> {
        self.tokenizer.as_deref()
    }

    fn image(&self) -> Option<&ImageSpec> {
        self.image.as_ref()
    }

    fn decision_inputs(&self) -> Vec<StudentInput> {
        self.inputs().collect()
    }

    fn embedded(&self, modality: Modality) -> Option<&EmbeddingSpec> {
        StudentInput::embedding_of(modality).filter(|input| self.takes(*input)).and_then(|input| self.embedded(input))
    }

    fn sensors(&self) -> &[SensorSpec] {
        &self.sensors
    }

    fn special_tokens(&self) -> SpecialTokens {
        SpecialTokens { present: self.text.iter().map(|text| ("text.pad", text.pad)).collect(), named: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{EmbeddingSpec, KindSpec, Modality, SensorSpec, StudentInput, StudentSpec, StudentText, capability};
    use crate::config::model_folder::GraphSpec;

    const GRAPHS: &str = "
        student:
          files: {fp32: student.onnx}
          inputs:
            sensors: {name: sensors, type: float32, shape: [batch, 2]}
            text_embedding: {name: text_embedding_in, type: float32, shape: [batch, 8]}
            presence: {name: presence, type: float32, shape: [batch, 2]}
          outputs:
            logits: {name: logits, type: float32, shape: [batch, 3]}
            embedding: {name: embedding, type: float32, shape: [batch, 4]}
            sensors_embedding: {name: sensors_embedding, type: float32, shape: [batch, 4]}
            text_embedding: {name: text_embedding, type: float32, shape: [batch, 4]}";

    fn spec() -> StudentSpec {
        let sensor = |name: &str| SensorSpec { name: name.to_string(), unit: String::new(), mean: 0.0, std: 1.0 };
        StudentSpec {
            modalities: vec![Modality::Sensors, Modality::Text],
            labels: ["a", "b", "c"].map(String::from).to_vec(),
            image: None,
            image_embedding: None,
            tokenizer: None,
            text: None,
            text_embedding: Some(EmbeddingSpec {
                length: 8,
                made_by: "a sentence encoder".to_string(),
                weights: BTreeMap::new(),
            }),
            audio: None,
            audio_embedding: None,
            sensors: vec![sensor("temperature"), sensor("humidity")],
        }
    }

    fn check(spec: &StudentSpec, graphs: &str) -> Result<(), String> {
        let graphs: BTreeMap<String, GraphSpec> = serde_yaml::from_str(graphs).unwrap();
        spec.check(&graphs)
    }

    #[test]
    fn inputs_are_in_the_order_of_the_modalities_and_in_the_described_form() {
        let spec = spec();
        assert_eq!(check(&spec, GRAPHS), Ok(()));
        assert_eq!(spec.inputs().collect::<Vec<_>>(), [StudentInput::Sensors, StudentInput::TextEmbedding]);
        assert!(spec.takes(StudentInput::TextEmbedding) && !spec.takes(StudentInput::Text));
    }

    #[test]
    fn a_student_embeds_what_it_accepts_as_it_is() {
        let mut spec = spec();
        assert_eq!((spec.embeds(), spec.capabilities(&BTreeMap::new())), (Vec::new(), vec![capability::DECIDE]));
        spec.text_embedding = None;
        spec.text = Some(StudentText { max_tokens: 8, pad: 0 });
        spec.tokenizer = Some("tokenizer.json".to_string());
        assert_eq!(spec.embeds(), [Modality::Text]);
        assert_eq!(spec.capabilities(&BTreeMap::new()), [capability::DECIDE, capability::EMBED]);
    }

    #[test]
    fn reports_what_does_not_fit() {
        let changed = |change: &dyn Fn(&mut StudentSpec)| {
            let mut spec = spec();
            change(&mut spec);
            check(&spec, GRAPHS).unwrap_err()
        };
        let graph = |from: &str, to: &str| check(&spec(), &GRAPHS.replacen(from, to, 1)).unwrap_err();
        for (error, expected) in [
            (changed(&|it| it.sensors.truncate(1)), "inputs.sensors.shape: is [batch, 2], but must be [batch, 1]"),
            (changed(&|it| it.sensors.clear()), "modalities: `sensors` is listed, but the keys"),
            (changed(&|it| it.sensors[1].name = "temperature".to_string()), "`temperature` is empty or a duplicate"),
            (changed(&|it| it.sensors[1].std = 0.0), "humidity: mean and std must be numbers"),
            (changed(&|it| it.text_embedding = None), "modalities: `text` is listed, but the keys"),
            (changed(&|it| it.modalities.push(Modality::Text)), "each once"),
            (changed(&|it| it.labels.truncate(2)), "labels: 2 of them"),
            (graph("[batch, 8]", "[batch, many]"), "text_embedding.shape: is [batch, many], but must be [batch, 8]"),
            (
                graph("presence, type: float32, shape: [batch, 2]", "presence, type: float32, shape: [batch, 3]"),
                "presence.shape",
            ),
            (graph("sensors_embedding:", "sensed:"), "outputs: no `sensors_embedding`"),
        ] {
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
