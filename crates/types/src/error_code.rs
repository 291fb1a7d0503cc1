//! Stable error codes: what a caller matches on, in HTTP problems and in failed outcomes.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// A stable code, its HTTP status and its title. Codes are never renamed or reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it is written in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status of a response that carries the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// A short text for people, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

error_codes! {
    /// No key, an unknown key or a revoked key.
    Unauthenticated = "unauthenticated", 401, "A valid API key is required";
    /// The key lacks the scope.
    ScopeMissing = "scope_missing", 403, "The API key lacks a scope";
    /// A form came from another site or from another session.
    ForeignForm = "foreign_form", 403, "The form was not sent from this site";
    /// The object does not exist or belongs to another project.
    NotFound = "not_found", 404, "There is no such object";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here";
    /// The request took longer than the server allows.
    RequestTimeout = "request_timeout", 408, "The request took too long";
    /// The idempotency key was used with another body.
    IdempotencyConflict = "idempotency_conflict", 409, "The idempotency key belongs to another request";
    /// The job has ended and cannot be cancelled any more.
    AlreadyFinished = "already_finished", 409, "The job has already finished";
    /// The upload has not received its bytes yet.
    UploadIncomplete = "upload_incomplete", 409, "The upload is not complete";
    /// The body is larger than the route accepts.
    BodyTooLarge = "body_too_large", 413, "The request body is too large";
    /// The body is not of the type the route accepts.
    UnsupportedMediaType = "unsupported_media_type", 415, "The content type is not supported";
    /// The body or the query is not what the route expects.
    InvalidRequest = "invalid_request", 400, "The request is malformed";
    /// The `Idempotency-Key` header is missing or malformed.
    IdempotencyKeyRequired = "idempotency_key_required", 400, "An Idempotency-Key header is required";
    /// The bytes do not have the digest or size that was announced.
    DigestMismatch = "digest_mismatch", 422, "The content does not match its digest";
    /// The proving key was refused.
    InvalidProvingKey = "invalid_proving_key", 422, "The proving key was refused";
    /// The proving key comes from a development setup and that was not allowed.
    DevelopmentKey = "development_key", 422, "The proving key is a development key";
    /// The witness was refused before proving.
    InvalidWitness = "invalid_witness", 422, "The witness was refused";
    /// The witness does not satisfy the circuit's constraints.
    UnsatisfiedWitness = "unsatisfied_witness", 422, "The witness does not satisfy the circuit";
    /// The witness generator was refused when its circuit was registered.
    InvalidGenerator = "invalid_generator", 422, "The witness generator was refused";
    /// The inputs are not those of the circuit, or it has no witness generator.
    InvalidInputs = "invalid_inputs", 422, "The inputs were refused";
    /// The witness generator trapped or reported an error.
    GeneratorFailed = "generator_failed", 422, "The witness generator failed";
    /// The witness generator went beyond a limit of instructions, time, memory or values.
    GeneratorLimit = "generator_limit", 422, "The witness generator exceeded a limit";
    /// The submission names a quote that is not one of this project's.
    QuoteInvalid = "quote_invalid", 422, "The quote is not valid";
    /// The submission names a quote that has expired.
    QuoteExpired = "quote_expired", 422, "The quote has expired";
    /// The submission names a quote for another circuit.
    QuoteMismatch = "quote_mismatch", 422, "The quote is for another circuit";
    /// The price is above the submission's own bound.
    MaxPriceExceeded = "max_price_exceeded", 402, "The price exceeds what the request allows";
    /// The price does not fit what is left of a budget with a hard stop.
    BudgetExceeded = "budget_exceeded", 402, "The budget is used up";
    /// No prover finished the job within the allowed attempts.
    AttemptsExhausted = "attempts_exhausted", 500, "No attempt finished the job";
    /// So many sign-ins fail at the moment that no further one is tried.
    SignInBusy = "sign_in_busy", 429, "Too many sign-ins fail at the moment";
    /// Something broke on our side.
    Internal = "internal", 500, "The server failed";
    /// Storage or queue did not answer; the same request may be sent again.
    Unavailable = "unavailable", 503, "The service is temporarily unavailable";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_unique_and_is_its_json_form() {
        let codes: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!((400..600).contains(&code.status()), "{code} is no error");
        }
    }
}
