//! Pictures to rows.

use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use ndarray::{Array3, Axis};
use sha2::{Digest, Sha256};

use super::VisionLanguageModel;
use crate::engine::Tensor;
use crate::error::Error;
use crate::media::image::{PixelConfig, Pixels, pixels};
use crate::models::picture::EncodedImage;

/// Pictures of chats whose rows are kept: a conversation repeats its pictures with each message.
const MOST_KEPT: usize = 4;

/// The last pictures of chats, most recent first.
#[derive(Default)]
pub(super) struct Encoded(Mutex<Vec<(Hash, Arc<Vec<f32>>)>>);

/// What identifies a picture: the hash of its pixel values.
pub(super) type Hash = [u8; 32];

impl Encoded {
    fn find(&self, hash: &Hash) -> Option<Arc<Vec<f32>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == hash)?;
        let found = kept.remove(at);
        kept.insert(0, found.clone());
        Some(found.1)
    }

    fn keep(&self, hash: Hash, rows: Arc<Vec<f32>>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(0, (hash, rows));
        kept.truncate(MOST_KEPT);
    }
}

/// The hash of a preprocessed picture.
pub(super) fn hash(pixels: &Pixels) -> Hash {
    let mut hash = Sha256::new();
    hash.update((pixels.rows as u64).to_le_bytes());
    hash.update((pixels.columns as u64).to_le_bytes());
    let mut bytes = Vec::with_capacity(1 << 16);
    for value in &pixels.values {
        bytes.extend_from_slice(&value.to_le_bytes());
        if bytes.len() == 1 << 16 {
            hash.update(&bytes);
            bytes.clear();
        }
    }
    hash.update(&bytes);
    hash.finalize().into()
}

impl VisionLanguageModel {
    /// Runs the vision encoder.
    ///
    /// # Errors
    /// [`Error::Engine`] if the graph fails.
    pub fn encode(&self, image: &RgbImage) -> Result<EncodedImage, Error> {
        self.encode_pixels(&pixels(image, &PixelConfig::from(&self.spec.image)))
    }

    /// [`VisionLanguageModel::encode`] for a preprocessed picture.
    ///
    /// # Errors
    /// As [`VisionLanguageModel::encode`].
    pub fn encode_pixels(&self, pixels: &Pixels) -> Result<EncodedImage, Error> {
        let rows = self.rows_of(pixels)?;
        let shape = (1, rows.len() / self.width(), self.width());
        // The shape is that of the rows.
        let rows = Array3::from_shape_vec(shape, rows).unwrap_or_default();
        Ok(EncodedImage { grid: (pixels.rows, pixels.columns), ..EncodedImage::of_embeddings(Tensor::float(rows)?) })
    }

    /// The rows of a picture of a chat, unless they are known.
    pub(super) fn rows_once(&self, pixels: &Pixels, hash: Hash) -> Result<Arc<Vec<f32>>, Error> {
        if let Some(rows) = self.encoded.find(&hash) {
            return Ok(rows);
        }
        let rows = Arc::new(self.rows_of(pixels)?);
        self.encoded.keep(hash, rows.clone());
        Ok(rows)
    }

    /// `[rows, width]`: those of each tile, one after the other. Tile by tile, because all at once would take as many times
    /// the memory.
    fn rows_of(&self, pixels: &Pixels) -> Result<Vec<f32>, Error> {
        let (vision, expected) = (self.vision()?, [Some(1), Some(self.rows_per_tile()), Some(self.width())]);
        let mut rows = Vec::new();
        for tile in pixels.values.outer_iter() {
            let tile = [Tensor::float(tile.insert_axis(Axis(0)).to_owned())?];
            let found = vision.run(&[("pixel_values", &tile)])?.take_one("image_embeds", &expected)?;
            rows.extend(found.view()?.iter());
        }
        Ok(rows)
    }
}
