//! Progress bars on a terminal, and nothing anywhere else.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Time between redraws of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// Whether to draw: the person watches standard error and did not ask for JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawing(bool);

impl Drawing {
    /// Draws on a terminal unless the output is JSON.
    pub(crate) fn unless_json(as_json: bool) -> Self {
        Self(!as_json && std::io::stderr().is_terminal())
    }

    /// Something of unknown length, with a message.
    pub(crate) fn spinner(self, message: impl Into<String>) -> Bar {
        let bar = self.bar_or_hidden(ProgressBar::new_spinner());
        bar.set_message(message.into());
        bar.enable_steady_tick(TICK);
        Bar(bar)
    }

    /// Something that counts to `total`.
    pub(crate) fn count(self, total: u64, message: impl Into<String>) -> Bar {
        let bar = self.bar_or_hidden(ProgressBar::new(total));
        bar.set_message(message.into());
        bar.set_style(style("{spinner} {msg} [{bar:30}] {pos}/{len} {elapsed}"));
        bar.enable_steady_tick(TICK);
        Bar(bar)
    }

    /// Bytes on their way, `total` of them.
    pub(crate) fn bytes(self, total: u64, message: impl Into<String>) -> Bar {
        let bar = self.bar_or_hidden(ProgressBar::new(total));
        bar.set_message(message.into());
        bar.set_style(style("{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}"));
        Bar(bar)
    }

    fn bar_or_hidden(self, bar: ProgressBar) -> ProgressBar {
        if self.0 { bar } else { ProgressBar::hidden() }
    }
}

/// The style of a template, or the plain one where the template has a mistake.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A bar that removes itself when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Changes what it says.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// Moves on by `steps`.
    pub(crate) fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }

    /// Begins again with another message.
    pub(crate) fn restart(&self, message: impl Into<String>) {
        self.0.reset();
        self.say(message);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
