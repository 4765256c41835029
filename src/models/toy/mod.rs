//! The toy: an example of what a new kind needs. Its graph computes the mean square of a sound.

use crate::config::model_folder::ToySpec;
use crate::engine::{Graph, Tensor};
use crate::error::Error;
use crate::models::capability::{Capability, Model};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;

pub(crate) struct Toy {
    name: String,
    graph: Graph,
    spec: ToySpec,
}

impl ModelKind for Toy {
    const KIND: &'static str = "toy";

    type Spec = ToySpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        let spec: &ToySpec = loader.spec(Self::KIND)?;
        Ok(Toy { name: loader.folder().common.name.clone(), graph: loader.graph("toy")?, spec: spec.clone() })
    }
}

impl Model for Toy {
    fn name(&self) -> &str {
        &self.name
    }

    fn provider(&self) -> &'static str {
        self.graph.provider()
    }
}

/// A capability that no other kind has, so its own type serves as the trait.
impl Capability for Toy {
    const NAME: &'static str = "measure loudness";

    fn of(model: &dyn Model) -> Option<&Self> {
        (model as &dyn std::any::Any).downcast_ref()
    }
}

impl Toy {
    pub fn sample_rate(&self) -> u32 {
        self.spec.sample_rate
    }

    pub fn power(&self, samples: &[f32]) -> Result<f32, Error> {
        let samples = ndarray::Array2::from_shape_fn((1, samples.len()), |(_, at)| samples[at]);
        let mut outputs = self.graph.run(&[("samples", &[Tensor::float(samples)?])])?;
        let power = outputs.take_one("power", &[Some(1)])?;
        Ok(power.view()?.iter().copied().sum())
    }
}
