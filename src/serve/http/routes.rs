//! A router that lists its routes, so that a test can compare them with the description of the API.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};

use super::Api;

/// Routes with one method each.
#[derive(Default)]
pub struct Routes {
    pub router: Router<Api>,
    /// Method and path of each.
    #[cfg(test)]
    pub listed: Vec<(&'static str, &'static str)>,
}

impl Routes {
    /// Adds a route for GET.
    pub fn get<T: 'static>(self, path: &'static str, handler: impl Handler<T, Api>) -> Self {
        self.with("get", path, get(handler))
    }

    /// Adds a route for POST.
    pub fn post<T: 'static>(self, path: &'static str, handler: impl Handler<T, Api>) -> Self {
        self.with("post", path, post(handler))
    }

    #[cfg_attr(not(test), expect(unused_variables, reason = "only the test compares methods"))]
    fn with(mut self, method: &'static str, path: &'static str, handler: MethodRouter<Api>) -> Self {
        self.router = self.router.route(path, handler);
        #[cfg(test)]
        self.listed.push((method, path));
        self
    }
}
