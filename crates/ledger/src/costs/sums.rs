//! Sums over rows of usage.

use zkpool_types::cost::UsageSums;
use zkpool_types::{CostKind, CostSums, NanoUsd, Usage};

use crate::rounding::multiply_divide;

/// Places of an amount in dollars.
pub const DECIMAL_PLACES: usize = 9;

/// Microseconds in an hour.
const US_PER_HOUR: u64 = 3_600_000_000;

/// What one row adds to a report.
#[must_use]
pub fn sums_of(kind: CostKind, charge: i64, waste: i64, usage: &Usage) -> CostSums {
    let is = |wanted| u64::from(kind == wanted);
    CostSums {
        proofs: is(CostKind::Proof),
        failures: is(CostKind::Failed),
        wasted_attempts: is(CostKind::Retry) + is(CostKind::Duplicate),
        charge_nano_usd: charge,
        corrections_nano_usd: if kind == CostKind::Correction { charge } else { 0 },
        waste_nano_usd: waste,
        usage: usage_sums(kind, usage),
    }
}

fn usage_sums(kind: CostKind, usage: &Usage) -> UsageSums {
    let Usage {
        queue_us,
        fetch_us,
        witness_us,
        ntt_us,
        msm_us,
        verify_us,
        device_us,
        fallback_us,
        witness_bytes,
        proof_bytes,
        requests,
        // Among the requests already.
        storage_writes: _,
        storage_reads: _,
        queue_requests: _,
        // No quantity that anything is paid for.
        self_check_failures: _,
        attempts,
    } = *usage;
    // An attempt that ended nothing is among the deliveries of its job already.
    let ends = matches!(kind, CostKind::Proof | CostKind::Failed);
    let attempts = if ends { u64::from(attempts) } else { 0 };
    UsageSums {
        queue_us,
        fetch_us,
        witness_us,
        ntt_us,
        msm_us,
        verify_us,
        device_us,
        fallback_us,
        witness_bytes,
        proof_bytes,
        requests,
        attempts,
    }
}

/// The sum, or `None` where a part of it does not fit 64 bits.
#[must_use]
pub fn plus(left: &CostSums, right: &CostSums) -> Option<CostSums> {
    Some(CostSums {
        proofs: left.proofs.checked_add(right.proofs)?,
        failures: left.failures.checked_add(right.failures)?,
        wasted_attempts: left.wasted_attempts.checked_add(right.wasted_attempts)?,
        charge_nano_usd: left.charge_nano_usd.checked_add(right.charge_nano_usd)?,
        corrections_nano_usd: left.corrections_nano_usd.checked_add(right.corrections_nano_usd)?,
        waste_nano_usd: left.waste_nano_usd.checked_add(right.waste_nano_usd)?,
        usage: plus_usage(&left.usage, &right.usage)?,
    })
}

fn plus_usage(left: &UsageSums, right: &UsageSums) -> Option<UsageSums> {
    Some(UsageSums {
        queue_us: left.queue_us.checked_add(right.queue_us)?,
        fetch_us: left.fetch_us.checked_add(right.fetch_us)?,
        witness_us: left.witness_us.checked_add(right.witness_us)?,
        ntt_us: left.ntt_us.checked_add(right.ntt_us)?,
        msm_us: left.msm_us.checked_add(right.msm_us)?,
        verify_us: left.verify_us.checked_add(right.verify_us)?,
        device_us: left.device_us.checked_add(right.device_us)?,
        fallback_us: left.fallback_us.checked_add(right.fallback_us)?,
        witness_bytes: left.witness_bytes.checked_add(right.witness_bytes)?,
        proof_bytes: left.proof_bytes.checked_add(right.proof_bytes)?,
        requests: left.requests.checked_add(right.requests)?,
        attempts: left.attempts.checked_add(right.attempts)?,
    })
}

/// What this much time costs at a price for the hour, rounded half up; `None` beyond 64 bits.
#[must_use]
pub fn cost_of_time(time_us: u64, per_hour: NanoUsd) -> Option<i64> {
    let cost = multiply_divide(time_us, per_hour.get(), US_PER_HOUR)?;
    i64::try_from(cost).ok()
}

/// Exact dollars of an amount in nano-dollars, with nine places, such as `-0.000000400`.
#[must_use]
pub fn decimal_usd(nano_usd: i64) -> String {
    const NANO_PER_USD: u64 = 1_000_000_000;
    let sign = if nano_usd < 0 { "-" } else { "" };
    let amount = nano_usd.unsigned_abs();
    let (dollars, nano) = (amount / NANO_PER_USD, amount % NANO_PER_USD);
    format!("{sign}{dollars}.{nano:0DECIMAL_PLACES$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_exactly() {
        assert_eq!(decimal_usd(i64::MIN), "-9223372036.854775808");
        assert_eq!(decimal_usd(400), "0.000000400");
    }
}
