//! The memory budget: what each model costs, which are loaded, and which must go to make room.
//!
//! Costs are of resident memory of the whole process, measured while a model loads and works, and remembered from one
//! process to the next; a model that was never measured is estimated from its files.

mod budget;
mod cost;

pub(super) use budget::{Budget, check};
pub use cost::{Cost, CostSource};
pub(super) use cost::{file, read};
