//! Tells a person what is being waited for: one rewritten line on a terminal,
//! plain lines elsewhere, nothing where nobody reads.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Where progress goes.
#[derive(Debug)]
enum Screen {
    Terminal,
    Plain,
    Silent,
}

/// A progress display on standard error.
#[derive(Debug)]
pub struct Progress {
    screen: Screen,
    started: Instant,
    step: String,
    step_started: Instant,
}

impl Progress {
    /// A rewritten line when standard error is a terminal, else plain lines.
    #[must_use]
    pub fn stderr() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self::on(if terminal { Screen::Terminal } else { Screen::Plain })
    }

    /// No output at all.
    #[must_use]
    pub fn silent() -> Self {
        Self::on(Screen::Silent)
    }

    fn on(screen: Screen) -> Self {
        let now = Instant::now();
        Self { screen, started: now, step: String::new(), step_started: now }
    }

    /// Says what is being done from now on.
    pub fn step(&mut self, step: &str) {
        if step == self.step {
            return;
        }
        step.clone_into(&mut self.step);
        self.step_started = Instant::now();
        match self.screen {
            Screen::Terminal => self.redraw(),
            Screen::Plain => eprintln!("{step}"),
            Screen::Silent => {}
        }
    }

    /// Says something that must stay on the screen.
    pub fn note(&mut self, note: &str) {
        self.clear();
        if !matches!(self.screen, Screen::Silent) {
            eprintln!("{note}");
        }
        self.redraw();
    }

    /// Brings the elapsed time of a rewritten line up to date.
    pub fn tick(&self) {
        self.redraw();
    }

    /// Time since the first step.
    #[must_use]
    pub fn elapsed_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Removes the rewritten line.
    pub fn clear(&self) {
        if matches!(self.screen, Screen::Terminal) {
            eprint!("\r\x1b[2K");
        }
    }

    fn redraw(&self) {
        if matches!(self.screen, Screen::Terminal) && !self.step.is_empty() {
            eprint!("\r\x1b[2K{} … {:.1} s", self.step, self.step_started.elapsed().as_secs_f64());
            // A progress line that cannot be written is no reason to stop.
            drop(std::io::stderr().flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
