//! Stable error codes: what a caller matches on, in HTTP problems and in failed outcomes.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:literal, $title:literal,
        $remedy:literal;)*) => {
        /// A stable code, its HTTP status, its title and what to do about it. Codes are never
        /// renamed or reused.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)*
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

            /// What happened, in a sentence or two.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim(),)* }
            }

            /// What the caller can do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

error_codes! {
    /// No key, an unknown key or a revoked key.
    Unauthenticated = "unauthenticated", 401, "A valid API key is required",
        "Send `Authorization: Bearer` with a key of the project that was not revoked.";
    /// The key lacks the scope.
    ScopeMissing = "scope_missing", 403, "The API key lacks a scope",
        "Use a key that has the scope in the detail.";
    /// A form came from another site or from another session.
    ForeignForm = "foreign_form", 403, "The form was not sent from this site",
        "Open the page again and send its form.";
    /// The object does not exist or belongs to another project.
    NotFound = "not_found", 404, "There is no such object",
        "Check the name, and that the key is of the project that the object belongs to.";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here",
        "Use a method of the header `Allow`.";
    /// The request took longer than the server allows.
    RequestTimeout = "request_timeout", 408, "The request took too long",
        "Send the request again. Large artifacts go through an upload.";
    /// The idempotency key was used with another body.
    IdempotencyConflict = "idempotency_conflict", 409, "The idempotency key belongs to another request",
        "Use a fresh key for a new request, or the same bytes for a repeated one.";
    /// The job has ended and cannot be cancelled any more.
    AlreadyFinished = "already_finished", 409, "The job has already finished",
        "Nothing is left to cancel: read the outcome.";
    /// The upload has not received its bytes yet.
    UploadIncomplete = "upload_incomplete", 409, "The upload is not complete",
        "Send the bytes to the upload's address first.";
    /// The body is larger than the route accepts.
    BodyTooLarge = "body_too_large", 413, "The request body is too large",
        "Send artifacts through an upload.";
    /// The body is not of the type the route accepts.
    UnsupportedMediaType = "unsupported_media_type", 415, "The content type is not supported",
        "Send the content type that the detail names, not compressed.";
    /// The body or the query is not what the route expects.
    InvalidRequest = "invalid_request", 400, "The request is malformed",
        "Correct what the detail names.";
    /// The `Idempotency-Key` header is missing or malformed.
    IdempotencyKeyRequired = "idempotency_key_required", 400, "An Idempotency-Key header is required",
        "Send one `Idempotency-Key` of 1 to 255 visible ASCII characters.";
    /// The bytes do not have the digest or size that was announced.
    DigestMismatch = "digest_mismatch", 422, "The content does not match its digest",
        "Announce the upload again with the size and SHA-256 of what is sent.";
    /// The proving key was refused.
    InvalidProvingKey = "invalid_proving_key", 422, "The proving key was refused",
        "Export the key again; the detail names what is wrong with it.";
    /// The proving key comes from a development setup and that was not allowed.
    DevelopmentKey = "development_key", 422, "The proving key is a development key",
        "Use a key from a ceremony, or set `allow_development_key` for tests.";
    /// The witness was refused before proving.
    InvalidWitness = "invalid_witness", 422, "The witness was refused",
        "Compute the witness with the circuit that is named.";
    /// The witness does not satisfy the circuit's constraints.
    UnsatisfiedWitness = "unsatisfied_witness", 422, "The witness does not satisfy the circuit",
        "Check the inputs that the witness was computed from.";
    /// The witness generator was refused when its circuit was registered.
    InvalidGenerator = "invalid_generator", 422, "The witness generator was refused",
        "Give the `.wasm` file that circom 2 made of the circuit; the detail names what is wrong.";
    /// The inputs are not those of the circuit, or it has no witness generator.
    InvalidInputs = "invalid_inputs", 422, "The inputs were refused",
        "Correct the signal that the detail names.";
    /// The witness generator trapped or reported an error.
    GeneratorFailed = "generator_failed", 422, "The witness generator failed",
        "Try the generator with the same inputs on your machine: `zkpool wtns calculate`.";
    /// The witness generator went beyond a limit of instructions, time, memory or values.
    GeneratorLimit = "generator_limit", 422, "The witness generator exceeded a limit",
        "Compute the witness yourself and send it.";
    /// The submission names a quote that is not one of this project's.
    QuoteInvalid = "quote_invalid", 422, "The quote is not valid",
        "Ask for a quote with a key of the same project and send its id unchanged.";
    /// The submission names a quote that has expired.
    QuoteExpired = "quote_expired", 422, "The quote has expired",
        "Ask for a new quote.";
    /// The submission names a quote for another circuit.
    QuoteMismatch = "quote_mismatch", 422, "The quote is for another circuit",
        "Ask for a quote for this version of the circuit.";
    /// The price is above the submission's own bound.
    MaxPriceExceeded = "max_price_exceeded", 402, "The price exceeds what the request allows",
        "Raise `max_price_nano_usd`, or wait for another price.";
    /// The price does not fit what is left of a budget with a hard stop.
    BudgetExceeded = "budget_exceeded", 402, "The budget is used up",
        "Raise the budget, or wait for the next month.";
    /// The address of a webhook is not one that is sent to.
    WebhookUrlRefused = "webhook_url_refused", 422, "The address of the webhook was refused",
        "Use an `https` address of a public host.";
    /// The project has as many of something as it may have.
    LimitReached = "limit_reached", 409, "A limit of the project is reached",
        "Remove what is not needed any more.";
    /// The report is larger than an answer may be, and can be put nowhere else.
    ReportTooLarge = "report_too_large", 422, "The report is too large",
        "Ask for fewer days or groups.";
    /// No prover finished the job within the allowed attempts.
    AttemptsExhausted = "attempts_exhausted", 500, "No attempt finished the job",
        "Submit again under a new key. Nothing was charged.";
    /// The key has sent more requests than it may for now.
    RateLimited = "rate_limited", 429, "The key sends too many requests",
        "Wait as long as `Retry-After` says. The header `RateLimit` tells what is left.";
    /// So many sign-ins fail at the moment that no further one is tried.
    SignInBusy = "sign_in_busy", 429, "Too many sign-ins fail at the moment",
        "Wait a few seconds and sign in again.";
    /// Something broke on our side.
    Internal = "internal", 500, "The server failed",
        "Send the request again later, and report its `request_id` if it goes on.";
    /// Storage or queue did not answer; the same request may be sent again.
    Unavailable = "unavailable", 503, "The service is temporarily unavailable",
        "Wait as long as `Retry-After` says and send the same request again.";
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
            assert!(code.meaning().ends_with('.') && code.remedy().ends_with('.'), "{code}");
        }
    }
}
