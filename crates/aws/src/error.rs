//! What went wrong at the service.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

/// Why a call to AWS failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The service answered, and refused.
    #[error("{operation}: {status} {code}, request {request_id}")]
    Refused {
        /// The operation in AWS's spelling.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
        /// AWS's name of the error.
        code: String,
        /// AWS's name of the request, for its support.
        request_id: String,
    },
    /// There was no answer, or none that can be read. The call may have had its effect.
    #[error("{operation}: no answer")]
    Unanswered {
        /// The operation in AWS's spelling.
        operation: &'static str,
        /// What the SDK says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer lacks something that it must have.
    #[error("{operation}: the answer has no {missing}")]
    Incomplete {
        /// The operation in AWS's spelling.
        operation: &'static str,
        /// What is not there.
        missing: &'static str,
    },
}

impl ServiceError {
    /// What `error` says of a call of `operation`.
    pub(crate) fn of<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let refusal = error.as_service_error().map(|refusal| {
            let code = refusal.code().unwrap_or("without a code");
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            let request_id = refusal.meta().request_id().unwrap_or("without an id");
            (status, code.to_owned(), request_id.to_owned())
        });
        match refusal {
            Some((status, code, request_id)) => {
                Self::Refused { operation, status, code, request_id }
            }
            None => Self::Unanswered { operation, source: Box::new(error) },
        }
    }

    /// Whether the object is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.is(404, &["NoSuchKey", "NotFound"])
    }

    /// Whether a conditional write found its condition unmet.
    pub(crate) fn is_precondition_failed(&self) -> bool {
        self.is(412, &["PreconditionFailed"])
    }

    /// Whether another write to the object was under way.
    pub(crate) fn is_conflict(&self) -> bool {
        self.is(409, &["ConditionalRequestConflict", "OperationAborted"])
    }

    /// Whether a multipart upload has ended already, one way or the other.
    pub(crate) fn is_upload_gone(&self) -> bool {
        self.is(404, &["NoSuchUpload"])
    }

    /// Whether a receipt no longer gives the right to its message.
    pub(crate) fn is_receipt_expired(&self) -> bool {
        let codes = ["ReceiptHandleIsInvalid", "MessageNotInflight"];
        matches!(self, Self::Refused { code, .. }
            if codes.iter().any(|known| code.ends_with(known)))
    }

    fn is(&self, expected: u16, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { status, code, .. }
            if *status == expected && codes.contains(&code.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> ServiceError {
        let (code, request_id) = (code.to_owned(), String::new());
        ServiceError::Refused { operation: "PutObject", status, code, request_id }
    }

    #[test]
    fn a_lost_race_and_a_write_under_way_are_told_apart() {
        let (lost, busy) =
            (refused(412, "PreconditionFailed"), refused(409, "ConditionalRequestConflict"));
        assert!(lost.is_precondition_failed() && !lost.is_conflict());
        assert!(busy.is_conflict() && !busy.is_precondition_failed());
    }

    #[test]
    fn an_upload_that_is_gone_is_no_missing_object() {
        assert!(refused(404, "NoSuchUpload").is_upload_gone());
        assert!(!refused(404, "NoSuchUpload").is_not_found());
        assert!(!refused(404, "NoSuchBucket").is_not_found());
    }
}
