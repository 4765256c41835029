//! `caption`, `ask`, `classify` and `match`

use edgefuse::config::model_folder::capability;
use edgefuse::config::{Question, Step, TranscribeOptions};
use edgefuse::pipeline::{Inputs, MediaKind, Record, Sound};

use super::process::process;
use super::start::device;
use super::{no_subtitles, printer};
use crate::cli::args::{Ask, Caption, Classify, Global, Match};
use crate::cli::printer::{Printer, Shown};
use crate::cli::{Outcome, Stop};

/// `caption`
pub(in crate::cli) fn caption(global: &Global, args: &Caption) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    let device = device(global, &[capability::CAPTION])?;
    let options = args.options(device.options());
    options.check().map_err(Stop::Usage)?;
    let inputs = Inputs::of_kind(&args.images, MediaKind::Image);
    let printer = Printer { named_inputs: inputs.total() != Some(1), ..printer(global, Shown::Caption) };
    process(global, device, vec![options.into()], inputs, None, &printer)
}

/// `ask`
pub(in crate::cli) fn ask(global: &Global, args: &Ask) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    if args.questions.iter().any(|question| question.trim().is_empty()) {
        return Err(Stop::Usage("the question is empty".to_string()));
    }
    let tasks = [capability::ANSWER, capability::TRANSCRIBE];
    let device = device(global, if args.audio.is_some() { &tasks } else { &tasks[..1] })?;
    let options = args.options(device.options());
    options.check().map_err(Stop::Usage)?;
    let mut steps: Vec<Step> = Vec::new();
    if args.audio.is_some() {
        steps.push(device.options::<TranscribeOptions>().into());
    }
    debug_assert_eq!(options.question, Question::Any);
    let ranked = args.top.is_some();
    steps.push(options.into());
    let record = |question: Option<&String>| {
        let mut record = Record::default().with_image(args.image.clone());
        record.audio = args.audio.clone().map(Sound::from);
        record.text = question.cloned();
        record
    };
    let records: Vec<Record> = match args.questions.as_slice() {
        [] => vec![record(None)],
        questions => questions.iter().map(|question| record(Some(question))).collect(),
    };
    let printer = Printer { named_questions: records.len() > 1, ranked, ..printer(global, Shown::Answer) };
    process(global, device, steps, Inputs::records(records), None, &printer)
}

/// `classify`
pub(in crate::cli) fn classify(global: &Global, args: &Classify) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    let device = device(global, &[capability::CLASSIFY])?;
    let options = args.options(device.options());
    let inputs = Inputs::of_kind(&args.images, MediaKind::Image);
    let printer = Printer { named_inputs: inputs.total() != Some(1), ..printer(global, Shown::Classes) };
    process(global, device, vec![options.into()], inputs, None, &printer)
}

/// `match`
pub(in crate::cli) fn compare(global: &Global, args: &Match) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    if args.text.iter().any(|text| text.trim().is_empty()) {
        return Err(Stop::Usage("a --text is empty".to_string()));
    }
    let device = device(global, &[capability::MATCH])?;
    let options = args.options(device.options());
    if options.texts.is_none() {
        return Err(Stop::Usage("no text to compare with; use --text TEXT or --texts FILE".to_string()));
    }
    let inputs = Inputs::of_kind(&args.images, MediaKind::Image);
    let printer = Printer { named_inputs: inputs.total() != Some(1), ..printer(global, Shown::Match) };
    process(global, device, vec![options.into()], inputs, None, &printer)
}
