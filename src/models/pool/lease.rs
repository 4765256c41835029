//! A model in use: it stays loaded until the lease is dropped.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use super::Pool;
use crate::error::Error;
use crate::models::capability::{Capability, Model};

/// A leased model with the capability `C`.
pub struct Lease<C: ?Sized> {
    held: Held,
    capability: PhantomData<fn() -> Box<C>>,
}

/// A leased model of any capability.
pub(super) struct Held {
    pub pool: Arc<Pool>,
    pub name: String,
    pub model: Arc<dyn Model>,
}

impl<C: Capability + ?Sized> Lease<C> {
    pub(super) fn new(held: Held) -> Result<Self, Error> {
        match C::of(held.model.as_ref()) {
            Some(_) => Ok(Lease { held, capability: PhantomData }),
            None => Err(Error::Request {
                model: held.model.name().to_string(),
                problem: format!("cannot {}, although its folder says so", C::NAME),
            }),
        }
    }

    /// Its name under `models`.
    pub fn key(&self) -> &str {
        &self.held.name
    }
}

impl<C: Capability + ?Sized> Deref for Lease<C> {
    type Target = C;

    fn deref(&self) -> &C {
        C::of(self.held.model.as_ref()).unwrap_or_else(|| unreachable!("checked when it was leased"))
    }
}

impl<C: Capability + ?Sized> fmt::Debug for Lease<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_tuple("Lease").field(&self.held.name).finish()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.pool.give_back(&self.name);
    }
}
