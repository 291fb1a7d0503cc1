//! Chains of receipts: canonical bytes, links and roots.
//!
//! Canonical JSON is that of RFC 8785 for what receipts hold: members sorted by name, no white
//! space, whole numbers in decimal, strings escaped as `serde_json` does.

use serde::Serialize;
use serde_json::Value;
use zkpool_types::chain::{ChainHead, ChainLink, ChainRecord, DailyRoot};
use zkpool_types::{CostKind, JobId, ProjectId, Sha256Digest, Timestamp};

/// Why a chain does not hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A record cannot be written as JSON.
    #[error("a record cannot be written as JSON")]
    Unwritable,
    /// A link does not follow the one before.
    #[error("expected link {expected}, found {found}")]
    Sequence {
        /// The number that follows.
        expected: u64,
        /// The number of the link.
        found: u64,
    },
    /// A link does not name the one before.
    #[error("link {seq}: expected previous {expected}, found {found}")]
    Previous {
        /// The link.
        seq: u64,
        /// The hash of the link before.
        expected: Sha256Digest,
        /// What the link names.
        found: Sha256Digest,
    },
    /// A link has another hash than its content.
    #[error("link {seq}: expected hash {expected}, found {found}")]
    Hash {
        /// The link.
        seq: u64,
        /// Recomputed.
        expected: Sha256Digest,
        /// In the link.
        found: Sha256Digest,
    },
    /// A link stands for another receipt.
    #[error("link {seq}: expected receipt {expected}, found {found}")]
    Receipt {
        /// The link.
        seq: u64,
        /// Recomputed from the receipt.
        expected: Sha256Digest,
        /// In the link.
        found: Sha256Digest,
    },
}

/// SHA-256 of the canonical JSON of `value`.
///
/// # Errors
/// The value cannot be written as JSON.
pub fn canonical_digest(value: &impl Serialize) -> Result<Sha256Digest, ChainError> {
    let value = serde_json::to_value(value).map_err(|_| ChainError::Unwritable)?;
    let mut text = String::new();
    write_canonical(&value, &mut text);
    Ok(Sha256Digest::of(text.as_bytes()))
}

/// Recursion is as deep as the value, which comes from a record of ours or a parser with a bound.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|left, right| left.0.cmp(right.0));
            write_list(out, ['{', '}'], sorted, |out, (name, member)| {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(member, out);
            });
        }
        Value::Array(items) => write_list(out, ['[', ']'], items, |out, v| write_canonical(v, out)),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_list<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(close);
}

/// What a link says besides its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkContent {
    /// The job.
    pub job: JobId,
    /// Which record of the job.
    pub record: ChainRecord,
    /// What it counts as.
    pub kind: CostKind,
    /// When it counts.
    pub billed_at: Timestamp,
    /// Digest of the receipt or correction.
    pub receipt_sha256: Sha256Digest,
}

/// The link that follows `head`.
///
/// # Errors
/// The link cannot be written as JSON.
pub fn link(head: ChainHead, content: &LinkContent) -> Result<ChainLink, ChainError> {
    let LinkContent { job, record, kind, billed_at, receipt_sha256 } = *content;
    let (seq, previous) = (head.length.saturating_add(1), head.hash);
    let hash = Sha256Digest::from_bytes([0; 32]);
    let link = ChainLink { seq, previous, job, record, kind, billed_at, receipt_sha256, hash };
    Ok(ChainLink { hash: hash_of(&link)?, ..link })
}

/// The hash that a link has to have.
///
/// # Errors
/// The link cannot be written as JSON.
pub fn hash_of(link: &ChainLink) -> Result<Sha256Digest, ChainError> {
    let mut value = serde_json::to_value(link).map_err(|_| ChainError::Unwritable)?;
    if let Value::Object(members) = &mut value {
        members.remove("hash");
    }
    canonical_digest(&value)
}

/// Checks that `link` follows `head` and has the hash of its content. Returns the new head.
///
/// # Errors
/// The first thing that does not hold.
pub fn follow(head: ChainHead, link: &ChainLink) -> Result<ChainHead, ChainError> {
    let expected = head.length.saturating_add(1);
    let seq = link.seq;
    if seq != expected {
        return Err(ChainError::Sequence { expected, found: seq });
    }
    if link.previous != head.hash {
        return Err(ChainError::Previous { seq, expected: head.hash, found: link.previous });
    }
    check_hash(link)?;
    Ok(ChainHead { length: seq, hash: link.hash })
}

