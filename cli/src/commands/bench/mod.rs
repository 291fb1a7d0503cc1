//! `zkpool bench`: measurements on this machine.

mod field;
mod kernels;
mod msm;
mod ntt;
mod prove;
mod service;

use clap::Subcommand;
use zkpool_bench::BenchError;
use zkpool_snark::ProveError;

use crate::exit::CliError;
use crate::output::Report;
use crate::progress::Drawing;

/// Measure this machine
#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    Service(service::ServiceArgs),
    Prove(prove::ProveArgs),
    Field(field::FieldArgs),
    Msm(msm::MsmArgs),
    Ntt(ntt::NttArgs),
}

/// Runs the command.
pub(crate) fn run(command: &BenchCommand, drawing: Drawing) -> Result<Report, CliError> {
    match command {
        BenchCommand::Service(args) => service::run(args, drawing),
        BenchCommand::Prove(args) => prove::run(args, drawing),
        BenchCommand::Field(args) => field::run(args, drawing),
        BenchCommand::Msm(args) => msm::run(args, drawing),
        BenchCommand::Ntt(args) => ntt::run(args, drawing),
    }
}

impl From<BenchError> for CliError {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Device(error) | BenchError::Prove(ProveError::Device(error)) => {
                Self::DeviceFailed(error)
            }
            BenchError::Prove(ProveError::Unsatisfied) => Self::Unsatisfied,
            BenchError::Prove(error) => Self::Proving(error.into()),
            BenchError::DomainSize { .. } => Self::Usage(error.to_string()),
            BenchError::Peer { .. } => Self::Peer(error.into()),
            error => Self::internal(error),
        }
    }
}

/// The value in the middle of the sorted samples, the upper one of two; zero where there is none.
fn median<T: Copy + Default + PartialOrd>(samples: &[T]) -> T {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_not_moved_by_one_bad_sample() {
        assert_eq!(median(&[3.0, 1.0, 1000.0]), 3.0);
        assert_eq!(median::<u64>(&[]), 0);
    }
}
