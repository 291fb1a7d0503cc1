//! The deployed policies: from zero to what the load asks for and back, without flapping.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use zkpool_replay::{Arrival, Minute, Report, Scaling, replay};

/// From wanting a prover to its first claim: a machine starts in two minutes, the image and the
/// keys take another two.
const START_S: u64 = 240;

/// Minutes in which everything must be gone after the last job: a quarter of an hour for which it
/// is remembered, the idle time of the policy, and three for metric, alarm and tracking's last
/// prover.
const GONE_WITHIN: usize = 20;

fn scaling() -> Scaling {
    Scaling::from_json(include_str!("../../../infra/scaling.json")).unwrap()
}

fn play(arrivals: &[Arrival], minutes: u64) -> Report {
    let report = replay(&scaling(), arrivals, START_S, minutes);
    assert!(report.wanted_max() <= scaling().provers_max);
    assert_eq!(report.waits_s.len(), arrivals.len(), "jobs were left unproven");
    report
}

/// No prover is paid for a while after the last job came in or was proven.
fn assert_sleeps(report: &Report) {
    let active = |minute: &Minute| minute.accepted > 0 || minute.busy > 0 || minute.waiting > 0;
    let last = report.minutes.iter().rposition(active).unwrap();
    let after = report.minutes.get(last + GONE_WITHIN..).unwrap();
    let gone = after.iter().all(|minute| minute.wanted == 0 && minute.paid == 0);
    assert!(!after.is_empty() && gone, "{:?}", wanted(report));
}

fn burst(count: usize, at_s: u64, proving_s: u64) -> Vec<Arrival> {
    vec![Arrival { at_s, proving_s }; count]
}

/// Jobs at an even pace that keeps `provers_tenths` tenths of a prover busy.
fn steady(hours: u64, proving_s: u64, provers_tenths: u64) -> Vec<Arrival> {
    let count = hours * 3600 * provers_tenths / (10 * proving_s);
    let at = |n: u64| n * 10 * proving_s / provers_tenths;
    (0..count).map(|n| Arrival { at_s: at(n), proving_s }).collect()
}

#[test]
fn one_job_wakes_one_prover_and_it_goes_again() {
    let report = play(&burst(1, 600, 30), 60);
    assert_eq!((report.wanted_max(), report.turns(0)), (1, 1));
    assert!(report.waits_s[0] <= START_S + 180, "{:?}", report.waits_s);
    assert_sleeps(&report);
}

#[test]
fn a_burst_brings_what_it_asks_for_in_one_rise_and_one_fall() {
    let report = play(&burst(500, 600, 10), 120);
    assert_eq!((report.wanted_max(), report.turns(0)), (scaling().provers_max, 1));
    assert_sleeps(&report);
}

#[test]
fn a_burst_does_not_bring_more_than_it_asks_for() {
    // A thousand seconds of work: four provers of three hundred seconds each. What ran before
    // shows how long a proof takes.
    let report = play(&[burst(1, 0, 10), burst(100, 3600, 10)].concat(), 180);
    assert_eq!((report.wanted_max(), report.turns(0)), (4, 3), "{:?}", wanted(&report));
    assert_sleeps(&report);
}

#[test]
fn steady_loads_settle_and_stay() {
    for proving_s in [1, 10, 60] {
        for tenths in [3, 12, 34, 55] {
            let report = play(&steady(8, proving_s, tenths), 600);
            let (needed, settled) = (u32::try_from(tenths.div_ceil(10)).unwrap(), 90);
            let minutes = &report.minutes[settled..470];
            let context = format!("{proving_s} s, {tenths} tenths: {:?}", wanted(&report));
            assert!(minutes.iter().all(|m| (needed..=needed + 2).contains(&m.wanted)), "{context}");
            assert!(report.turns(settled) <= 4, "{context}");
            assert_sleeps(&report);
        }
    }
}

#[test]
fn long_jobs_get_a_prover_each_and_keep_it_until_they_are_proven() {
    // The first one shows how long they are.
    let report = play(&[burst(1, 0, 3000), burst(4, 6000, 3000)].concat(), 240);
    assert_eq!((report.wanted_max(), report.turns(0)), (4, 3), "{:?}", wanted(&report));
    let proving = report.minutes.iter().filter(|minute| minute.busy == 4);
    assert!(proving.clone().count() >= 45 && proving.clone().all(|minute| minute.wanted == 4));
    assert_sleeps(&report);
}

#[test]
fn pauses_shorter_than_the_idle_time_do_not_stop_and_start_provers() {
    let arrivals: Vec<_> = (0..18).flat_map(|n| burst(20, 600 + n * 600, 2)).collect();
    let report = play(&arrivals, 260);
    assert_eq!((report.wanted_max(), report.turns(0)), (1, 1), "{:?}", wanted(&report));
    assert_sleeps(&report);
}

#[test]
fn rising_and_falling_load_is_followed_without_turning_back() {
    let arrivals: Vec<_> = (0..360)
        .flat_map(|minute: u64| {
            let jobs = if minute < 180 { minute } else { 360 - minute } / 6;
            burst(usize::try_from(jobs).unwrap(), minute * 60, 10)
        })
        .collect();
    let report = play(&arrivals, 420);
    assert!((5..=8).contains(&report.wanted_max()), "{:?}", wanted(&report));
    assert!(report.turns(0) <= 5, "{:?}", wanted(&report));
    assert_sleeps(&report);
}

#[test]
fn no_load_wants_no_prover() {
    let report = play(&[], 60);
    assert_eq!((report.wanted_max(), report.paid_s), (0, 0));
}

#[test]
fn a_policy_without_idle_time_is_found_to_flap() {
    let mut hasty = scaling();
    hasty.sleep.idle_minutes = 0;
    let report = replay(&hasty, &burst(1, 600, 600), START_S, 60);
    assert!(report.turns(0) > 2, "{:?}", wanted(&report));
}

fn wanted(report: &Report) -> Vec<u32> {
    report.minutes.iter().map(|minute| minute.wanted).collect()
}
