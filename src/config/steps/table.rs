//! The table of step options. A new step adds one line here, and one to the pipeline's table of steps.

use serde::de::{Error, MapAccess};

use super::{
    AskOptions, CaptionOptions, ChatOptions, ClassifyOptions, EmbedOptions, FuseOptions, MatchOptions, NamedStep, Step,
    TranscribeOptions,
};

/// Calls `visit` for every type of options.
fn visit_all(visitor: &mut impl Visitor) {
    visitor.visit::<TranscribeOptions>();
    visitor.visit::<CaptionOptions>();
    visitor.visit::<AskOptions>();
    visitor.visit::<ClassifyOptions>();
    visitor.visit::<MatchOptions>();
    visitor.visit::<FuseOptions>();
    visitor.visit::<EmbedOptions>();
    visitor.visit::<ChatOptions>();
    #[cfg(test)]
    visitor.visit::<super::ToyOptions>();
}

trait Visitor {
    fn visit<T: NamedStep>(&mut self);
}

/// Calls `visit` with each step's name and a function that creates it with default options.
pub(super) fn each(visit: &mut dyn FnMut(&'static str, fn() -> Step)) {
    struct Each<'a>(&'a mut dyn FnMut(&'static str, fn() -> Step));

    impl Visitor for Each<'_> {
        fn visit<T: NamedStep>(&mut self) {
            (self.0)(T::NAME, || Step::new(T::default()));
        }
    }

    visit_all(&mut Each(visit));
}

/// Reads the options of the step called `name` from the next value of `map`.
pub(super) fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Step, A::Error> {
    struct Read<'a, 'de, A: MapAccess<'de>> {
        name: &'a str,
        map: &'a mut A,
        found: Option<Result<Step, A::Error>>,
    }

    impl<'de, A: MapAccess<'de>> Visitor for Read<'_, 'de, A> {
        fn visit<T: NamedStep>(&mut self) {
            if T::NAME == self.name {
                self.found = Some(self.map.next_value::<T>().map(Step::new));
            }
        }
    }

    let mut read = Read { name, map, found: None };
    visit_all(&mut read);
    read.found.unwrap_or_else(|| Err(A::Error::custom(format!("unknown step `{name}`"))))
}
