//! The deployed policies: from zero to what the load asks for and back, without flapping.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use zkpool_replay::{
    Arrival, Circuit, Device, Machines, Minute, Policy, Report, Scaling, Trace, replay,
};

/// From having a machine to its first claim: it starts in two minutes, the image and the keys take
/// another two.
const START_S: u64 = 240;

/// Machines that go with their provers and are never taken away, so that what is seen is the
/// policies.
fn machines() -> Machines {
    Machines {
        about: String::new(),
        order_s: 0,
        boot_s: START_S,
        container_s: START_S,
        linger_s: 0,
        interruptions_per_1000_h: 0.0,
        notice_s: 120,
        seed: 1,
        devices: vec![Device { class: "gpu".to_owned(), share: 1, nano_usd_per_hour: 1 }],
    }
}

/// A job.
#[derive(Clone, Copy)]
struct Job {
    at_s: u64,
    proving_s: u64,
}

fn trace(jobs: &[Job], minutes: u64) -> Trace {
    let mut times: Vec<_> = jobs.iter().map(|job| job.proving_s).collect();
    times.sort_unstable();
    times.dedup();
    let circuit = |proving_s: &u64| Circuit {
        name: format!("{proving_s} s"),
        share: 1,
        proving_ms: [("gpu".to_owned(), proving_s * 1000)].into(),
        key_cold_ms: 0,
    };
    let arrival = |job: &Job| Arrival {
        at_ms: job.at_s * 1000,
        circuit: times.binary_search(&job.proving_s).unwrap(),
    };
    Trace {
        circuits: times.iter().map(circuit).collect(),
        arrivals: jobs.iter().map(arrival).collect(),
        minutes,
    }
}

/// Minutes in which everything must be gone after the last job: a quarter of an hour for which it
/// is remembered, the idle time of the policy, and three for metric, alarm and tracking's last
/// prover.
const GONE_WITHIN: usize = 20;

fn scaling() -> Scaling {
    Scaling::from_json(include_str!("../../../infra/scaling.json")).unwrap()
}

fn play(jobs: &[Job], minutes: u64) -> Report {
    let report = replay(&Policy::Scaled(scaling()), &machines(), &trace(jobs, minutes)).unwrap();
    assert!(report.wanted_max() <= scaling().provers_max);
    assert_eq!((report.waits_ms.len(), report.left), (jobs.len(), 0));
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

fn burst(count: usize, at_s: u64, proving_s: u64) -> Vec<Job> {
    vec![Job { at_s, proving_s }; count]
}

/// Jobs at an even pace that keeps `provers_tenths` tenths of a prover busy.
fn steady(hours: u64, proving_s: u64, provers_tenths: u64) -> Vec<Job> {
    let count = hours * 3600 * provers_tenths / (10 * proving_s);
    let at = |n: u64| n * 10 * proving_s / provers_tenths;
    (0..count).map(|n| Job { at_s: at(n), proving_s }).collect()
}

#[test]
fn one_job_wakes_one_prover_and_it_goes_again() {
    let report = play(&burst(1, 600, 30), 60);
    assert_eq!((report.wanted_max(), report.turns(0)), (1, 1));
    assert!(report.waits_ms[0] <= (START_S + 180) * 1000, "{:?}", report.waits_ms);
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
    // Fifteen hundred seconds of work: four provers of four hundred and fifty seconds each. What
    // ran before shows how long a proof takes.
    let report = play(&[burst(1, 0, 10), burst(150, 3600, 10)].concat(), 180);
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
    assert_eq!((report.wanted_max(), report.paid_ms), (0, 0));
}

#[test]
fn a_policy_without_idle_time_is_found_to_flap() {
    let mut hasty = scaling();
    hasty.sleep.idle_minutes = 0;
    let jobs = trace(&burst(1, 600, 600), 60);
    let report = replay(&Policy::Scaled(hasty), &machines(), &jobs).unwrap();
    assert!(report.turns(0) > 2, "{:?}", wanted(&report));
}

fn wanted(report: &Report) -> Vec<u32> {
    report.minutes.iter().map(|minute| minute.wanted).collect()
}

#[test]
fn what_a_machine_that_is_taken_away_held_is_proven_by_another_one() {
    let unreliable = Machines { interruptions_per_1000_h: 2000.0, ..machines() };
    let jobs = steady(12, 60, 20);
    let policy = Policy::Scaled(scaling());
    let report = replay(&policy, &unreliable, &trace(&jobs, 900)).unwrap();
    assert_eq!((report.waits_ms.len(), report.left), (jobs.len(), 0));
    assert!(report.interruptions > 5 && report.lost_ms > 0, "{}", report.interruptions);
    let reliable = replay(&policy, &machines(), &trace(&jobs, 900)).unwrap();
    assert!(report.starting_ms > reliable.starting_ms);
}

#[test]
fn a_key_is_read_once_by_each_machine() {
    let mut trace = trace(&burst(100, 60, 10), 60);
    trace.circuits[0].key_cold_ms = 30_000;
    let report = replay(&Policy::Fixed(2), &machines(), &trace).unwrap();
    assert_eq!((report.reading_ms, report.lost_ms), (2 * 30_000, 0));
}

#[test]
fn an_empty_machine_is_paid_for_and_starts_the_next_prover_sooner() {
    let kept = Machines { linger_s: 3600, container_s: 20, ..machines() };
    let jobs = [burst(1, 600, 30), burst(1, 3600, 30)].concat();
    let policy = Policy::Scaled(scaling());
    let report = replay(&policy, &kept, &trace(&jobs, 180)).unwrap();
    let let_go = replay(&policy, &machines(), &trace(&jobs, 180)).unwrap();
    assert!(report.waits_ms[1] + (START_S - 20) * 1000 <= let_go.waits_ms[1] + 1000);
    assert!(report.paid_ms > let_go.paid_ms);
}

#[test]
fn a_prover_that_is_always_there_proves_in_turn() {
    let jobs = burst(3, 10, 7);
    let there = Machines { boot_s: 0, ..machines() };
    let report = replay(&Policy::Fixed(1), &there, &trace(&jobs, 1)).unwrap();
    assert_eq!(report.waits_ms, [0, 7000, 14_000]);
    assert_eq!((report.proving_ms, report.paid_ms), (21_000, 60_000));
}

#[test]
fn a_faster_device_proves_more() {
    let device = |class: &str| Device { class: class.to_owned(), share: 1, nano_usd_per_hour: 1 };
    let there = |class| Machines { boot_s: 0, devices: vec![device(class)], ..machines() };
    let mut trace = trace(&burst(10, 0, 8), 10);
    trace.circuits[0].proving_ms.insert("fast".to_owned(), 2000);
    let last =
        |class| *replay(&Policy::Fixed(1), &there(class), &trace).unwrap().waits_ms.last().unwrap();
    assert_eq!((last("gpu"), last("fast")), (9 * 8000, 9 * 2000));
    assert!(replay(&Policy::Fixed(1), &there("unknown"), &trace).is_err());
}
