//! Accepting a proof request: exactly one job for one idempotency key.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::SignedDuration;
use zkpool_ports::{BlobError, BlobKey, Durability, PutOnce};
use zkpool_types::limits::{
    DEADLINE_S_DEFAULT, DEADLINE_S_MAX, IDEMPOTENCY_KEY_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX,
};
use zkpool_types::{
    AgreedPrice, ArtifactRef, CircuitRef, Defect, IdempotencyRecord, JobId, JobRequest, LateMark,
    ProjectId, Secret, Sha256Digest, Timestamp, TraceParent, UploadId, WitnessForm,
};

use crate::decide::{Effect, Event, Job, decide};
use crate::records::{Created, RECORD_BYTES_MAX};
use crate::uploads::Uploads;
use crate::{Jobs, PortError, SubmitError, UploadError, keys};

/// Tries to send a message before that is left to the sweeper.
const ENQUEUE_TRIES: usize = 3;

/// Where a witness comes from.
#[derive(Clone, Debug)]
pub enum WitnessSource {
    /// The bytes themselves.
    Inline(Secret<Bytes>),
    /// A finished upload of the project. It is used up: its bytes are deleted once the job is
    /// accepted, so that no second copy outlives the witness.
    Upload(UploadId),
    /// Inputs in JSON, from which a prover computes it.
    Inputs(Secret<Bytes>),
}

impl WitnessSource {
    fn form(&self) -> WitnessForm {
        match self {
            Self::Inline(_) | Self::Upload(_) => WitnessForm::Values,
            Self::Inputs(_) => WitnessForm::Inputs,
        }
    }
}

/// A proof request as its handler has parsed it.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The tenant.
    pub project: ProjectId,
    /// The requester's name for this request, 1 to 255 bytes.
    pub idempotency_key: String,
    /// Digest of the request body.
    pub body_digest: Sha256Digest,
    /// The circuit to prove.
    pub circuit: CircuitRef,
    /// The witness.
    pub witness: WitnessSource,
    /// The requester's labels.
    pub tags: BTreeMap<String, String>,
    /// When the proof stops being wanted; a day after acceptance when not given.
    pub deadline: Option<Timestamp>,
    /// The price agreed on, where the charge is not what is metered.
    pub price: Option<AgreedPrice>,
    /// The call that asks, where it says which it is.
    pub trace: Option<TraceParent>,
}

/// An accepted proof request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// What was asked.
    pub request: JobRequest,
    /// Whether the job was there already: the key was used before, with the same body.
    pub replayed: bool,
}

/// A request on its way through the effects of its acceptance.
struct Submission<'a> {
    new: &'a NewJob,
    job: JobId,
    witness: Option<ArtifactRef>,
    accepted: Option<JobRequest>,
}

impl Jobs {
    /// Accepts a proof request, or finds the job it became before.
    ///
    /// The same key with the same body is the same job, also where an earlier call crashed
    /// half way: this call then finishes its work.
    ///
    /// # Errors
    /// The request is refused, or a port failed; the same request may be sent again.
    pub async fn submit(&self, new: NewJob) -> Result<Submitted, SubmitError> {
        check_key(&new.idempotency_key)?;
        // A replay is answered as before even if its deadline has passed since.
        let checked = check_tags(&new.tags).and_then(|()| self.check_deadline(&new));
        if let Err(refusal) = checked {
            return self.replay(&new).await?.ok_or(refusal);
        }
        let mut submission = Submission {
            job: JobId::new(self.ports.ids.next()),
            new: &new,
            witness: None,
            accepted: None,
        };
        let effects = decide(&Job::Unknown, &Event::Accepted).map_or(vec![], |(_, all)| all);
        for effect in effects {
            if let Some(replayed) = self.advance(effect, &mut submission).await? {
                return Ok(replayed);
            }
        }
        let request = submission.accepted.ok_or_else(|| not_written(&new, submission.job))?;
        self.use_up(&new).await;
        Ok(Submitted { request, replayed: false })
    }

    /// Carries out one effect. Returns the job where it turns out to be accepted already.
    async fn advance(
        &self,
        effect: Effect,
        submission: &mut Submission<'_>,
    ) -> Result<Option<Submitted>, SubmitError> {
        match effect {
            Effect::ReserveKey => return self.reserve(submission).await,
            Effect::StoreWitness => return self.store_witness(submission).await,
            Effect::WriteRequest => return self.write_request(submission).await,
            Effect::Enqueue => self.announce(&submission.new.project, submission.job).await,
            _ => {}
        }
        Ok(None)
    }

