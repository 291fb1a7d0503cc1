//! The problems with which an endpoint answers.

use std::collections::BTreeSet;

use zkpool_types::ErrorCode;

use crate::endpoints::{Access, Endpoint};

/// Every code that the endpoint may answer with, given those that its types bring about.
pub(super) fn of(endpoint: Endpoint, by_types: &BTreeSet<ErrorCode>) -> BTreeSet<ErrorCode> {
    let everywhere = [
        ErrorCode::RequestTimeout,
        ErrorCode::BodyTooLarge,
        ErrorCode::Internal,
        ErrorCode::Unavailable,
    ];
    let codes = by_types.iter().chain(&everywhere).chain(by_access(endpoint.row().access));
    codes.chain(particular(endpoint)).copied().collect()
}

const fn by_access(access: Access) -> &'static [ErrorCode] {
    match access {
        Access::Public | Access::Session(_) => &[],
        Access::SignedAddress => &[ErrorCode::NotFound],
        Access::Key(_) => {
            &[ErrorCode::Unauthenticated, ErrorCode::ScopeMissing, ErrorCode::RateLimited]
        }
    }
}

/// What the work of an endpoint can fail with, beside what holds for all.
const fn particular(endpoint: Endpoint) -> &'static [ErrorCode] {
    match endpoint {
        Endpoint::RegisterCircuit => &[
            ErrorCode::NotFound,
            ErrorCode::UploadIncomplete,
            ErrorCode::InvalidProvingKey,
            ErrorCode::DevelopmentKey,
            ErrorCode::InvalidGenerator,
        ],
        Endpoint::SubmitProof => &[
            ErrorCode::NotFound,
            ErrorCode::IdempotencyConflict,
            ErrorCode::UploadIncomplete,
            ErrorCode::InvalidWitness,
            ErrorCode::InvalidInputs,
            ErrorCode::QuoteInvalid,
            ErrorCode::QuoteExpired,
            ErrorCode::QuoteMismatch,
            ErrorCode::MaxPriceExceeded,
            ErrorCode::BudgetExceeded,
        ],
        Endpoint::CancelProof => &[ErrorCode::AlreadyFinished],
        Endpoint::CreateQuote => &[ErrorCode::NotFound],
        Endpoint::CreateWebhook => &[ErrorCode::WebhookUrlRefused, ErrorCode::LimitReached],
        Endpoint::ReplayDelivery => &[ErrorCode::LimitReached],
        Endpoint::CorrectCharge => &[ErrorCode::NotFound, ErrorCode::IdempotencyConflict],
        Endpoint::ReceiveUpload => &[ErrorCode::DigestMismatch],
        Endpoint::SignIn => {
            &[ErrorCode::Unauthenticated, ErrorCode::ScopeMissing, ErrorCode::SignInBusy]
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::areas;

    /// Codes of jobs that ended without a proof, and of what is no endpoint.
    const ELSEWHERE: [ErrorCode; 5] = [
        ErrorCode::AttemptsExhausted,
        ErrorCode::UnsatisfiedWitness,
        ErrorCode::GeneratorFailed,
        ErrorCode::GeneratorLimit,
        ErrorCode::MethodNotAllowed,
    ];

    #[test]
    fn every_code_is_a_refusal_of_some_endpoint() {
        let areas = areas();
        let sketches = areas.iter().flat_map(crate::endpoints::Area::sketches);
        let found: BTreeSet<_> =
            sketches.flat_map(|(endpoint, sketch)| of(endpoint, &sketch.refusals)).collect();
        let all = ErrorCode::ALL.iter().filter(|code| !ELSEWHERE.contains(code)).copied();
        assert_eq!(found, all.collect());
    }
}
