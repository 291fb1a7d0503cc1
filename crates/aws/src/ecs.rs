//! How many tasks a service of Amazon ECS has.

use std::fmt;

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_ecs::Client;

use crate::connect::sdk_config;
use crate::{ConnectError, ServiceError};

/// The operation, as errors name it.
const DESCRIBE: &str = "DescribeServices";

/// A service of ECS.
#[derive(Clone)]
pub struct EcsService {
    client: Client,
    cluster: String,
    service: String,
}

/// The tasks of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// Tasks that there should be.
    pub desired: u32,
    /// Tasks that have started.
    pub running: u32,
}

impl EcsService {
    /// The service of this name or ARN in this cluster, by what AWS's tools are configured by. No
    /// call is made.
    ///
    /// # Errors
    /// No region is configured.
    pub async fn open(cluster: &str, service: &str) -> Result<Self, ConnectError> {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        Self::over(loader, cluster, service).await
    }

    /// As [`EcsService::open`], where some of that is set by the caller.
    ///
    /// # Errors
    /// No region is configured.
    pub async fn over(
        loader: ConfigLoader,
        cluster: &str,
        service: &str,
    ) -> Result<Self, ConnectError> {
        let client = Client::new(&sdk_config(loader).await?);
        Ok(Self { client, cluster: cluster.to_owned(), service: service.to_owned() })
    }

    /// Its tasks now.
    ///
    /// # Errors
    /// ECS did not answer, refused, or knows no such service.
    pub async fn tasks(&self) -> Result<Tasks, ServiceError> {
        let call = self.client.describe_services().cluster(&self.cluster).services(&self.service);
        let answer = call.send().await.map_err(|error| ServiceError::of(DESCRIBE, error))?;
        let missing = ServiceError::Incomplete { operation: DESCRIBE, missing: "service" };
        let service = answer.services().first().ok_or(missing)?;
        let count = |tasks: i32| u32::try_from(tasks).unwrap_or(0);
        let (desired, running) = (service.desired_count(), service.running_count());
        Ok(Tasks { desired: count(desired), running: count(running) })
    }
}

impl fmt::Debug for EcsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcsService")
            .field("cluster", &self.cluster)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
