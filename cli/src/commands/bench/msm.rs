//! `zkpool bench msm`: one multi-scalar multiplication.

use clap::{ArgAction, Args};
use zkpool_bench::{Beside, Distribution, Group, MsmOptions, MsmReport, PeerCommand};
use zkpool_types::Curve;

use super::kernels::{self, KernelArgs, beside, named, range, stage_lines};
use crate::exit::CliError;
use crate::output::{Report, fields};
use crate::progress::Drawing;

/// Measure a multi-scalar multiplication beside the CPU
///
/// A run goes from scalars in the host's memory to a point there; the bases rest on the device.
/// Arkworks multiplies the same: on the CPU with as many threads and in turn with ours, beside a
/// GPU on one thread and afterwards, as does the CPU engine with all threads. Every product is
/// compared with a closed form: the command fails if one is wrong.
///
/// A peer is another program that multiplies in turn with ours. It is started once, as COMMAND
/// POINTS SCALARS. POINTS is a file of affine points, each coordinate in Montgomery form (R is
/// 2^256 for bn254 and 2^384 for bls12-381) as in a .zkey; SCALARS is a file of plain numbers of 32
/// bytes; both are little-endian. The peer prints `ready` when it has read them. For each line that
/// it then reads it multiplies once and prints one line, `MILLISECONDS X Y`: the coordinates of the
/// product in lowercase hexadecimal, big-endian and padded with zeros to the width of the field,
/// those of the point at infinity all zero. In g2 a coordinate is two such numbers. It ends at the
/// end of its input. A peer that dies or answers anything else ends the measurement.
#[derive(Args, Debug)]
pub(crate) struct MsmArgs {
    /// The curve: bn254 or bls12-381
    #[arg(long, default_value = "bn254", value_parser = kernels::curve)]
    curve: Curve,
    /// The group: g1 or g2
    #[arg(long, default_value = "g1", value_parser = group)]
    group: Group,
    /// The number of bases, as a logarithm
    #[arg(long, value_name = "L", value_parser = kernels::log_size)]
    log_size: u32,
    /// The scalars: random, witness-like or all-equal
    #[arg(long, default_value = "random", value_parser = distribution)]
    distribution: Distribution,
    /// How many multiplications to measure
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Where bases and scalars come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Leave out arkworks, which takes minutes for large sizes
    #[arg(long = "no-arkworks", alias = "no-cpu-single-thread", action = ArgAction::SetFalse)]
    arkworks: bool,
    /// Another program to measure; words are separated by spaces; may be repeated
    #[arg(long = "peer", value_name = "NAME=COMMAND", value_parser = peer)]
    peers: Vec<PeerCommand>,
    #[command(flatten)]
    kernels: KernelArgs,
}

fn group(text: &str) -> Result<Group, String> {
    named(text, &[("g1", Group::G1), ("g2", Group::G2)])
}

fn distribution(text: &str) -> Result<Distribution, String> {
    let all = [
        ("random", Distribution::Random),
        ("witness-like", Distribution::WitnessLike),
        ("all-equal", Distribution::AllEqual),
    ];
    named(text, &all)
}

/// Reads `name=command`.
fn peer(text: &str) -> Result<PeerCommand, String> {
    let (name, command) = text.split_once('=').unwrap_or_default();
    let mut words = command.split_whitespace().map(str::to_owned);
    match (name, words.next()) {
        ("", _) | (_, None) => Err(format!("expected NAME=COMMAND, found {text:?}")),
        (name, Some(program)) => {
            Ok(PeerCommand { name: name.to_owned(), program, arguments: words.collect() })
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &MsmArgs, drawing: Drawing) -> Result<Report, CliError> {
    let engine = args.kernels.open()?;
    let bar = drawing.spinner(format!("multiplying on {}", engine.name()));
    let options = MsmOptions {
        curve: args.curve,
        group: args.group,
        log_size: args.log_size,
        distribution: args.distribution,
        runs: args.runs,
        seed: args.seed,
        arkworks: args.arkworks,
    };
    let measured = zkpool_bench::msm(engine.gpu(), options, &args.peers)?;
    drop(bar);
    report(&measured)
}

fn report(measured: &MsmReport) -> Result<Report, CliError> {
    let MsmReport { times, matches, .. } = measured;
    let mut pairs = vec![
        ("device", measured.device.clone()),
        ("multiply", range(times)),
        ("scalars", format!("{:.2} ms of it", measured.scalars_ms)),
        ("prepare", format!("{:.1} ms", measured.prepare_ms)),
        ("resident", format!("{:.1} MiB", measured.resident_bytes as f64 / f64::from(1 << 20))),
        ("CPU engine", beside(measured.cpu_median_ms, times.median_ms)),
    ];
    pairs.extend(measured.peers.iter().map(|peer| (peer.name.as_str(), peer_line(peer))));
    if let (Some(floor_ms), Some(fraction)) = (measured.floor_ms, measured.floor_fraction) {
        let percent = 100.0 * fraction;
        pairs.push(("floor", format!("{floor_ms:.2} ms of word products, {percent:.0} % of it")));
    }
    pairs.push(("products", if *matches { "match" } else { "DO NOT MATCH" }.to_owned()));
    let text = format!("{}{}", fields(&pairs), stage_lines(&measured.stages));
    Ok(Report::new(measured, text)?.holds(*matches))
}

/// Times of a peer, how many times as long as ours they are, and its threads where they are known.
fn peer_line(peer: &Beside) -> String {
    let Beside { name: _, threads, times, times_ours } = peer;
    let threads = threads.map_or_else(String::new, |threads| format!(", threads: {threads}"));
    format!("{}, {times_ours:.2} times the device's{threads}", range(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_a_name_and_a_command() {
        let read = peer("blst=./peer --threads 2").unwrap();
        let expected = ("blst", "./peer", ["--threads", "2"].map(str::to_owned).to_vec());
        assert_eq!((read.name.as_str(), read.program.as_str(), read.arguments), expected);
        for text in ["blst", "blst=", "=./peer", "blst= "] {
            assert!(peer(text).unwrap_err().contains("NAME=COMMAND"), "{text}");
        }
    }
}
