//! Classes of pictures.

/// A class of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureClass {
    /// Its place among the model's classes.
    pub class: usize,
    /// Its probability, in [0, 1].
    pub probability: f32,
}

impl PictureClass {
    /// The `top` most probable classes, most probable first.
    pub(in crate::models) fn ranked(probabilities: &[f32], top: usize) -> Vec<Self> {
        let classes = probabilities.iter().enumerate();
        let mut ranked: Vec<PictureClass> =
            classes.map(|(class, &probability)| PictureClass { class, probability }).collect();
        ranked.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        ranked.truncate(top);
        ranked
    }
}
