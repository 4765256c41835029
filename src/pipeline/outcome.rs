//! Results of steps.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;

use serde::{Deserialize, Serialize, Serializer};

/// A step's result with its cost.
#[derive(Debug, Clone, Copy)]
pub struct Timed<'a, T: ?Sized> {
    /// The result.
    pub value: &'a T,
    /// Milliseconds from the file to the result, without loading the model.
    pub ms: f64,
    /// The execution provider of most nodes of the step's main graph.
    pub provider: &'a str,
}

/// Output of one step, under its key.
#[derive(Debug)]
pub(super) struct Outcome {
    pub key: &'static str,
    /// The result, or why there is none.
    pub result: Result<Done, String>,
}

#[derive(Debug)]
pub(super) struct Done {
    pub value: Box<dyn StepValue>,
    pub ms: f64,
    pub provider: Cow<'static, str>,
}

/// A step's result of any type.
pub(super) trait StepValue: erased_serde::Serialize + Any + Debug + Send + Sync {}

impl<T: Serialize + Any + Debug + Send + Sync> StepValue for T {}

erased_serde::serialize_trait_object!(StepValue);

/// Outputs of the steps of one record, in the order of their results.
#[derive(Debug, Default)]
pub(super) struct Outcomes(Vec<(usize, Outcome)>);

impl Outcomes {
    /// Adds a step's result; results are listed by their `place`.
    pub fn add(&mut self, place: usize, outcome: Outcome) {
        let at = self.0.partition_point(|(before, _)| *before <= place);
        self.0.insert(at, (place, outcome));
    }

    pub fn iter(&self) -> impl Iterator<Item = &Outcome> {
        self.0.iter().map(|(_, outcome)| outcome)
    }

    /// The result under `key`; `None` if the step did not run, failed, or its result is not a `T`.
    pub fn get<T: 'static>(&self, key: &str) -> Option<Timed<'_, T>> {
        let done = self.iter().find(|outcome| outcome.key == key)?.result.as_ref().ok()?;
        let value = (done.value.as_ref() as &dyn Any).downcast_ref()?;
        Some(Timed { value, ms: done.ms, provider: &done.provider })
    }
}

/// A step's value with its cost, side by side in one mapping.
#[derive(Serialize)]
struct WithCost<'a> {
    #[serde(flatten)]
    value: &'a dyn StepValue,
    ms: f64,
    provider: &'a str,
}

/// Error of a step.
#[derive(Serialize, Deserialize)]
pub(super) struct Failed<'a> {
    pub error: Cow<'a, str>,
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.result {
            Ok(Done { value, ms, provider }) => {
                WithCost { value: value.as_ref(), ms: *ms, provider }.serialize(serializer)
            }
            Err(error) => Failed { error: error.into() }.serialize(serializer),
        }
    }
}
