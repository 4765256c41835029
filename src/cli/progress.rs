//! Progress on standard error; silent if that is not a terminal, or with `--quiet`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::Global;

/// Work shorter than this shows no bar.
const TICK: Duration = Duration::from_millis(150);

/// A bar over records, with the seconds of sound done inside the current one.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// `total` records, where that is known.
    pub fn new(global: &Global, total: Option<u64>) -> Self {
        let target = if global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{bar:24} {pos}/{len}  {elapsed} (left {eta})  {msg}",
            None => "{spinner} {pos}  {elapsed}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Progress { bar }
    }

    /// What is being done now.
    pub fn start(&self, name: &str) {
        self.bar.set_message(name.to_string());
    }

    /// Seconds of sound done, and in all.
    pub fn seconds(&self, name: &str, done: f64, total: f64) {
        self.bar.set_message(format!("{name}  {done:.0} of {total:.0} s"));
    }

    /// One record is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// Runs `print` with the bar out of the way.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
