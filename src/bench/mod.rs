//! Measures what a device file's models cost on this machine: time, memory, energy, and how close they come to the
//! machine's limits.
//!
//! Each figure is measured in its own process (see `cli`), so that models share no memory or caches. This module
//! contains the measurement inside one process, and the evaluation of the figures.
//!
//! | module | role |
//! |---|---|
//! | `task` | the measured task: a pipeline step, or voice activity detection |
//! | `inputs` | the inputs of the measurement |
//! | `clients` | several clients at once |
//! | `measure` | one process's measurement: warm, cold, profiled |
//! | `statistics` | percentiles |
//! | `ceiling` | matrix multiplication speed of the machine |
//! | `energy` | the board's power sensors |
//! | `trace` | the sessions' profiles as one trace, and the arithmetic in them |
//! | `chart` | the figures as a chart |

mod ceiling;
mod chart;
mod clients;
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
pub use clients::{Clients, measure_clients};
pub use energy::Energy;
pub use inputs::{Given, Inputs};
pub use measure::{Cold, Warm, measure_cold, measure_warm, run_once};
pub use statistics::Latency;
pub use task::Task;
pub use temporary::TemporaryFolder;
pub use trace::{Totals, Trace};
