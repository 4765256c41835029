//! Pictures in a prompt: the tokens that stand for them, and the rows that these refer to.

use ndarray::Array2;

use super::VisionLanguageModel;
use super::pictures::{Hash, hash};
use crate::config::model_folder::VlmPicture;
use crate::engine::Tensor;
use crate::error::Error;
use crate::media::image::Pixels;
use crate::models::generation::ImageRows;
use crate::models::llm::{Fed, Inserts};
use crate::models::picture::EncodedImage;

/// A picture of a prompt.
pub(super) enum Picture<'a> {
    /// Preprocessed. Prompts that begin with the same picture share what was computed for it.
    Pixels(Box<Pixels>, Hash),
    /// Encoded.
    Encoded(&'a EncodedImage),
}

/// The pictures of one prompt, in the order in which it shows them.
pub(super) struct Shown<'a> {
    pub model: &'a VisionLanguageModel,
    pub pictures: &'a [Picture<'a>],
}

impl Picture<'_> {
    /// A preprocessed picture.
    pub fn of_pixels(pixels: Pixels) -> Self {
        let hash = hash(&pixels);
        Picture::Pixels(Box::new(pixels), hash)
    }

    /// Rows and columns of tiles.
    fn grid(&self) -> (usize, usize) {
        match self {
            Picture::Pixels(pixels, _) => (pixels.rows, pixels.columns),
            Picture::Encoded(image) => image.grid,
        }
    }
}

impl Shown<'_> {
    /// Appends the rows of a picture.
    fn append(&self, picture: &Picture, rows: &mut Vec<f32>) -> Result<(), Error> {
        match picture {
            Picture::Pixels(pixels, hash) => rows.extend_from_slice(&self.model.rows_once(pixels, *hash)?),
            Picture::Encoded(image) => {
                let embeddings = image.embeddings().ok_or_else(|| Error::Request {
                    model: self.model.name().to_string(),
                    problem: "the picture was encoded by another model".to_string(),
                })?;
                rows.extend(embeddings.view()?.iter());
            }
        }
        Ok(())
    }
}

impl Inserts for Shown<'_> {
    fn expand(&self, text: String) -> Result<String, Error> {
        let (tokens, rows) = (&self.model.spec.picture, self.model.rows_per_tile());
        let parts: Vec<&str> = text.split(tokens.image.as_str()).collect();
        let (places, pictures) = (parts.len() - 1, self.pictures.len());
        if places != pictures {
            let problem =
                format!("the chat template has places for {places} pictures, and the messages have {pictures}");
            return Err(Error::Input { problem });
        }
        let mut expanded = parts[0].to_string();
        for (picture, rest) in self.pictures.iter().zip(&parts[1..]) {
            expanded += &standing_for(picture.grid(), rows, tokens);
            expanded += rest;
        }
        Ok(expanded)
    }

    fn fed(&self, ids: Vec<i64>) -> Result<Fed, Error> {
        let (token, width) = (self.model.spec.picture.token, self.model.width());
        let (mut rows, mut marks) = (Vec::new(), Vec::new());
        for picture in self.pictures {
            self.append(picture, &mut rows)?;
            let mark = match picture {
                Picture::Pixels(_, hash) => mark(hash),
                Picture::Encoded(_) => 0,
            };
            marks.resize(rows.len() / width, mark);
        }
        let places = ids.iter().filter(|id| **id == token).count();
        if places != marks.len() {
            let problem = format!(
                "the tokenizer writes {places} tokens for {} rows of pictures: it does not belong to the model",
                marks.len()
            );
            return Err(Error::Request { model: self.model.name().to_string(), problem });
        }
        // All rows of a picture share one key: prompts are compared from the start, so a position within it is known.
        let mut marks = marks.into_iter();
        let keys = ids.iter().map(|&id| if id == token { marks.next().unwrap_or(id) } else { id }).collect();
        let shape = (rows.len() / width, width);
        // The shape is that of the rows.
        let rows = Tensor::float(Array2::from_shape_vec(shape, rows).unwrap_or_default())?;
        Ok(Fed { ids, keys, rows: Some(ImageRows { rows, token }) })
    }
}

/// A negative number, which is no token, of a picture: 63 bits of its hash.
fn mark(hash: &Hash) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    i64::from_le_bytes(bytes) | i64::MIN
}

/// The text that stands for a picture of `rows` rows per tile, as the processors of transformers write it
/// (`get_image_prompt_string`).
fn standing_for((rows_of_tiles, columns): (usize, usize), rows: usize, tokens: &VlmPicture) -> String {
    let VlmPicture { image, around, whole, .. } = tokens;
    let images = image.repeat(rows);
    let mut text = String::new();
    for row in 1..=rows_of_tiles {
        for column in 1..=columns {
            text += &format!("{around}<row_{row}_col_{column}>{images}");
        }
        text.push('\n');
    }
    if rows_of_tiles > 0 {
        text.push('\n');
    }
    text + &format!("{around}{whole}{images}{around}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_written_as_by_the_processor() {
        let [image, around, whole] = ["I", "#", "G"].map(str::to_string);
        let tokens = VlmPicture { token: 0, image, around, whole };
        assert_eq!(standing_for((0, 0), 2, &tokens), "#GII#");
        let expected = "#<row_1_col_1>I#<row_1_col_2>I\n#<row_2_col_1>I#<row_2_col_2>I\n\n#GI#";
        assert_eq!(standing_for((2, 2), 1, &tokens), expected);
    }
}
