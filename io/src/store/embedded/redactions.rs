//! Events that were redacted: which they are, and how the runs that hold them are written again.
//!
//! An event may be in several runs of its bucket, and may be written again after its redaction. So a bucket has a set
//! of its redacted events, which each run is compared with when it is written. Whoever reads runs needs no such set:
//! all of them say the same.

use std::collections::{BTreeMap, HashMap};

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::event::EventKind;
use rookery_schema::row::{EventRow, Row};
use rookery_schema::{ChatId, Seq};

use super::error::ReadError;
use super::events::{Events, decoded};
use super::run::{self, Gathering, Run};

/// Name of the keyspace.
pub(super) const REDACTED: &str = "redacted";

/// Bytes of a chat, a seq and a kind of events.
const KEY_BYTES: usize = 16 + 8 + 1;

/// See the module.
pub(super) struct Redactions {
    /// By chat, first seq of a bucket and kind of events: a bit for each of its seqs, the lowest for the first.
    pub(super) keyspace: Keyspace,
}

/// Where runs lie together.
type Bucket = (ChatId, EventKind, Seq);

/// What a commit has of a bucket.
#[derive(Default)]
struct Changes<'a> {
    redacted: Vec<&'a EventRow>,
    /// Those with an event that is redacted, now or before.
    runs: Vec<Run>,
}

impl Redactions {
    /// Adds the events of a commit to its batch, and redacts. Where `any_before` is false, no event was ever redacted.
    pub(super) fn put<'a>(
        &self,
        batch: &mut OwnedWriteBatch,
        events: &Events,
        gathered: Gathering,
        redacted: impl Iterator<Item = &'a EventRow>,
        any_before: bool,
    ) -> Result<(), ReadError> {
        let mut buckets: HashMap<Bucket, Changes<'a>> = HashMap::new();
        for row in redacted {
            let bucket = (row.chat_id, row.kind, run::bucket_of(row.head.seq));
            buckets.entry(bucket).or_default().redacted.push(row);
        }
        let is_any = any_before || !buckets.is_empty();
        for run in gathered.into_runs() {
            let bucket = (run.chat_id, run.kind, run::bucket_of(run.first));
            if is_any && run.bits() & self.bits(bucket, buckets.get(&bucket))? != 0 {
                buckets.entry(bucket).or_default().runs.push(run);
            } else {
                events.put(batch, run);
            }
        }
        for (bucket, changes) in buckets {
            self.rewrite(batch, events, bucket, &changes)?;
        }
        Ok(())
    }

    /// Writes the runs of a bucket again that have a redacted event.
    fn rewrite(
        &self,
        batch: &mut OwnedWriteBatch,
        events: &Events,
        bucket: Bucket,
        changes: &Changes<'_>,
    ) -> Result<(), ReadError> {
        let (chat_id, kind, first) = bucket;
        let bits = self.bits(bucket, Some(changes))?;
        let mut runs = events.runs_of_bucket(chat_id, kind, first)?;
        for run in &changes.runs {
            runs.push(decoded(&run.key(), &run.value, kind)?);
        }
        runs.retain(|rows| rows.iter().any(|row| bits & run::bit(row.head.seq) != 0));
        let mut stand = stand(&changes.redacted, &runs, bits);
        for rows in &mut runs {
            for row in rows.iter_mut() {
                if let Some(redacted) = stand.get(&row.head.seq) {
                    row.clone_from(redacted);
                }
            }
            if let Some(run) = Run::of(rows) {
                events.put(batch, run);
            }
        }
        // Those that are in no run yet.
        runs.iter()
            .flatten()
            .for_each(|row| drop(stand.remove(&row.head.seq)));
        for row in stand.into_values() {
            if let Some(run) = Run::of(&[row]) {
                events.put(batch, run);
            }
        }
        batch.insert(&self.keyspace, key(bucket), bits.to_le_bytes());
        Ok(())
    }

    /// The redacted events of a bucket, with those that a commit adds.
    fn bits(&self, bucket: Bucket, changes: Option<&Changes<'_>>) -> Result<u64, ReadError> {
        let stored = self.keyspace.get(key(bucket))?.map(|value| {
            let bits = value.as_ref().try_into().map(u64::from_le_bytes);
            bits.map_err(|_| ReadError::Malformed(REDACTED))
        });
        let added = changes.into_iter().flat_map(|changes| &changes.redacted);
        let added = added.map(|row| run::bit(row.head.seq));
        Ok(added.fold(stored.transpose()?.unwrap_or(0), |all, bit| all | bit))
    }
}

/// What each redacted event of a bucket is from now on. The newest run that has it tells its place in the log; what
/// it says, its redaction, or where that was stored before, the oldest run.
fn stand(redacted: &[&EventRow], runs: &[Vec<EventRow>], bits: u64) -> BTreeMap<Seq, EventRow> {
    let new = redacted.iter().map(|row| (row.head.seq, (*row).clone()));
    let mut stand: BTreeMap<Seq, EventRow> = new.collect();
    let in_runs = runs.iter().flatten();
    for row in in_runs.filter(|row| bits & run::bit(row.head.seq) != 0) {
        let redacted = stand.entry(row.head.seq);
        redacted.or_insert_with(|| row.clone()).head = row.head;
    }
    stand
}

fn key((chat_id, kind, first): Bucket) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let (bucket, is_message) = key.split_at_mut(KEY_BYTES - 1);
    bucket.copy_from_slice(&run::key_from(chat_id, first));
    is_message[0] = u8::from(kind == EventKind::Message);
    key
}

/// The event that a row redacts, where it does.
pub(super) const fn redacted(row: &Row) -> Option<&EventRow> {
    match row {
        Row::Redacted(row) => Some(row),
        Row::Event(_)
        | Row::Amendment(_)
        | Row::Chat(_)
        | Row::Member(_)
        | Row::NotMember { .. }
        | Row::Role(_)
        | Row::Settings(_)
        | Row::ChatDeleted(_)
        | Row::Purged(_)
        | Row::Block(_)
        | Row::Mark(_)
        | Row::User(_)
        | Row::EndedSession { .. }
        | Row::Session(_)
        | Row::NoSession { .. }
        | Row::NoSessions { .. }
        | Row::OwnGone { .. }
        | Row::Erasure(_)
        | Row::Erased(_)
        | Row::Rewritten(_)
        | Row::Profile(_)
        | Row::UserSettings(_)
        | Row::Reached { .. } => None,
    }
}
