//! Consistency checks across the sections of `model.yaml`: each graph's outputs must fit the next graph's inputs, and
//! the preprocessing must fit the first graph.

use std::collections::BTreeMap;

use super::audio::AudioSpec;
use super::graph::{GraphSpec, TensorSpec, same, takes};
use super::image::ImageSpec;

/// Number of axes of an attention's keys and values: windows or rows, heads, and position and head size in either
/// order.
const ATTENTION_AXES: usize = 4;

/// Checks that the tensor `output` of one graph fits the tensor `input` of another.
pub(super) fn fits(
    graphs: &BTreeMap<String, GraphSpec>,
    (from, output): (&str, &str),
    (to, input): (&str, &str),
) -> Result<(), String> {
    let tensor = |role: &str, of: fn(&GraphSpec) -> &BTreeMap<String, TensorSpec>, name: &str| {
        graphs.get(role).and_then(|graph| of(graph).get(name))
    };
    let made = tensor(from, |graph| &graph.outputs, output);
    let taken = tensor(to, |graph| &graph.inputs, input);
    let Some((made, taken)) = made.zip(taken) else { return Ok(()) };
    if made.shape.len() == taken.shape.len()
        && (0..made.shape.len()).all(|axis| same(made.fixed(axis), taken.fixed(axis)))
        && made.element == taken.element
    {
        return Ok(());
    }
    Err(format!(
        "graphs.{to}.inputs.{input}: is {} {}, but graphs.{from}.outputs.{output} is {} {}",
        taken.element,
        taken.shape_text(),
        made.element,
        made.shape_text()
    ))
}

/// Checks that a decoder attends to what `encoder` returns, layer by layer.
pub(super) fn attends(graphs: &BTreeMap<String, GraphSpec>, encoder: &str, decoder: &str) -> Result<(), String> {
    for role in ["cross_key", "cross_value"] {
        let made = graphs.get(encoder).and_then(|graph| graph.outputs.get(role));
        if let Some(made) = made.filter(|made| made.shape.len() != ATTENTION_AXES) {
            let shape = made.shape_text();
            return Err(format!("graphs.{encoder}.outputs.{role}.shape: {shape} must have {ATTENTION_AXES} axes"));
        }
        fits(graphs, (encoder, role), (decoder, role))?;
    }
    let layers = |role: &str| graphs.get(role).map(GraphSpec::layers);
    if layers(encoder) != layers(decoder) {
        return Err(format!("graphs: {encoder} and {decoder} differ in `layers`"));
    }
    Ok(())
}

/// Checks that the graph `role` accepts pictures of the size in `image`.
pub(super) fn accepts_pixels(role: &str, input: &TensorSpec, image: &ImageSpec) -> Result<(), String> {
    let (height, width) = (image.height as usize, image.width as usize);
    let expected = [None, Some(3), Some(height), Some(width)];
    takes(&format!("graphs.{role}.inputs"), input, &expected, &format!("[batch, 3, {height}, {width}] as `image` says"))
}

/// Checks that the graph `role` accepts the spectrogram of a window, whole or in part.
pub(super) fn accepts_log_mel(role: &str, input: &TensorSpec, audio: &AudioSpec) -> Result<(), String> {
    let (bands, frames) = (audio.n_mels, audio.chunk_frames());
    let expected = [None, Some(bands), Some(frames)];
    takes(&format!("graphs.{role}.inputs"), input, &expected, &format!("[windows, {bands}, {frames}] as `audio` says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graphs(text: &str) -> BTreeMap<String, GraphSpec> {
        serde_yaml::from_str(text).unwrap()
    }

    fn pair(made: &str, taken: &str) -> BTreeMap<String, GraphSpec> {
        graphs(&format!(
            "{{a: {{files: {{}}, layers: 1, inputs: {{}}, outputs: {{cross_key: {{name: k, type: float32, shape: {made}}}}}}}, \
             b: {{files: {{}}, layers: 1, inputs: {{cross_key: {{name: k, type: float32, shape: {taken}}}}}, outputs: {{}}}}}}"
        ))
    }

    #[test]
    fn fixed_axes_must_agree() {
        let attends = |made: &str, taken: &str| attends(&pair(made, taken), "a", "b");
        assert_eq!(attends("[windows, 6, source, 64]", "[windows, 6, 1500, 64]"), Ok(()));
        for (made, taken) in [
            ("[windows, 6, source, 64]", "[windows, 8, source, 64]"),
            ("[windows, 6, source]", "[windows, 6, source]"),
            ("[windows, 6, source, 64]", "[windows, 6, source]"),
        ] {
            assert!(attends(made, taken).unwrap_err().contains("cross_key"), "{made} {taken}");
        }
    }

    #[test]
    fn preprocessing_must_produce_what_the_graph_accepts() {
        let tensor = |shape: &str| {
            serde_yaml::from_str::<TensorSpec>(&format!("{{name: x, type: float32, shape: {shape}}}")).unwrap()
        };
        let image: ImageSpec = serde_yaml::from_str(
            "{width: 64, height: 32, resample: bicubic, rescale: 0.1, mean: [0, 0, 0], std: [1, 1, 1]}",
        )
        .unwrap();
        assert_eq!(accepts_pixels("v", &tensor("[batch, 3, 32, 64]"), &image), Ok(()));
        assert_eq!(accepts_pixels("v", &tensor("[batch, 3, height, width]"), &image), Ok(()));
        let error = accepts_pixels("v", &tensor("[batch, 3, 64, 32]"), &image).unwrap_err();
        assert_eq!(
            error,
            "graphs.v.inputs.x.shape: is [batch, 3, 64, 32], but must be [batch, 3, 32, 64] as `image` says"
        );
        let audio = AudioSpec { sample_rate: 16_000, n_fft: 400, hop_length: 160, n_mels: 80, chunk_seconds: 30 };
        assert_eq!(accepts_log_mel("e", &tensor("[windows, 80, frames]"), &audio), Ok(()));
        assert!(accepts_log_mel("e", &tensor("[windows, 128, frames]"), &audio).is_err());
        assert!(accepts_log_mel("e", &tensor("[windows, 80, 100]"), &audio).is_err());
    }
}
