//! How many streams of events are open, by project.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use zkpool_types::ProjectId;

use crate::ApiResult;
use crate::events::too_many_streams;
use crate::limits::{EVENT_STREAMS_MAX, EVENT_STREAMS_OF_PROJECT_MAX};

/// The open streams of this process. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<ProjectId, usize>>>);

/// The right to one open stream, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    streams: Streams,
    project: ProjectId,
}

impl Streams {
    /// One more stream of this project.
    ///
    /// # Errors
    /// As many as are allowed are open.
    pub(crate) fn take(&self, project: &ProjectId) -> ApiResult<Slot> {
        self.change(|open| {
            if open.values().sum::<usize>() >= EVENT_STREAMS_MAX {
                return Err(too_many_streams("of this server", EVENT_STREAMS_MAX));
            }
            let count = open.entry(project.clone()).or_default();
            if *count >= EVENT_STREAMS_OF_PROJECT_MAX {
                return Err(too_many_streams("of one project", EVENT_STREAMS_OF_PROJECT_MAX));
            }
            *count += 1;
            Ok(())
        })?;
        Ok(Slot { streams: self.clone(), project: project.clone() })
    }

    /// Counts are whole between two changes, so that another holder's panic is no reason to stop.
    fn change<T>(&self, change: impl FnOnce(&mut HashMap<ProjectId, usize>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.streams.change(|open| {
            if let Some(count) = open.get_mut(&self.project) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&self.project);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_project_cannot_take_every_stream_and_a_closed_one_makes_room() {
        let streams = Streams::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut held: Vec<_> =
            (0..EVENT_STREAMS_OF_PROJECT_MAX).map(|_| streams.take(&a).unwrap()).collect();
        assert!(streams.take(&a).is_err());
        assert!(streams.take(&b).is_ok());
        held.pop();
        assert!(streams.take(&a).is_ok());
        drop(held);
        assert!(streams.change(|open| open.is_empty()));
    }

    #[test]
    fn the_streams_of_all_projects_are_bounded() {
        let streams = Streams::default();
        let projects = (0..EVENT_STREAMS_MAX).map(|index| format!("p{index}").parse().unwrap());
        let held: Vec<_> = projects.map(|project| streams.take(&project).unwrap()).collect();
        assert!(streams.take(&"one-more".parse().unwrap()).is_err());
        assert_eq!(held.len(), EVENT_STREAMS_MAX);
    }
}