    /// Sends the message of an accepted job. The job is accepted whatever happens here: the
    /// sweeper sends what was not sent.
    async fn announce(&self, project: &ProjectId, job: JobId) {
        for _ in 0..ENQUEUE_TRIES {
            match self.enqueue(project, job).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%project, %job, %error, "a job was not enqueued"),
            }
        }
    }

    async fn reserve(
        &self,
        submission: &mut Submission<'_>,
    ) -> Result<Option<Submitted>, SubmitError> {
        let new = submission.new;
        let key = keys::idempotency(&new.project, &new.idempotency_key);
        let record = IdempotencyRecord { job: submission.job, body_digest: new.body_digest };
        let mine = record.job;
        let is_mine = move |stored: &IdempotencyRecord| stored.job == mine;
        match self.records.create(&key, record, RECORD_BYTES_MAX, is_mine).await? {
            Created::Mine(_) => Ok(None),
            Created::Other(earlier) if conflicts(&earlier, new) => {
                Err(SubmitError::IdempotencyConflict)
            }
            Created::Other(_) if Defect::ForgetsIdempotencyKeys.is_planted() => Ok(None),
            Created::Other(earlier) => {
                submission.job = earlier.job;
                let accepted = self.accepted(&new.project, earlier.job).await?;
                if accepted.is_none() {
                    self.mark_late(&new.project, earlier.job).await?;
                }
                Ok(accepted)
            }
        }
    }

    /// The job that the key stands for already, if it was accepted.
    async fn replay(&self, new: &NewJob) -> Result<Option<Submitted>, SubmitError> {
        let key = keys::idempotency(&new.project, &new.idempotency_key);
        let earlier = self.records.read::<IdempotencyRecord>(&key, RECORD_BYTES_MAX).await?;
        match earlier {
            None => Ok(None),
            Some(earlier) if conflicts(&earlier, new) => Err(SubmitError::IdempotencyConflict),
            Some(earlier) => self.accepted(&new.project, earlier.job).await,
        }
    }

    async fn accepted(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<Option<Submitted>, SubmitError> {
        let request = self.records.read(&keys::request(project, job), RECORD_BYTES_MAX).await?;
        Ok(request.map(|request| Submitted { request, replayed: true }))
    }

    async fn store_witness(
        &self,
        submission: &mut Submission<'_>,
    ) -> Result<Option<Submitted>, SubmitError> {
        let project = &submission.new.project;
        let key = keys::witness(project, submission.job);
        let stored = match &submission.new.witness {
            WitnessSource::Inline(bytes) | WitnessSource::Inputs(bytes) => {
                self.store_inline(&key, bytes).await
            }
            WitnessSource::Upload(upload) => self.store_upload(project, &key, *upload).await,
        };
        match stored {
            Ok(witness) => {
                submission.witness = Some(witness);
                Ok(None)
            }
            // A concurrent call with the same key may have used up the upload and be done.
            Err(error @ SubmitError::Upload(_)) => {
                self.accepted(project, submission.job).await?.map(Some).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn store_inline(
        &self,
        key: &BlobKey,
        bytes: &Secret<Bytes>,
    ) -> Result<ArtifactRef, SubmitError> {
        let bytes = bytes.expose();
        let witness = ArtifactRef { sha256: Sha256Digest::of(bytes), size: bytes.len() as u64 };
        // What is there already is from an earlier call with the same body; its prover checks
        // the digest in any case.
        let _: PutOnce = self.ports.blobs.put_once(key, bytes.clone()).await?;
        Ok(witness)
    }

    async fn store_upload(
        &self,
        project: &ProjectId,
        key: &BlobKey,
        upload: UploadId,
    ) -> Result<ArtifactRef, SubmitError> {
        let (bytes, witness) = Uploads::new(self.ports.clone()).artifact(project, upload).await?;
        match self.ports.blobs.copy_once(&bytes, key).await {
            Ok(PutOnce::Created | PutOnce::AlreadyExists) => Ok(witness),
            Err(BlobError::NotFound(_)) => Err(UploadError::Incomplete(upload).into()),
            Err(error) => Err(error.into()),
        }
    }

    async fn write_request(
        &self,
        submission: &mut Submission<'_>,
    ) -> Result<Option<Submitted>, SubmitError> {
        let (project, job) = (&submission.new.project, submission.job);
        let Some(witness) = submission.witness else {
            return Err(not_written(submission.new, job));
        };
        let request = self.request(submission.new, job, witness);
        let mine = request.clone();
        let is_mine = move |stored: &JobRequest| *stored == mine;
        let key = keys::request(project, job);
        match self.records.create(&key, request, RECORD_BYTES_MAX, is_mine).await? {
            Created::Other(request) => Ok(Some(Submitted { request, replayed: true })),
            Created::Mine(request) => {
                submission.accepted = Some(request);
                Ok(None)
            }
        }
    }

    /// The request, accepted now.
    fn request(&self, new: &NewJob, job: JobId, witness: ArtifactRef) -> JobRequest {
        let accepted_at = self.ports.clock.now();
        JobRequest {
            id: job,
            project: new.project.clone(),
            circuit: new.circuit.clone(),
            witness,
            witness_form: new.witness.form(),
            body_digest: new.body_digest,
            tags: new.tags.clone(),
            accepted_at,
            deadline: new.deadline.unwrap_or_else(|| after(accepted_at, DEADLINE_S_DEFAULT)),
            price: new.price.clone(),
            trace: new.trace.clone(),
        }
    }

    /// A job whose first call crashed long ago has an id that the sweeper may have passed. The
    /// mark makes it look again, and stands before there is anything to look for.
    async fn mark_late(&self, project: &ProjectId, job: JobId) -> Result<(), SubmitError> {
        let key = keys::late(project, job);
        let mark = LateMark { at: self.ports.clock.now() };
        self.records.create(&key, mark, RECORD_BYTES_MAX, |_| true).await?;
        // The roll-up of costs may have passed it too.
        let unbilled = keys::unbilled(project, &format!("late.{job}"));
        Ok(self.ports.blobs.put(&unbilled, Bytes::new(), Durability::Durable).await?)
    }

    /// Deletes the bytes of a used upload. The sweeper does so too, once the upload expires.
    async fn use_up(&self, new: &NewJob) {
        if let WitnessSource::Upload(upload) = new.witness {
            let bytes = keys::upload_bytes(&new.project, upload);
            if let Err(error) = self.ports.blobs.delete(&bytes).await {
                tracing::warn!(%upload, %error, "left to the sweeper");
            }
        }
    }

    fn check_deadline(&self, new: &NewJob) -> Result<(), SubmitError> {
        let now = self.ports.clock.now();
        let latest = after(now, DEADLINE_S_MAX);
        match new.deadline {
            Some(found) if found <= now || found > latest => {
                Err(SubmitError::Deadline { now, latest, found })
            }
            _ => Ok(()),
        }
    }
}

/// No effect is left out, so that this cannot happen; it is an error rather than a panic.
fn not_written(new: &NewJob, job: JobId) -> SubmitError {
    let key = keys::request(&new.project, job);
    SubmitError::Port(PortError::Storage(BlobError::NotFound(key)))
}

/// `seconds` after `start`, at most the end of time.
fn after(start: Timestamp, seconds: i64) -> Timestamp {
    start.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Whether the key was used with another body.
fn conflicts(earlier: &IdempotencyRecord, new: &NewJob) -> bool {
    earlier.body_digest != new.body_digest && !Defect::SkipsBodyCompare.is_planted()
}

fn check_key(key: &str) -> Result<(), SubmitError> {
    let (max, found) = (IDEMPOTENCY_KEY_BYTES_MAX, key.len());
    if (1..=max).contains(&found) {
        Ok(())
    } else {
        Err(SubmitError::IdempotencyKeyLength { max, found })
    }
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), SubmitError> {
    let refused = |found: String| {
        Err(SubmitError::Tags { count_max: TAGS_MAX, bytes_max: TAG_BYTES_MAX, found })
    };
    if tags.len() > TAGS_MAX {
        return refused(format!("{} tags", tags.len()));
    }
    let fits = |text: &String| (1..=TAG_BYTES_MAX).contains(&text.len());
    match tags.iter().find(|(name, value)| !fits(name) || !fits(value)) {
        None => Ok(()),
        Some((name, value)) => {
            refused(format!("a name of {} and a value of {} bytes", name.len(), value.len()))
        }
    }
}
