//! The topics: of the log, and of its dead letters.

use std::time::Duration;

use futures_lite::future::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::ask::{ASK_TIMEOUT, until_answered};
use super::client_log::ClientLog;
use super::error::RedpandaError;
use super::settings::{DEAD_LETTER_BYTES_MAX, MESSAGE_BYTES_MAX, Settings};
use crate::startup::Startup;

/// Copies of a record, where there are as many brokers.
const REPLICAS_MAX: usize = 3;
/// Milliseconds that records are kept: a week. It has to be longer than the store may be away, and than it
/// takes to write as many records as the dedup window has.
const RETENTION_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// How long the brokers may take to make a topic.
const MAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the topics that don't exist, and says how many partitions the log has.
pub(super) fn ensure(
    client: &BaseConsumer<ClientLog>,
    settings: &Settings,
    startup: &Startup,
) -> Result<u32, RedpandaError> {
    let dead_letters = settings.dead_letter_topic();
    loop {
        // Of all topics, since to ask for one by its name may make brokers create it.
        let metadata = until_answered(startup, settings, || {
            let _ = client.poll(Duration::ZERO);
            client.fetch_metadata(None, ASK_TIMEOUT)
        })?;
        let found = partitions_of(&metadata, &settings.topic);
        let dead_letters_found = partitions_of(&metadata, &dead_letters);
        if let (Some(found), Some(_)) = (found, dead_letters_found) {
            return agreed(settings, found);
        }
        let replicas = replicas(&metadata);
        if found.is_none() {
            let new = (
                &*settings.topic,
                settings.partitions.number(),
                MESSAGE_BYTES_MAX,
            );
            make(settings, new, replicas, startup)?;
        }
        if dead_letters_found.is_none() {
            make(
                settings,
                (&dead_letters, 1, DEAD_LETTER_BYTES_MAX),
                replicas,
                startup,
            )?;
        }
    }
}

/// The log's topic, as brokers have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) partitions: u32,
    /// Of each record, in the partition that has the fewest.
    pub(crate) copies: usize,
    /// Of how many there should be.
    pub(crate) copies_wanted: usize,
}

/// The log's topic, where it exists and is as it was asked for. Waits for one answer only.
///
/// # Errors
/// Where nobody answers, or there is another number of partitions.
pub(crate) fn look(settings: &Settings) -> Result<Option<Topic>, RedpandaError> {
    let client = BaseConsumer::from_config_and_context(&settings.client(), ClientLog::default())
        .map_err(RedpandaError::Client)?;
    let metadata = client
        .fetch_metadata(None, ASK_TIMEOUT)
        .map_err(RedpandaError::NoAnswer)?;
    let Some(found) = partitions_of(&metadata, &settings.topic) else {
        return Ok(None);
    };
    let topics = metadata.topics().iter();
    let copies = topics
        .filter(|it| it.name() == settings.topic)
        .flat_map(|it| it.partitions())
        .map(|partition| partition.replicas().len());
    Ok(Some(Topic {
        partitions: agreed(settings, found)?,
        copies: copies.min().unwrap_or_default(),
        copies_wanted: replicas(&metadata),
    }))
}

/// Copies of each record that there can be.
fn replicas(metadata: &Metadata) -> usize {
    metadata.brokers().len().clamp(1, REPLICAS_MAX)
}

fn partitions_of(metadata: &Metadata, topic: &str) -> Option<u32> {
    let topic = metadata.topics().iter().find(|it| it.name() == topic)?;
    let count = topic.partitions().len() as u32;
    (topic.error().is_none() && count > 0).then_some(count)
}

fn agreed(settings: &Settings, found: u32) -> Result<u32, RedpandaError> {
    match settings.partitions.conflict(found) {
        Some(wanted) => Err(RedpandaError::Partitions {
            topic: settings.topic.clone(),
            found,
            wanted,
        }),
        None => Ok(found),
    }
}

/// Makes a topic of that name, with so many partitions of messages of so many bytes.
fn make(
    settings: &Settings,
    (name, partitions, message_bytes): (&str, u32, usize),
    replicas: usize,
    startup: &Startup,
) -> Result<(), RedpandaError> {
    let mut config = settings.client();
    // It repeats what the other client says, and nobody would take it out of its queue.
    config.set_log_level(RDKafkaLogLevel::Emerg);
    let admin = AdminClient::from_config_and_context(&config, ClientLog::default())
        .map_err(RedpandaError::Client)?;
    let retention = RETENTION_MS.to_string();
    let message_bytes = message_bytes.to_string();
    // A majority, so that what was confirmed outlives the loss of any one broker.
    let in_sync = (replicas / 2 + 1).to_string();
    let topic = NewTopic::new(
        name,
        partitions as i32,
        TopicReplication::Fixed(replicas as i32),
    )
    .set("cleanup.policy", "delete")
    .set("retention.ms", &retention)
    .set("retention.bytes", "-1")
    .set("max.message.bytes", &message_bytes)
    .set("min.insync.replicas", &in_sync);
    let options = AdminOptions::new()
        .request_timeout(Some(MAKE_TIMEOUT))
        .operation_timeout(Some(MAKE_TIMEOUT));
    let code = until_answered(startup, settings, || {
        let results = block_on(admin.create_topics([&topic], &options))?;
        match results.into_iter().next() {
            Some(Err((_, code))) if passes(code) => Err(KafkaError::AdminOp(code)),
            Some(Err((_, code))) => Ok(Some(code)),
            Some(Ok(_)) | None => Ok(None),
        }
    })?;
    match code {
        None => {
            tracing::info!(topic = name, partitions, replicas, "the topic was made");
            Ok(())
        }
        // By another process that starts as well.
        Some(RDKafkaErrorCode::TopicAlreadyExists) => Ok(()),
        Some(code) => Err(RedpandaError::Topic {
            topic: name.to_owned(),
            partitions,
            code,
        }),
    }
}

/// Whether it may be another answer next time.
const fn passes(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::NotController
            | RDKafkaErrorCode::NetworkException
            | RDKafkaErrorCode::BrokerTransportFailure
    )
}
