//! The keyspace of what the store notes of itself.

use std::collections::HashMap;

use fjall::{Keyspace, OwnedWriteBatch, UserValue};
use rookery_schema::{Offset, PartitionId, ShardId, Timestamp};

use super::error::ReadError;
use super::progress::Progress;

/// Name of the keyspace.
pub(super) const META: &str = "meta";

const FORMAT_KEY: &[u8] = b"format";
const LOG_ID_KEY: &[u8] = b"log_id";
/// Followed by a partition; the value is how far it is stored, see [`Progress::stored`].
const STORED_PREFIX: &[u8] = b"stored/";
/// Followed by a shard; the value is how many batches its lane has written.
const BATCHES_PREFIX: &[u8] = b"batches/";
/// The latest expiry of an ended session that was forgotten, in milliseconds.
const ENDED_UNTIL_KEY: &[u8] = b"ended_until";

/// See the module.
pub(super) struct Meta {
    pub(super) keyspace: Keyspace,
    pub(super) log_id: [u8; 16],
}

impl Meta {
    /// Has a batch bear the mark of all batches of the store: the log's id, which never leaves the server.
    pub(super) fn mark(&self, batch: &mut OwnedWriteBatch) {
        batch.insert(&self.keyspace, LOG_ID_KEY, self.log_id);
    }

    /// The layout of the values; absent in a new store.
    pub(super) fn format(&self) -> Result<Option<u32>, ReadError> {
        let value = self.keyspace.get(FORMAT_KEY)?;
        let number = |value: &[u8]| value.try_into().map(u32::from_be_bytes);
        let format = value.map(|value| number(&value).map_err(|_| ReadError::Malformed(META)));
        format.transpose()
    }

    pub(super) fn put_format(&self, batch: &mut OwnedWriteBatch, format: u32) {
        batch.insert(&self.keyspace, FORMAT_KEY, format.to_be_bytes());
    }

    /// The layout of the values, and the log that they come from; absent in a new store.
    pub(super) fn origin(&self) -> Result<Option<(u32, [u8; 16])>, ReadError> {
        const MALFORMED: ReadError = ReadError::Malformed(META);
        let (Some(format), Some(log_id)) = (self.format()?, self.keyspace.get(LOG_ID_KEY)?) else {
            return Ok(None);
        };
        Ok(Some((
            format,
            log_id.as_ref().try_into().map_err(|_| MALFORMED)?,
        )))
    }

    /// Notes how far a shard's lane has come with a batch.
    pub(super) fn put_progress(
        &self,
        batch: &mut OwnedWriteBatch,
        shard: ShardId,
        progress: &Progress,
    ) {
        for (partition, behind) in &progress.stored {
            let key = prefixed(STORED_PREFIX, &partition.0.to_be_bytes());
            batch.insert(&self.keyspace, key, behind.0.to_be_bytes());
        }
        let key = prefixed(BATCHES_PREFIX, &shard.0.to_be_bytes());
        batch.insert(&self.keyspace, key, progress.batches.to_be_bytes());
    }

    /// Up to where each partition of the log is stored.
    pub(super) fn stored(&self) -> Result<HashMap<PartitionId, Offset>, ReadError> {
        let entries = self.keyspace.prefix(STORED_PREFIX).map(|entry| {
            let (key, value) = entry.into_inner()?;
            let partition = key
                .strip_prefix(STORED_PREFIX)
                .and_then(|id| id.try_into().ok());
            let behind = value.as_ref().try_into().ok();
            partition
                .zip(behind)
                .map(|(id, behind)| {
                    (
                        PartitionId(u32::from_be_bytes(id)),
                        Offset(u64::from_be_bytes(behind)),
                    )
                })
                .ok_or(ReadError::Malformed(META))
        });
        entries.collect()
    }

    /// How many batches a shard's lane has written.
    pub(super) fn batches(&self, shard: ShardId) -> Result<u64, ReadError> {
        let key = prefixed(BATCHES_PREFIX, &shard.0.to_be_bytes());
        Ok(number(self.keyspace.get(key)?)?.unwrap_or(0))
    }

    /// All sessions that expire by then count as ended.
    pub(super) fn sessions_ended_until(&self) -> Result<Timestamp, ReadError> {
        let millis = number(self.keyspace.get(ENDED_UNTIL_KEY)?)?;
        Timestamp::recorded(millis.unwrap_or(0)).ok_or(ReadError::Malformed(META))
    }

    pub(super) fn put_sessions_ended_until(&self, batch: &mut OwnedWriteBatch, until: Timestamp) {
        batch.insert(
            &self.keyspace,
            ENDED_UNTIL_KEY,
            until.millis().to_be_bytes(),
        );
    }
}

/// A number among the notes of the store itself.
fn number(value: Option<UserValue>) -> Result<Option<u64>, ReadError> {
    let bytes = value.map(|value| value.as_ref().try_into());
    let bytes = bytes.transpose().map_err(|_| ReadError::Malformed(META))?;
    Ok(bytes.map(u64::from_be_bytes))
}

fn prefixed(prefix: &[u8], id: &[u8]) -> Vec<u8> {
    [prefix, id].concat()
}
