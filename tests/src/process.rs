//! A process under test.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::command::succeed;
use crate::server::pause;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// The one that was started as `child`.
    #[must_use]
    pub const fn of(child: Child) -> Self {
        Self(child)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it without a chance to clean up (SIGKILL) and waits until it is gone.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end (SIGTERM). It may take its time.
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Asks it to end, and kills it where it has not after `grace`: what becomes of a spot instance.
    pub fn stop_within(mut self, grace: Duration) {
        self.ask_to_stop();
        let asked = Instant::now();
        while asked.elapsed() < grace {
            if self.exited().is_some() {
                return;
            }
            pause();
        }
        self.kill();
    }

    /// Lets it stand still (SIGSTOP) for this time and go on (SIGCONT).
    pub fn stand_still(&self, time: Duration) {
        self.signal("-STOP");
        let stopped = Instant::now();
        while stopped.elapsed() < time {
            pause();
        }
        self.signal("-CONT");
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn wait(mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    fn signal(&self, signal: &str) {
        succeed(Command::new("kill").args([signal, &self.0.id().to_string()]));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
