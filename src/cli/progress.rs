//! Progress on standard error; silent if that is not a terminal, or with `--quiet`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::Global;

/// Shorter work does not show a bar.
const TICK: Duration = Duration::from_millis(150);

/// A progress bar over records, with the seconds of sound done in the current one.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for `total` records, if known.
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

    /// Sets the current record.
    pub fn start(&self, name: &str) {
        self.bar.set_message(name.to_string());
    }

    /// Sets the seconds of sound done, and in total.
    pub fn seconds(&self, name: &str, done: f64, total: f64) {
        self.bar.set_message(format!("{name}  {done:.0} of {total:.0} s"));
    }

    /// Counts a finished record.
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
