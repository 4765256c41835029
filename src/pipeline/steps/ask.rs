//! `ask`: an answer to a question about a picture.

use std::time::Instant;

use super::by_message::{Asked, by_message};
use super::seen::ReadPicture;
use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::model_folder::capability;
use crate::config::{AskOptions, Form, Question, ReplyOptions};
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::Answerer;
use crate::models::picture::Candidates;
use crate::pipeline::about_pictures::{AnswerScore, AnswerText};
use crate::pipeline::lists::List;

const NAME: &str = "ask";

pub(super) struct Ask {
    options: AskOptions,
    answers: Option<List<Candidates>>,
}

impl StepKind for Ask {
    type Options = AskOptions;
    type Value = AnswerText;

    const KEY: &'static str = "answer";

    fn new(options: &AskOptions) -> Result<Self, Error> {
        let answers = options.answers.as_ref().map(List::load).transpose()?;
        Ok(Ask { options: options.clone(), answers })
    }

    fn uses(options: &AskOptions) -> Vec<Use<'_>> {
        vec![Use::required(capability::ANSWER, options.model.as_deref())]
    }

    fn view(&self, models: &Models) -> Option<PixelConfig> {
        models.view::<dyn Answerer>(self.options.model.as_deref(), NAME).ok().flatten()
    }

    fn run(&self, context: &mut Context) -> StepOutcome<AnswerText> {
        let Some(question) = self.question(context).filter(|_| context.sources.has_image()) else { return Ok(None) };
        if let (true, Some(audio)) = (question.trim().is_empty(), context.sources.audio_file()) {
            return Err(Error::Input {
                problem: format!("{}: no speech was recognised, so there is no question", audio.path().display()),
            });
        }
        self.answer(context, question, self.options.model.as_deref())
    }
}

impl Ask {
    /// The answer of the model `named`, or else the only one that answers.
    fn answer(&self, context: &mut Context, question: String, named: Option<&str>) -> StepOutcome<AnswerText> {
        if let Some(asked) = by_message::<dyn Answerer>(context, named, NAME)? {
            return self.by_message(context, question, &asked);
        }
        let Some(read) = ReadPicture::read::<dyn Answerer>(context, named, NAME)? else { return Ok(None) };
        let blip = context.models.lease::<dyn Answerer>(named, NAME)?;
        blip.prepare_answers()?;
        let candidates = self.answers.as_ref().map(|list| list.read(|texts| blip.candidates(texts))).transpose()?;
        let started = Instant::now();
        let Some(image) = read.encoded(context, &*blip)? else { return Ok(None) };
        let Some(candidates) = candidates else {
            let answer = blip.answer(&image, &question, &self.options.search)?;
            let value = AnswerText {
                question,
                text: answer.text,
                confidence: Some(answer.log_probability.exp()),
                log_probability: Some(answer.log_probability),
                tokens: answer.tokens.len(),
                answers: None,
            };
            return Ok(Some(read.timed(value, started, answer.provider)));
        };
        let mut ranked = blip.rank(&image, &question, &candidates)?;
        ranked.truncate(self.options.top.unwrap_or(usize::MAX));
        let answers: Vec<AnswerScore> = ranked
            .into_iter()
            .map(|it| AnswerScore {
                text: candidates.texts()[it.candidate].clone(),
                log_probability: it.log_probability,
                probability: it.probability,
            })
            .collect();
        let Some(best) = answers.first().cloned() else { return Ok(None) };
        let value = AnswerText {
            question,
            text: best.text,
            confidence: Some(best.log_probability.exp()),
            log_probability: Some(best.log_probability),
            tokens: 0,
            answers: Some(answers),
        };
        Ok(Some(read.timed(value, started, blip.answer_provider())))
    }

    /// The answer of a model that is asked by a message, or of its fallback.
    fn by_message(&self, context: &mut Context, question: String, asked: &Asked) -> StepOutcome<AnswerText> {
        let started = Instant::now();
        asked.refuse(self.options.top.is_some(), "top")?;
        let form = self.answers.as_ref().map(|list| Form::Choices(list.texts().to_vec()));
        let options = ReplyOptions { form, ..asked.options(&self.options.search)? };
        let reply = match asked.reply(context, &question, options) {
            Ok(reply) => reply,
            Err(error) => {
                let fallback = asked.instead::<dyn Answerer>(context, error)?;
                return self.answer(context, question, Some(&fallback));
            }
        };
        let (text, tokens) = (reply.text, reply.written);
        let value = AnswerText { question, text, confidence: None, log_probability: None, tokens, answers: None };
        Ok(Some(timed(value, started, asked.provider())))
    }

    /// The question, if the record has one.
    fn question(&self, context: &Context) -> Option<String> {
        match &self.options.question {
            Question::Fixed(question) => Some(question.clone()),
            Question::Text => context.record.text.clone(),
            Question::Transcript => context.transcript().map(|transcript| transcript.text.clone()),
            Question::Any => context.spoken_or_written(),
        }
    }
}
