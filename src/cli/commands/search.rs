//! `search`: finds items of an index.

use std::fmt::Write as _;
use std::io::Write as _;

use edgefuse::Error;
use edgefuse::config::model_folder::capability;
use edgefuse::index::{Filter, Hit};
use edgefuse::models::Models;
use edgefuse::pipeline::{Picture, Question, Searched, Searcher, Sound};

use super::start::{device_and_choice, engine};
use crate::cli::args::{Format, Global, Search};
use crate::cli::{Outcome, Stop, say};
use crate::subtitles::{Hours, clock};

/// `search`
pub(in crate::cli) fn search(global: &Global, args: &Search) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let filter = args.filter.as_deref().map(Filter::parse).transpose().map_err(Error::from)?;
    let (device, model) = device_and_choice(global, &[capability::EMBED])?;
    let question = Question {
        text: args.text.clone(),
        image: args.image.clone().map(Picture::from),
        audio: args.audio.clone().map(Sound::from),
        filter,
        top: args.top,
        model,
    };
    let searcher = Searcher::new(Models::new(engine(global, &device)?, device));
    let Searched { heard, hits, warnings, .. } = searcher.search(&args.index, question)?;
    warnings.iter().for_each(|warning| log::warn!("{warning}"));
    if let Some(heard) = heard.filter(|_| !global.quiet) {
        say(&format!("heard: {heard}"));
    }
    let mut text = String::new();
    for (rank, hit) in (1..).zip(&hits) {
        match global.format {
            Format::Json => text.push_str(&(serde_json::to_string(hit).unwrap_or_default() + "\n")),
            _ => text.push_str(&line(rank, hit)),
        }
    }
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(Stop::Output)?;
    Ok(Outcome::Done)
}

/// ` 1  0.312  /photos/bird.jpg  a red bird on a branch`
fn line(rank: usize, hit: &Hit) -> String {
    let item = &hit.item;
    let similarity = hit.similarity.values().copied().max_by(f32::total_cmp);
    let similarity = similarity.map_or("     -".to_string(), |it| format!("{it:6.3}"));
    let mut line = format!("{rank:2} {similarity}  {}", item.path.as_deref().unwrap_or(&item.id));
    if let Some(start) = item.start {
        let _ = write!(line, " {}", clock(start, Hours::Always, '.'));
    }
    if let Some(end) = item.end {
        let _ = write!(line, "-{}", clock(end, Hours::Always, '.'));
    }
    if let Some(text) = &item.text {
        // One line, whatever the text contains.
        let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        let _ = write!(line, "  {text}");
    }
    line + "\n"
}
