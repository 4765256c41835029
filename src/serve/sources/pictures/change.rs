//! Detects pictures that show something else than the last record's.

use std::sync::Arc;

use edgefuse::Record;
use edgefuse::media::image::RgbImage;
use edgefuse::pipeline::Picture;

use super::super::desk::Desk;

/// Compares embeddings of pictures.
pub struct ChangeDetector<'a> {
    desk: &'a Desk,
    recorded: Option<Vec<f32>>,
}

impl<'a> ChangeDetector<'a> {
    pub fn new(desk: &'a Desk) -> Self {
        ChangeDetector { desk, recorded: None }
    }

    /// Whether the picture's embedding is at least `distance` away from that of the last new picture. A picture that cannot
    /// be embedded is not new; the reason is logged.
    pub fn is_new(&mut self, picture: &Arc<RgbImage>, distance: f64) -> bool {
        let record = Record::default().with_image(Picture::Pixels(picture.clone()));
        let result = self.desk.run(&record);
        let embedding = result.as_ref().and_then(|result| result.embeddings()?.value.image.clone());
        let Some(embedding) = embedding else { return false };
        let is_new = self.recorded.as_ref().is_none_or(|recorded| cosine_distance(recorded, &embedding) >= distance);
        if is_new {
            self.recorded = Some(embedding);
        }
        is_new
    }
}

/// 1 - cos of the angle between two vectors of length 1.
fn cosine_distance(one: &[f32], other: &[f32]) -> f64 {
    1.0 - one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum::<f64>()
}
