//! A witness, or the inputs it is computed from, on its way in: what can be known to be wrong is
//! refused before a job exists.
//!
//! The prover checks the same again, and the constraints too. No refusal shows a value.

use std::io::Cursor;

use bytes::Bytes;
use zkpool_circuit_files::{AnyWitness, inputs, wtns};
use zkpool_jobs::WitnessSource;
use zkpool_types::api::Source;
use zkpool_types::{ArtifactRef, CircuitManifest, Curve, ErrorCode, InputsJson, Secret, UploadId};

use crate::limits::WITNESS_CHECK_BYTES_MAX;
use crate::proving_key::decode;
use crate::{ApiError, ApiResult, Context, blocking};

/// Bytes of a `.wtns` file beside its values: magic, version and section count (12), the heads of
/// two sections (12 each), and width, prime and count (4 + 32 + 4).
const FRAME_BYTES: u64 = 12 + 2 * 12 + 40;

/// Bytes of one value: the scalar fields of both curves have 32.
const VALUE_BYTES: u64 = 32;

/// What a submission gives: one of both.
pub(crate) enum Given {
    /// The witness.
    Witness(Source),
    /// Inputs, from which a prover computes it.
    Inputs(InputsJson),
}

impl Given {
    /// What is given, unless it is both or nothing.
    pub(crate) fn of(witness: Option<Source>, inputs: Option<InputsJson>) -> ApiResult<Self> {
        match (witness, inputs) {
            (Some(witness), None) => Ok(Self::Witness(witness)),
            (None, Some(inputs)) => Ok(Self::Inputs(inputs)),
            (Some(_), Some(_)) => {
                Err(ApiError::invalid_request("expected either witness or inputs, found both"))
            }
            (None, None) => {
                Err(ApiError::invalid_request("expected witness or inputs, found neither"))
            }
        }
    }
}

/// Checks what is given against its circuit and says where it lies.
pub(crate) async fn admit(
    context: &Context,
    circuit: &CircuitManifest,
    given: &Given,
) -> ApiResult<WitnessSource> {
    match given {
        Given::Witness(source) => admit_witness(context, circuit, source).await,
        Given::Inputs(inputs) => admit_inputs(context, circuit, inputs).await,
    }
}

/// Checks that inputs are values of signals. Which signals the circuit has, the prover finds out.
async fn admit_inputs(
    context: &Context,
    circuit: &CircuitManifest,
    inputs: &InputsJson,
) -> ApiResult<WitnessSource> {
    let refused = |detail: String| ApiError::new(ErrorCode::InvalidInputs, detail);
    if circuit.generator.is_none() {
        let name = &circuit.circuit;
        return Err(refused(format!(
            "expected a witness: circuit {name} was registered without a witness generator"
        )));
    }
    let (curve, json) = (circuit.curve, Bytes::copy_from_slice(inputs.expose().as_bytes()));
    let text = json.clone();
    blocking::run(context, move || match inputs::read(&text, curve) {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error.to_string())),
    })
    .await?;
    Ok(WitnessSource::Inputs(Secret::new(json)))
}

/// One within the request, and an upload that fits in memory, is checked value by value. A larger
/// upload is checked for its exact length, which costs nothing; the rest is left to the prover.
async fn admit_witness(
    context: &Context,
    circuit: &CircuitManifest,
    source: &Source,
) -> ApiResult<WitnessSource> {
    match source {
        Source::Base64(text) => {
            let bytes = decode("witness", text)?;
            check_values(context, bytes.clone(), circuit).await?;
            Ok(WitnessSource::Inline(Secret::new(bytes)))
        }
        Source::Upload(id) => {
            check_upload(context, circuit, *id).await?;
            Ok(WitnessSource::Upload(*id))
        }
    }
}

async fn check_upload(context: &Context, circuit: &CircuitManifest, id: UploadId) -> ApiResult<()> {
    let (key, ArtifactRef { size, .. }) = context.uploads().artifact(&circuit.project, id).await?;
    check_length(size, circuit.variables)?;
    if size > WITNESS_CHECK_BYTES_MAX {
        return Ok(());
    }
    // Few uploads are held in memory at once.
    let place = context.witness_checks().acquire().await;
    let _place = place.map_err(|error| ApiError::internal(&error))?;
    let bytes = context.ports().blobs.get(&key, WITNESS_CHECK_BYTES_MAX).await?;
    check_values(context, bytes, circuit).await
}

/// Every witness of `variables` values has exactly one length.
fn check_length(found: u64, variables: u64) -> ApiResult<()> {
    let expected = FRAME_BYTES + VALUE_BYTES * variables;
    if found == expected {
        return Ok(());
    }
    Err(refused(format!(
        "expected a .wtns file of {expected} bytes for {variables} values, found {found} bytes"
    )))
}

async fn check_values(context: &Context, bytes: Bytes, circuit: &CircuitManifest) -> ApiResult<()> {
    let (curve, variables) = (circuit.curve, circuit.variables);
    let check = move || match wtns::read(Cursor::new(bytes)) {
        Ok(witness) => check_circuit(&witness, curve, variables),
        Err(error) => Err(refused(error.to_string())),
    };
    blocking::run(context, check).await
}

fn check_circuit(witness: &AnyWitness, curve: Curve, variables: u64) -> ApiResult<()> {
    if witness.curve() != curve {
        let found = witness.curve();
        return Err(refused(format!("expected a witness over {curve}, found one over {found}")));
    }
    let found = match witness {
        AnyWitness::Bn254(witness) => witness.values().len(),
        AnyWitness::Bls12_381(witness) => witness.values().len(),
    };
    if found as u64 != variables {
        return Err(refused(format!("expected {variables} values, found {found}")));
    }
    Ok(())
}

fn refused(detail: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidWitness, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_real_witness_is_the_expected_one() {
        let file = include_bytes!("../../tests/fixtures/bn128/multiplier.wtns");
        let values = (file.len() as u64 - FRAME_BYTES) / VALUE_BYTES;
        assert!(check_length(file.len() as u64, values).is_ok());
        assert!(check_length(file.len() as u64 + 1, values).is_err());
        assert!(check_length(file.len() as u64, values + 1).is_err());
    }
}
