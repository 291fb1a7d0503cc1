//! The roles of the templates as users of a stand-in.

use crate::service::{BUCKET, CLUSTER, Identities, NOTICES, QUEUE};
use crate::standins::{AccessKey, Ministack};
use crate::templates::Templates;

/// Everyone who has permissions, and the role of the templates. The functions are named as their
/// programs are.
const ROLES: [(&str, &str); 11] = [
    ("submit", "SubmitRole"),
    ("status", "StatusRole"),
    ("circuits", "CircuitsRole"),
    ("pricing", "PricingRole"),
    ("dashboard", "DashboardRole"),
    ("reports", "ReportsRole"),
    ("rollup", "RollupRole"),
    ("sweep", "SweepRole"),
    ("webhooks", "WebhooksRole"),
    ("prover", "ProverRole"),
    ("metrics", "MetricsRole"),
];

/// An access key for each role.
#[derive(Debug)]
pub struct Roles(Vec<(&'static str, AccessKey)>);

impl Roles {
    /// Makes them, with what the templates let them do to the bucket and queues of a service.
    #[must_use]
    pub fn create(aws: &Ministack) -> Self {
        let queue = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        // The stand-in asks for a right to the cluster where ECS asks for one to the service.
        let service = format!("arn:aws:ecs:us-east-1:000000000000:cluster/{CLUSTER}");
        let templates = Templates::read(&[
            ("Blobs.Arn", format!("arn:aws:s3:::{BUCKET}")),
            ("Jobs.Arn", queue(QUEUE)),
            ("DeadLetters.Arn", queue(&format!("{QUEUE}-dead"))),
            ("Notices.Arn", queue(NOTICES)),
            ("NoticeDeadLetters.Arn", queue(&format!("{NOTICES}-dead"))),
            ("Provers", service),
        ]);
        let key = |(name, role)| (name, aws.create_user(name, &templates.policy(role)));
        Self(ROLES.map(key).to_vec())
    }
}

impl Identities for Roles {
    fn access_key(&self, wanted: &str) -> AccessKey {
        let found = self.0.iter().find(|(name, _)| *name == wanted);
        found.unwrap_or_else(|| panic!("there is no role {wanted}")).1.clone()
    }
}
