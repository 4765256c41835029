//! From a film and sentences to stretches.

use std::path::Path;

use serde::Serialize;

use super::path::path;
use super::phrases::phrases;
use super::scores::{Scores, spoken};
use crate::config::model_folder::Modality;
use crate::config::{EmbedOptions, Step, TextRole, Timestamps, TranscribeOptions};
use crate::error::Error;
use crate::media::file;
use crate::media::video::Moments;
use crate::models::Models;
use crate::models::capability::{Embedder, OnProgress, Transcriber};
use crate::models::transcript::Segment;
use crate::pipeline::film::FilmOptions;
use crate::pipeline::inputs::Inputs;
use crate::pipeline::record::Record;
use crate::pipeline::runner::Pipeline;

/// For messages.
const USER: &str = "align";

/// Most scores of a film: memory for them and for the way back is 5 bytes each.
const MOST_SCORES: usize = 64 << 20;

/// Weight of what is said beside what is seen. A sentence that is read aloud is almost certain; a picture seldom is.
const SAID: f32 = 2.0;

/// A moment belongs to a sentence only if it fits better than the average by this many standard deviations.
const PAUSE: f32 = 0.05;

/// How a film is aligned.
#[derive(Debug, Clone)]
pub struct AlignOptions {
    /// Name under `models` of the model that embeds; the only one that does if `None`.
    pub model: Option<String>,
    /// Time between two moments, in seconds.
    pub every: std::time::Duration,
}

/// The stretch of a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stretch {
    /// Seconds from the start of the film.
    pub start: f64,
    /// Seconds from the start of the film.
    pub end: f64,
    /// The sentence.
    pub text: String,
    /// How much better it fits than the average: the mean over its moments, in standard deviations.
    pub score: f32,
    /// Mean cosine similarity of its text with the film's pictures there, if pictures were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
}

/// A film with its sentences.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Aligned {
    /// A stretch for each sentence, in order.
    pub stretches: Vec<Stretch>,
    /// What was left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Finds the stretch of each sentence. Compares the pictures of the film with the sentences if the device has a model that
