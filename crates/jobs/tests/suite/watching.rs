//! Following jobs: everything that matters is told, once, from wherever the follower left off.

use std::time::Duration;

use zkpool_jobs::{Cursor, JobError, JobWatch, ProjectWatch};
use zkpool_types::api::ProofView;
use zkpool_types::{JobId, JobState, Stage};

use crate::support::{World, new_job, project, world};

/// Virtual seconds after which a watch that is still silent has nothing to tell.
const SILENCE_S: usize = 5;

async fn submit(world: &World, key: &str) -> JobId {
    world.pass(1);
    world.jobs.submit(new_job(key)).await.unwrap().request.id
}

/// What `next` returns while time passes, or `None` where it stays silent.
async fn within_silence<T>(world: &World, next: impl Future<Output = T>) -> Option<T> {
    let ticks = async {
        for _ in 0..SILENCE_S * 10 {
            world.clock.advance(Duration::from_millis(100));
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        biased;
        told = next => Some(told),
        () = ticks => None,
    }
}

async fn told(world: &World, watch: &mut JobWatch) -> Option<Option<String>> {
    let next = within_silence(world, watch.next()).await?;
    Some(next.unwrap().map(|(standing, _)| standing))
}

async fn news(world: &World, watch: &mut ProjectWatch) -> Option<(Cursor, ProofView)> {
    within_silence(world, watch.next()).await.map(Result::unwrap)
}

#[tokio::test]
async fn a_job_is_followed_from_stage_to_stage_to_its_end() {
    let world = world();
    let job = submit(&world, "a").await;
    let mut watch = world.jobs.watch(&project(), job, None);
    assert_eq!(told(&world, &mut watch).await, Some(Some("queued".to_owned())));
    assert_eq!(told(&world, &mut watch).await, None, "it told of nothing new");
    let claim = world.claim().await;
    world.jobs.enter(&claim, Stage::Msm).await;
    assert_eq!(told(&world, &mut watch).await, Some(Some("1-msm".to_owned())));
    world.succeed(&claim).await;
    assert_eq!(told(&world, &mut watch).await, Some(Some("succeeded".to_owned())));
    assert_eq!(told(&world, &mut watch).await, Some(None));
}

#[tokio::test]
async fn a_follower_that_comes_back_hears_only_what_is_new() {
    let world = world();
    let job = submit(&world, "a").await;
    let mut watch = world.jobs.watch(&project(), job, Some("queued".to_owned()));
    assert_eq!(told(&world, &mut watch).await, None);
    world.jobs.cancel(&project(), job).await.unwrap();
    assert_eq!(told(&world, &mut watch).await, Some(Some("cancelled".to_owned())));
    let mut again = world.jobs.watch(&project(), job, Some("cancelled".to_owned()));
    assert_eq!(told(&world, &mut again).await, Some(None));
}

#[tokio::test]
async fn a_job_of_another_project_cannot_be_followed() {
    let world = world();
    let job = submit(&world, "a").await;
    let mut watch = world.jobs.watch(&"foreign".parse().unwrap(), job, None);
    assert!(matches!(watch.next().await, Err(JobError::NotFound(_))));
}

#[tokio::test]
async fn a_project_is_followed_from_now_on() {
    let world = world();
    submit(&world, "before").await;
    world.pass(1);
    let mut watch = world.jobs.watch_project(&project(), None);
    assert!(news(&world, &mut watch).await.is_none());
    let jobs = [submit(&world, "a").await, submit(&world, "b").await];
    for job in jobs {
        let (_, view) = news(&world, &mut watch).await.unwrap();
        assert_eq!((view.id, view.state), (job, JobState::Queued));
    }
    world.jobs.cancel(&project(), jobs[0]).await.unwrap();
    let (_, view) = news(&world, &mut watch).await.unwrap();
    assert_eq!((view.id, view.state), (jobs[0], JobState::Cancelled));
    assert!(news(&world, &mut watch).await.is_none());
}

#[tokio::test]
async fn whoever_resumes_from_any_cursor_misses_no_end() {
    let world = world();
    let mut watch = world.jobs.watch_project(&project(), None);
    let mut cursors = Vec::new();
    let mut ended = Vec::new();
    for round in 0..30 {
        let job = submit(&world, &round.to_string()).await;
        // Every third job stays open, so that the cursor has something to wait for.
        if round % 3 != 0 {
            world.jobs.cancel(&project(), job).await.unwrap();
            ended.push(job);
        }
        while let Some((cursor, view)) = news(&world, &mut watch).await {
            let told = ended.iter().position(|job| *job == view.id && view.state.is_terminal());
            cursors.push((cursor, told.map_or(0, |index| index + 1)));
        }
    }
    assert_eq!(cursors.iter().map(|(_, told)| *told).max(), Some(ended.len()));
    for (cursor, told_before) in cursors {
        let mut resumed = world.jobs.watch_project(&project(), Some(cursor));
        let mut found = Vec::new();
        while let Some((_, view)) = news(&world, &mut resumed).await {
            found.push(view.id);
        }
        let missed = ended[told_before..].iter().find(|job| !found.contains(job));
        assert_eq!(missed, None, "from {cursor:?}");
    }
}

#[tokio::test]
async fn the_cursor_moves_on_when_jobs_have_ended() {
    let world = world();
    let mut watch = world.jobs.watch_project(&project(), None);
    let first = submit(&world, "first").await;
    world.jobs.cancel(&project(), first).await.unwrap();
    let _ = news(&world, &mut watch).await.unwrap();
    world.pass(60);
    assert!(news(&world, &mut watch).await.is_none());
    submit(&world, "second").await;
    assert_eq!(news(&world, &mut watch).await.unwrap().0, Cursor(first));
}
