//! `caption`, `ask` and `match`

use edgefuse::config::{Question, Step};
use edgefuse::pipeline::{Inputs, MediaKind, Record};

use super::process::process;
use super::start::device;
use super::{no_subtitles, printer};
use crate::cli::args::{Ask, Caption, Global, Match};
use crate::cli::printer::{Printer, Shown};
use crate::cli::{Outcome, Stop};

/// `caption`
pub(in crate::cli) fn caption(global: &Global, args: &Caption) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    let device = device(global, &["blip"])?;
    let options = args.options(device.caption_options());
    options.check().map_err(Stop::Usage)?;
    let inputs = Inputs::of_kind(&args.images, MediaKind::Image);
    let printer = Printer { named_inputs: inputs.total() != Some(1), ..printer(global, Shown::Caption) };
    process(global, device, vec![Step::Caption(options)], inputs, None, &printer)
}

/// `ask`
pub(in crate::cli) fn ask(global: &Global, args: &Ask) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    if args.questions.iter().any(|question| question.trim().is_empty()) {
        return Err(Stop::Usage("the question is empty".to_string()));
    }
    let kinds: &[_] = if args.audio.is_some() { &["blip", "whisper"] } else { &["blip"] };
    let device = device(global, kinds)?;
    let options = args.options(device.ask_options());
    options.check().map_err(Stop::Usage)?;
    let mut steps = Vec::new();
    if args.audio.is_some() {
        steps.push(Step::Transcribe(Box::new(device.transcribe_options())));
    }
    debug_assert_eq!(options.question, Question::Any);
    let ranked = args.top.is_some();
    steps.push(Step::Ask(options));
    let record = |question: Option<&String>| Record {
        image: Some(args.image.clone()),
        audio: args.audio.clone(),
        text: question.cloned(),
        ..Record::default()
    };
    let records: Vec<Record> = match args.questions.as_slice() {
        [] => vec![record(None)],
        questions => questions.iter().map(|question| record(Some(question))).collect(),
    };
    let printer = Printer { named_questions: records.len() > 1, ranked, ..printer(global, Shown::Answer) };
    process(global, device, steps, Inputs::records(records), None, &printer)
}

/// `match`
pub(in crate::cli) fn compare(global: &Global, args: &Match) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    if args.text.iter().any(|text| text.trim().is_empty()) {
        return Err(Stop::Usage("a --text is empty".to_string()));
    }
    let device = device(global, &["blip"])?;
    let options = args.options(device.match_options());
    if options.texts.is_none() {
        return Err(Stop::Usage("no text to compare with; give --text TEXT or --texts FILE".to_string()));
    }
    let inputs = Inputs::of_kind(&args.images, MediaKind::Image);
    let printer = Printer { named_inputs: inputs.total() != Some(1), ..printer(global, Shown::Match) };
    process(global, device, vec![Step::Match(options)], inputs, None, &printer)
}