/// embeds both, and what is said if it has one that transcribes.
///
/// # Errors
/// [`Error::Input`] for a film that cannot be read, or is too short or too long for the sentences; those of the models.
pub fn align(
    models: &Models,
    film: &Path,
    sentences: &[String],
    options: &AlignOptions,
    progress: &mut OnProgress,
) -> Result<Aligned, Error> {
    file::open(film).map_err(|error| Error::Input { problem: format!("{}: {error}", film.display()) })?;
    let mut warnings = Vec::new();
    let embed = EmbedOptions { model: options.model.clone(), text: TextRole::Query };
    let texts = texts(models, &embed, sentences, &mut warnings)?;
    let mut steps: Vec<Step> = Vec::new();
    // Times of words are more accurate than those of segments, which may also contain a pause.
    let transcribe = TranscribeOptions { timestamps: Timestamps::Word, ..models.device().options() };
    if models.chosen::<dyn Transcriber>(transcribe.model.as_deref(), USER).is_ok() {
        steps.push(transcribe.into());
    } else {
        warnings.push("no model transcribes, so what is said is not compared".to_string());
    }
    if texts.is_some() {
        steps.push(embed.into());
    }
    let pipeline = Pipeline::new(models.clone(), &steps)?;
    let frames = FilmOptions::new(Moments::Every(options.every), models.device().media.ffmpeg.clone());
    let (mut positions, mut seen, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for record in Inputs::with_films(&[film.to_path_buf()], &frames) {
        let record = record.map_err(|bad| Error::Input { problem: bad.problem })?;
        let result = pipeline.process(&record, progress)?;
        warnings.extend(result.warnings.iter().cloned());
        match result.position {
            Some(position) => {
                let found = result.embeddings().and_then(|timed| timed.value.image.clone());
                if let Some(problem) = result.errors().first() {
                    return Err(Error::Input { problem: format!("{}: {problem}", result.id) });
                }
                positions.push(position);
                seen.push(found.unwrap_or_default());
                if positions.len().saturating_mul(sentences.len()) > MOST_SCORES {
                    let problem =
                        format!("{}: too long for {} sentences; use a larger --every", film.display(), sentences.len());
                    return Err(Error::Input { problem });
                }
            }
            None => {
                warnings.extend(result.errors().iter().map(|error| format!("{error}: what is said is not compared")));
                said.extend(
                    result.transcript().into_iter().flat_map(|timed| timed.value.segments.iter().flat_map(phrases)),
                );
            }
        }
    }
    if positions.is_empty() {
        return Err(Error::Input { problem: format!("{}: it has no pictures", film.display()) });
    }
    let pictures = texts.as_ref().map(|texts| compared(texts, &seen));
    let stretches = stretches(film, sentences, &positions, pictures.as_ref(), &said, options.every.as_secs_f64())?;
    Ok(Aligned { stretches, warnings })
}

/// The vectors of the sentences; `None`, with a warning, without a model that embeds pictures and texts.
fn texts(
    models: &Models,
    options: &EmbedOptions,
    sentences: &[String],
    warnings: &mut Vec<String>,
) -> Result<Option<Vec<Vec<f32>>>, Error> {
    match models.chosen::<dyn Embedder>(options.model.as_deref(), USER) {
        Err(Error::NoModel { .. }) => {
            warnings.push("no model embeds pictures and texts, so pictures are not compared".to_string());
            return Ok(None);
        }
        chosen => drop(chosen?),
    }
    {
        let model = models.lease::<dyn Embedder>(options.model.as_deref(), USER)?;
        for needed in [Modality::Image, Modality::Text] {
            if !model.embeds().contains(&needed) {
                warnings.push(format!("{}: pictures are not compared", model.unembedded(needed)));
                return Ok(None);
            }
        }
    }
    let pipeline = Pipeline::new(models.clone(), &[options.clone().into()])?;
    let mut texts = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        let result = pipeline.process(&Record::default().with_text(sentence), &mut |_, _| {})?;
        if let Some(problem) = result.errors().first() {
            return Err(Error::Input { problem: format!("\"{sentence}\": {problem}") });
        }
        texts.push(result.embeddings().and_then(|timed| timed.value.text.clone()).unwrap_or_default());
    }
    Ok(Some(texts))
}

/// Cosine similarity of each text with each picture.
fn compared(texts: &[Vec<f32>], pictures: &[Vec<f32>]) -> Scores {
    let product = |text: &Vec<f32>, picture: &Vec<f32>| text.iter().zip(picture).map(|(one, other)| one * other).sum();
    let rows = texts.iter().flat_map(|text| pictures.iter().map(move |picture| product(text, picture)));
    Scores { moments: pictures.len(), numbers: rows.collect() }
}

fn stretches(
    film: &Path,
    sentences: &[String],
    positions: &[f64],
    pictures: Option<&Scores>,
    said: &[Segment],
    every: f64,
) -> Result<Vec<Stretch>, Error> {
    let moments = positions.len();
    let mut scores = Scores::zero(sentences.len(), moments);
    if let Some(pictures) = pictures {
        let mut pictures = pictures.clone();
        pictures.standardise();
        scores.add(&pictures, 1.0);
    }
    scores.add(&heard(sentences, said, positions, every), SAID);
    scores.numbers.iter_mut().for_each(|score| *score -= PAUSE);
    let found = path(&scores).ok_or_else(|| Error::Input {
        problem: format!(
            "{}: {moments} moments are too few for {} sentences; use a smaller --every",
            film.display(),
            sentences.len()
        ),
    })?;
    let end_of = |moment: usize| positions.get(moment).copied().unwrap_or(positions[moments - 1] + every);
    let mean = |numbers: &[f32]| numbers.iter().sum::<f32>() / numbers.len() as f32;
    let stretch = |((start, end), (at, text)): ((usize, usize), (usize, &String))| Stretch {
        start: positions[start],
        end: end_of(end),
        text: text.clone(),
        score: mean(&scores.row(at)[start..end]) + PAUSE,
        similarity: pictures.map(|pictures| mean(&pictures.row(at)[start..end])),
    };
    Ok(found.into_iter().zip(sentences.iter().enumerate()).map(stretch).collect())
}

