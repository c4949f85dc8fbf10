//! The brokers before a shard uses them: waits for them, sees to the topics, and knows which log it is.

use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rookery_schema::PartitionId;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::ask::{ASK_TIMEOUT, until_answered};
use super::claimed::Claimed;
use super::claiming;
use super::client_log::ClientLog;
use super::error::RedpandaError;
use super::settings::Settings;
use super::topics;
use crate::log::stored::Stored;
use crate::startup::Startup;

/// A topic that is there, with as many partitions as it should have.
#[derive(Debug)]
pub struct RedpandaLog {
    settings: Settings,
    log_id: Uuid,
    partitions: u32,
}

impl RedpandaLog {
    /// Waits for the brokers, and makes the topics where they don't exist.
    ///
    /// # Errors
    /// A [`RedpandaError`] where the topics can't be used, or it was interrupted.
    pub fn connect(settings: &Settings, startup: &Startup) -> Result<Self, RedpandaError> {
        let client =
            BaseConsumer::from_config_and_context(&settings.client(), ClientLog::default())
                .map_err(RedpandaError::Client)?;
        let cluster_id = until_answered(startup, settings, || {
            // What the library has to say comes out when it is polled.
            let _ = client.poll(Duration::ZERO);
            let known = client.client().fetch_cluster_id(ASK_TIMEOUT);
            known.ok_or(KafkaError::MetadataFetch(
                RDKafkaErrorCode::OperationTimedOut,
            ))
        })?;
        let partitions = topics::ensure(&client, settings, startup)?;
        Ok(Self {
            settings: settings.clone(),
            log_id: log_id(&cluster_id, &settings.topic),
            partitions,
        })
    }

    /// Makes this process the only one that may append to these partitions; an earlier one ends.
    ///
    /// # Errors
    /// A [`RedpandaError`] where a partition can't be used, or waiting for the brokers was interrupted.
    pub fn claim(
        &self,
        partitions: &[(PartitionId, Stored)],
        startup: &Startup,
    ) -> Result<Vec<Claimed>, RedpandaError> {
        claiming::claim(&self.settings, partitions, startup)
    }

    /// Which log this is, for a store to know again: another cluster's topic is another log.
    pub const fn log_id(&self) -> Uuid {
        self.log_id
    }

    /// How many partitions the topic has.
    pub const fn partitions(&self) -> u32 {
        self.partitions
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }
}

fn log_id(cluster_id: &str, topic: &str) -> Uuid {
    Uuid::from_u128(xxh3_128(format!("{cluster_id}/{topic}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_known_by_its_cluster_and_topic_for_ever() {
        let id = log_id("kXbBaBXoQMaZ", "rookery.events");
        assert_eq!(id, log_id("kXbBaBXoQMaZ", "rookery.events"));
        assert_ne!(id, log_id("kXbBaBXoQMaZ", "other"));
        assert_ne!(id, log_id("another", "rookery.events"));
        // A store written by an older version has this one in it.
        assert_eq!(id.to_string(), "b1eae874-33b9-376d-7034-d71d3a3dbf03");
    }
}
