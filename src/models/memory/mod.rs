//! The memory budget: what each model costs, which models are loaded, and which to evict.
//!
//! Costs are in resident memory of the whole process, measured while a model loads and works, and remembered from one
//! process to the next. The cost of a model that was never measured is estimated from its files.

mod budget;
mod cost;

pub(super) use budget::{Budget, check};
pub use cost::{Cost, CostSource};
pub(super) use cost::{file, read};
