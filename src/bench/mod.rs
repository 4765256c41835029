//! Measures what a device file's models take on this machine: time, memory, energy, and how near they come to what the
//! machine can do.
//!
//! Each figure is taken in a process of its own (see `cli`), so that no model's memory or caches are another's: this
//! module is what happens inside one process, and what is made of the figures.
//!
//! | module | what it does |
//! |---|---|
//! | `task` | what is measured: a step of the pipeline, the search for speech |
//! | `inputs` | what it is measured on |
//! | `measure` | one process's measurement: warm, cold, profiled |
//! | `statistics` | percentiles |
//! | `ceiling` | how fast the machine multiplies matrices |
//! | `energy` | what the board's power sensors tell |
//! | `trace` | the sessions' profiles as one trace, and the arithmetic in them |
//! | `chart` | the figures as a picture |

mod ceiling;
mod chart;
mod energy;
mod flops;
mod inputs;
mod measure;
mod statistics;
mod task;
mod temporary;
mod trace;

pub use ceiling::{Ceiling, measure_ceiling};
pub use chart::{Bars, chart};
pub use energy::Energy;
pub use inputs::{Given, Inputs};
pub use measure::{Cold, Warm, measure_cold, measure_warm, run_once};
pub use statistics::Latency;
pub use task::Task;
pub use temporary::TemporaryFolder;
pub use trace::{Totals, Trace};
