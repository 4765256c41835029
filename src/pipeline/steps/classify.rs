//! `classify`: what a picture shows.

use std::time::Instant;

use super::seen::ReadPicture;
use super::{Context, StepKind, StepOutcome, Use};
use crate::config::ClassifyOptions;
use crate::config::model_folder::capability;
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::Classifier;
use crate::pipeline::about_pictures::{ClassScore, PictureClasses};

const NAME: &str = "classify";

pub(super) struct Classify(ClassifyOptions);

impl StepKind for Classify {
    type Options = ClassifyOptions;
    type Value = PictureClasses;

    const KEY: &'static str = "classes";

    fn new(options: &ClassifyOptions) -> Result<Self, Error> {
        Ok(Classify(options.clone()))
    }

    fn uses(options: &ClassifyOptions) -> Vec<Use<'_>> {
        vec![Use::required(capability::CLASSIFY, options.model.as_deref())]
    }

    fn view(&self, models: &Models) -> Option<PixelConfig> {
        models.view::<dyn Classifier>(self.0.model.as_deref(), NAME).ok().flatten()
    }

    fn run(&self, context: &mut Context) -> StepOutcome<PictureClasses> {
        if !context.sources.has_image() {
            return Ok(None);
        }
        let named = self.0.model.as_deref();
        let Some(read) = ReadPicture::read::<dyn Classifier>(context, named, NAME)? else { return Ok(None) };
        let model = context.models.lease::<dyn Classifier>(named, NAME)?;
        let started = Instant::now();
        let Some(image) = read.encoded(context, &*model)? else { return Ok(None) };
        let classes: Vec<ClassScore> = model
            .classify(&image, self.0.top.get())?
            .into_iter()
            .map(|it| ClassScore { label: model.classes()[it.class].clone(), probability: it.probability })
            .collect();
        let Some(best) = classes.first().cloned() else { return Ok(None) };
        let value = PictureClasses { label: best.label, probability: best.probability, classes };
        Ok(Some(read.timed(value, started, model.provider())))
    }
}
