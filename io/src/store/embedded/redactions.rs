//! Events that were redacted: which they are, and how the runs that hold them are written again.
//!
//! An event may be in several runs of its bucket, and may be written again after its redaction. So a bucket has a set
//! of its redacted events, which each run is compared with when it is written. Whoever reads runs needs no such set:
//! all of them say the same.

use std::collections::{BTreeMap, HashMap};

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::event::EventKind;
use rookery_schema::row::EventRow;
use rookery_schema::{ChatId, Seq};

use super::error::ReadError;
use super::events::{Events, decoded};
use super::run::{self, Gathering, Run};

/// Name of the keyspace.
pub(super) const REDACTED: &str = "redacted";

/// See the module.
pub(super) struct Redactions {
    /// By chat and the first seq of a bucket: a bit for each of its seqs, the lowest for the first.
    pub(super) keyspace: Keyspace,
}

/// Where runs lie together.
type Bucket = (ChatId, EventKind, Seq);

/// What a commit has of a bucket.
#[derive(Default)]
struct Rewrite<'a> {
    redacted: Vec<&'a EventRow>,
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
        let mut rewrites: HashMap<Bucket, Rewrite<'a>> = HashMap::new();
        for row in redacted {
            let bucket = (row.chat_id, row.kind, run::bucket_of(row.head.seq));
            rewrites.entry(bucket).or_default().redacted.push(row);
        }
        for run in gathered.into_runs() {
            let bucket = (run.chat_id, run.kind, run::bucket_of(run.first));
            if let Some(rewrite) = rewrites.get_mut(&bucket) {
                rewrite.runs.push(run);
            } else if any_before && self.of_bucket(bucket)? & run.bits() != 0 {
                rewrites.entry(bucket).or_default().runs.push(run);
            } else {
                events.put(batch, run);
            }
        }
        for (bucket, rewrite) in rewrites {
            self.rewrite(batch, events, bucket, &rewrite)?;
        }
        Ok(())
    }

    fn rewrite(
        &self,
        batch: &mut OwnedWriteBatch,
        events: &Events,
        bucket: Bucket,
        new: &Rewrite<'_>,
    ) -> Result<(), ReadError> {
        let (chat_id, kind, first) = bucket;
        let bits = new.redacted.iter().map(|row| run::bit(row.head.seq));
        let bits = bits.fold(self.of_bucket(bucket)?, |all, bit| all | bit);
        let is_redacted = |row: &&EventRow| bits & run::bit(row.head.seq) != 0;
        let stored = events.runs_of_bucket(chat_id, kind, first)?;
        let written = new
            .runs
            .iter()
            .map(|run| decoded(&run.key(), &run.value, kind));
        let written = written.collect::<Result<Vec<_>, _>>()?;

        let mut stand: BTreeMap<Seq, EventRow> = BTreeMap::new();
        for row in &new.redacted {
            stand.insert(row.head.seq, (*row).clone());
        }
        for row in stored.iter().flatten().filter(is_redacted) {
            let redacted = stand.entry(row.head.seq).or_insert_with(|| row.clone());
            redacted.head = row.head;
        }
        for row in written.iter().flatten().filter(is_redacted) {
            let redacted = stand.get_mut(&row.head.seq);
            redacted.ok_or(ReadError::Malformed(REDACTED))?.head = row.head;
        }

        let alone = new.redacted.iter().map(|row| vec![(*row).clone()]);
        let is_in = |row: &EventRow| {
            stored
                .iter()
                .chain(&written)
                .flatten()
                .any(|it| it.head.seq == row.head.seq)
        };
        let alone = alone
            .filter(|rows| !rows.iter().any(is_in))
            .collect::<Vec<_>>();
        let concerned = stored
            .iter()
            .filter(|rows| rows.iter().any(|row| is_redacted(&row)));
        for rows in concerned.chain(&written).chain(&alone) {
            let stands = |row: &EventRow| stand.get(&row.head.seq).unwrap_or(row).clone();
            let rows: Vec<EventRow> = rows.iter().map(stands).collect();
            if let Some(run) = Run::of(&rows) {
                events.put(batch, run);
            }
        }
        batch.insert(
            &self.keyspace,
            run::key_from(chat_id, first),
            bits.to_le_bytes(),
        );
        Ok(())
    }

    /// The redacted events of a bucket.
    fn of_bucket(&self, (chat_id, _, first): Bucket) -> Result<u64, ReadError> {
        let Some(value) = self.keyspace.get(run::key_from(chat_id, first))? else {
            return Ok(0);
        };
        let bits = value.as_ref().try_into().map(u64::from_le_bytes);
        bits.map_err(|_| ReadError::Malformed(REDACTED))
    }
}