/// Checks that a link has the hash of its content.
///
/// # Errors
/// It has another one.
pub fn check_hash(link: &ChainLink) -> Result<(), ChainError> {
    match hash_of(link)? {
        expected if expected == link.hash => Ok(()),
        expected => Err(ChainError::Hash { seq: link.seq, expected, found: link.hash }),
    }
}

/// Checks that a link stands for this receipt or correction.
///
/// # Errors
/// It stands for another one.
pub fn check_receipt(link: &ChainLink, receipt: &impl Serialize) -> Result<(), ChainError> {
    match canonical_digest(receipt)? {
        expected if expected == link.receipt_sha256 => Ok(()),
        expected => {
            Err(ChainError::Receipt { seq: link.seq, expected, found: link.receipt_sha256 })
        }
    }
}

/// What a daily root says about one project.
///
/// # Errors
/// Never for a project's name; the name is written as JSON all the same.
pub fn leaf(project: &ProjectId, head: &ChainHead) -> Result<Sha256Digest, ChainError> {
    canonical_digest(&serde_json::json!({ "project": project, "head": head }))
}

/// The root over leaves, which it sorts: SHA-256 of their bytes one after the other.
#[must_use]
pub fn root(leaves: &mut [Sha256Digest]) -> Sha256Digest {
    leaves.sort_unstable();
    let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
    Sha256Digest::of(&bytes)
}

/// Whether a root is that of its own leaves.
#[must_use]
pub fn root_holds(daily: &DailyRoot) -> bool {
    let mut leaves = daily.leaves.clone();
    root(&mut leaves) == daily.root && leaves == daily.leaves
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(number: u8) -> LinkContent {
        LinkContent {
            job: "018f2e7a-0000-7000-8000-000000000001".parse().unwrap(),
            record: ChainRecord::Outcome,
            kind: CostKind::Proof,
            billed_at: Timestamp::from_second(1_764_000_000).unwrap(),
            receipt_sha256: Sha256Digest::of(&[number]),
        }
    }

    fn chain(length: u8) -> Vec<ChainLink> {
        let mut head = ChainHead::default();
        (0..length)
            .map(|number| {
                let link = link(head, &content(number)).unwrap();
                head = follow(head, &link).unwrap();
                link
            })
            .collect()
    }

    fn walk(links: &[ChainLink]) -> Result<ChainHead, ChainError> {
        links.iter().try_fold(ChainHead::default(), follow)
    }

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_members() {
        let (a, b) = (
            json!({"b": [1, {"d": null, "c": "\n"}], "a": 2}),
            r#"{"a":2,"b":[1,{"c":"\n","d":null}]}"#,
        );
        assert_eq!(canonical_digest(&a).unwrap(), Sha256Digest::of(b.as_bytes()));
    }

    #[test]
    fn a_chain_holds_and_any_change_breaks_it() {
        let links = chain(5);
        assert_eq!(walk(&links).unwrap(), ChainHead { length: 5, hash: links[4].hash });
        let mut changed = links.clone();
        changed[2].receipt_sha256 = Sha256Digest::of(b"another");
        assert!(matches!(walk(&changed), Err(ChainError::Hash { seq: 3, .. })));
        changed[2].hash = hash_of(&changed[2]).unwrap();
        assert!(matches!(walk(&changed), Err(ChainError::Previous { seq: 4, .. })));
        let dropped: Vec<_> = links.iter().filter(|link| link.seq != 2).cloned().collect();
        assert!(matches!(walk(&dropped), Err(ChainError::Sequence { expected: 2, found: 3 })));
    }

    #[test]
    fn another_receipt_is_rejected() {
        let receipt = json!({"charge": 1});
        let sha = canonical_digest(&receipt).unwrap();
        let link =
            link(ChainHead::default(), &LinkContent { receipt_sha256: sha, ..content(0) }).unwrap();
        assert_eq!(check_receipt(&link, &receipt), Ok(()));
        assert!(check_receipt(&link, &json!({"charge": 2})).is_err());
    }

    #[test]
    fn a_root_names_every_leaf() {
        let project: ProjectId = "acme".parse().unwrap();
        let head = ChainHead { length: 2, hash: Sha256Digest::of(b"head") };
        let mut leaves = vec![Sha256Digest::of(b"z"), leaf(&project, &head).unwrap()];
        let root = root(&mut leaves);
        let date = jiff::civil::date(2026, 11, 25);
        let mut daily = DailyRoot { date, made_at: Timestamp::UNIX_EPOCH, leaves, root };
        assert!(root_holds(&daily));
        daily.leaves.pop();
        assert!(!root_holds(&daily));
    }
}