/// How well each sentence fits what is said at each moment: 0 in silence.
fn heard(sentences: &[String], said: &[Segment], positions: &[f64], every: f64) -> Scores {
    let mut shares = spoken(sentences, said);
    // Words that every sentence shares with a segment do not help to choose between sentences, so their mean is subtracted;
    // with a single sentence, likewise the mean over all segments.
    if let [only] = &mut shares[..] {
        let mean = only.iter().sum::<f32>() / only.len().max(1) as f32;
        only.iter_mut().for_each(|share| *share -= mean);
    } else {
        for segment in 0..said.len() {
            let mean = shares.iter().map(|row| row[segment]).sum::<f32>() / shares.len() as f32;
            shares.iter_mut().for_each(|row| row[segment] -= mean);
        }
    }
    let square = shares.iter().flatten().map(|share| share * share).sum::<f32>();
    let deviation = (square / (shares.len() * said.len()).max(1) as f32).sqrt();
    let mut scores = Scores::zero(sentences.len(), positions.len());
    if deviation < 1e-6 {
        return scores;
    }
    for (at, row) in shares.iter().enumerate() {
        for (moment, position) in positions.iter().enumerate() {
            let middle = position + every / 2.0;
            let now = said.iter().zip(row).filter(|(segment, _)| (segment.start..segment.end).contains(&middle));
            let best = now.map(|(_, share)| *share).max_by(f32::total_cmp);
            scores.numbers[at * positions.len() + moment] = best.unwrap_or(0.0) / deviation;
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| line.to_string()).collect()
    }

    #[test]
    fn what_is_said_places_sentences_without_pictures() {
        let said = [
            Segment::new(0.4, 2.1, "Here is the old mill."),
            Segment::new(2.6, 4.0, "And this is a bridge over the river."),
            Segment::new(6.0, 7.4, "Finally, the harbour at night."),
        ];
        let positions: Vec<f64> = (0..32).map(|quarter| f64::from(quarter) / 4.0).collect();
        let sentences = script(&["The old mill.", "A bridge over the river.", "The harbour at night."]);
        let found = stretches(Path::new("f.mp4"), &sentences, &positions, None, &said, 0.25).unwrap();
        for (stretch, segment) in found.iter().zip(&said) {
            assert!(
                (stretch.start - segment.start).abs() <= 0.5 && (stretch.end - segment.end).abs() <= 0.5,
                "{stretch:?}"
            );
        }
    }

    #[test]
    fn pictures_and_speech_add_up() {
        // The pictures cannot tell the second sentence from the third; the speech can.
        let pictures = compared(
            &[vec![1.0, 0.0], vec![0.0, 1.0], vec![0.0, 1.0]],
            &[vec![1.0, 0.0], vec![1.0, 0.0], vec![0.0, 1.0], vec![0.0, 1.0], vec![0.0, 1.0], vec![0.0, 1.0]],
        );
        let positions: Vec<f64> = (0..6).map(f64::from).collect();
        let sentences = script(&["one", "two", "three"]);
        let said = [Segment::new(3.0, 5.9, "three")];
        let found = stretches(Path::new("f.mp4"), &sentences, &positions, Some(&pictures), &said, 1.0).unwrap();
        let times: Vec<(f64, f64)> = found.iter().map(|it| (it.start, it.end)).collect();
        assert_eq!(times, [(0.0, 2.0), (2.0, 3.0), (3.0, 6.0)]);
        let few = stretches(Path::new("f.mp4"), &sentences, &positions[..2], None, &[], 1.0).unwrap_err().to_string();
        assert!(few.contains("2 moments are too few for 3 sentences"), "{few}");
    }
}
