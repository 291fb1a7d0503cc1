//! Threads for work that holds one: proving, reading keys.

use std::fmt;

use async_trait::async_trait;
use tokio::sync::oneshot;

/// Work that holds its thread until it is done.
pub type Work = Box<dyn FnOnce() + Send>;

/// The work panicked, or its thread went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("work on another thread panicked")]
pub struct Panicked;

/// Where work runs that holds a thread, so that it holds up no other task.
#[async_trait]
pub trait Threads: Send + Sync + fmt::Debug {
    /// Runs `work` to its end, also where it panics, and also where nobody waits for it any more.
    async fn run(&self, work: Work);
}

impl dyn Threads + '_ {
    /// What `work` returns.
    ///
    /// # Errors
    /// It panicked. The text of the panic may hold anything and is left out.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (done, result) = oneshot::channel();
        // Nobody waits for the result of work that was given up.
        self.run(Box::new(move || drop(done.send(work())))).await;
        result.await.map_err(|_| Panicked)
    }
}

/// The executor's own threads for such work.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockingThreads;

#[async_trait]
impl Threads for BlockingThreads {
    async fn run(&self, work: Work) {
        // A panic is told by what the work did not send.
        let _ = tokio::task::spawn_blocking(work).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads() -> &'static dyn Threads {
        &BlockingThreads
    }

    #[tokio::test]
    async fn work_returns_its_result_from_another_thread() {
        let here = std::thread::current().id();
        let there = threads().call(|| std::thread::current().id()).await.unwrap();
        assert_ne!(here, there);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_the_work_alone() {
        assert_eq!(threads().call(|| panic!("a fault in the work")).await, Err::<(), _>(Panicked));
    }
}
