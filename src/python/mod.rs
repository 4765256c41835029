//! The Python module `edgefuse._native`: what `python/edgefuse/` cannot do itself.
//!
//! The Python half turns pictures, sounds and records of any form into a line of a manifest plus bytes or arrays, and
//! results into Python objects. This half owns the pipeline: it releases the interpreter's lock while it works, looks
//! for signals while it waits, and refuses to continue in a forked child.

mod errors;
mod inputs;
mod job;
mod pipeline;
mod process;

use pyo3::prelude::*;

use crate::request::{Priority, Request};

/// Stops the work it was passed to, from any thread.
#[pyclass(frozen, module = "edgefuse._native")]
struct Cancellation(Request);

#[pymethods]
impl Cancellation {
    #[new]
    fn new() -> Self {
        Cancellation(Request::new(Priority::Batch))
    }

    /// Stops the work before its next graph run. It raises `Cancelled`.
    fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether `cancel` was called.
    #[getter]
    fn cancelled(&self) -> bool {
        self.0.check().is_err()
    }
}

#[pymodule(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<pipeline::NativePipeline>()?;
    module.add_class::<job::Job>()?;
    module.add_class::<job::NativeAnswer>()?;
    module.add_class::<Cancellation>()?;
    module.add_function(wrap_pyfunction!(job::finish, module)?)
}
