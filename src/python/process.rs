//! ONNX Runtime does not survive a fork: its threads exist in the parent only, so the child would wait for them for
//! ever.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::process;
use std::sync::OnceLock;

use pyo3::prelude::*;

use super::errors;

/// The process that loaded ONNX Runtime.
static STARTED_IN: OnceLock<u32> = OnceLock::new();

/// Remembers that this process loads ONNX Runtime.
///
/// # Errors
/// `ForkError` if it was forked from one that had.
pub fn start(py: Python<'_>) -> PyResult<()> {
    check(py, *STARTED_IN.get_or_init(process::id))
}

fn check(py: Python<'_>, owner: u32) -> PyResult<()> {
    match owner == process::id() {
        true => Ok(()),
        false => Err(errors::fork(py, owner)),
    }
}

/// A value that belongs to the process that made it: a forked child can neither use it nor drop it.
pub struct OfProcess<T> {
    value: ManuallyDrop<T>,
    owner: u32,
}

impl<T> OfProcess<T> {
    pub fn new(value: T) -> Self {
        OfProcess { value: ManuallyDrop::new(value), owner: process::id() }
    }

    /// The value.
    ///
    /// # Errors
    /// `ForkError` in a child of the process that made it.
    pub fn get(&self, py: Python<'_>) -> PyResult<&T> {
        check(py, self.owner)?;
        Ok(self.value.deref())
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if self.owner == process::id() {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
