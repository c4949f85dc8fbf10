//! Runs: consecutive events of a chat that were committed together, as one key and value.
//!
//! What a database spends on an entry (a node of its memtable, a key, an item of its journal) is more than it
//! spends on the bytes of a message, and in a busy chat a commit has hundreds of them. A run never leaves
//! its bucket, a range of seqs that is the same for all; so events that were written again after a crash, in other
//! runs than before, are all found by reading one bucket.

use std::collections::HashMap;
use std::ops::Range;

use bytes::{Buf, BufMut, Bytes};
use rookery_schema::event::EventKind;
use rookery_schema::row::{EventRow, Head};
use rookery_schema::{ChatId, Offset, PartitionId, Seq};

/// Seqs of a bucket: a bit of a word for each.
const BUCKET_SEQS: u64 = 64;
/// Bytes of a run from which on it takes no more events.
const RUN_BYTES: usize = 64 * 1024;

const ID_BYTES: usize = 16;
const SEQ_BYTES: usize = 8;
/// Bytes of an event in front of its record: the rest of its head, and the record's length.
const EVENT_HEAD_BYTES: usize = 8 + 4 + 8 + 4;

/// Chat, seq of the first event, and how many there are. The last makes two runs with the same key the same.
pub type RunKey = [u8; ID_BYTES + SEQ_BYTES + 1];

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    pub(super) chat_id: ChatId,
    pub(super) kind: EventKind,
    pub(super) first: Seq,
    count: u8,
    /// What is stored under [`Self::key`].
    pub value: Vec<u8>,
}

impl Run {
    fn new(row: &EventRow) -> Self {
        let mut run = Self {
            chat_id: row.chat_id,
            kind: row.kind,
            first: row.head.seq,
            count: 0,
            value: Vec::with_capacity(EVENT_HEAD_BYTES + row.record.len()),
        };
        run.push(row);
        run
    }

    /// One run of events that a run had, whatever they say now; `None` where there are none.
    pub(super) fn of(rows: &[EventRow]) -> Option<Self> {
        let (first, rest) = rows.split_first()?;
        let mut run = Self::new(first);
        rest.iter().for_each(|row| run.push(row));
        Some(run)
    }

    /// The [`bit`]s of its events.
    pub(super) fn bits(&self) -> u64 {
        let bits = u64::MAX >> (BUCKET_SEQS - u64::from(self.count));
        bits << (self.first.0 % BUCKET_SEQS)
    }

    fn takes(&self, row: &EventRow) -> bool {
        let seq = row.head.seq;
        seq.0 == self.first.0 + u64::from(self.count)
            && bucket_of(seq) == bucket_of(self.first)
            && self.value.len() < RUN_BYTES
    }

    fn push(&mut self, row: &EventRow) {
        self.value.put_u64_le(row.head.messages);
        self.value.put_u32_le(row.head.partition.0);
        self.value.put_u64_le(row.head.offset.0);
        self.value.put_u32_le(row.record.len() as u32);
        self.value.put_slice(&row.record);
        self.count += 1;
    }

    /// What it is stored under.
    pub fn key(&self) -> RunKey {
        let mut key = [self.count; ID_BYTES + SEQ_BYTES + 1];
        key[..ID_BYTES + SEQ_BYTES].copy_from_slice(&key_from(self.chat_id, self.first));
        key
    }
}

/// Gathers the events of a commit into runs.
#[derive(Default)]
pub struct Gathering {
    open: HashMap<(ChatId, EventKind), Run>,
    complete: Vec<Run>,
}

impl Gathering {
    /// Adds the next event of its chat.
    pub fn add(&mut self, row: &EventRow) {
        let run = self.open.entry((row.chat_id, row.kind)).and_modify(|run| {
            if run.takes(row) {
                run.push(row);
            } else {
                self.complete.push(std::mem::replace(run, Run::new(row)));
            }
        });
        run.or_insert_with(|| Run::new(row));
    }

    /// The runs, in no order.
    pub fn into_runs(self) -> impl Iterator<Item = Run> {
        self.complete.into_iter().chain(self.open.into_values())
    }
}

/// The key from which on runs begin with this seq or a later one.
pub(super) fn key_from(chat_id: ChatId, seq: Seq) -> [u8; ID_BYTES + SEQ_BYTES] {
    let mut key = [0; ID_BYTES + SEQ_BYTES];
    key[..ID_BYTES].copy_from_slice(chat_id.as_bytes());
    key[ID_BYTES..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

/// The first seq of the bucket that this one is in.
pub(super) fn bucket_of(seq: Seq) -> Seq {
    Seq(seq.0 - seq.0 % BUCKET_SEQS)
}

/// The first seq of the bucket behind the one that this one is in.
pub(super) fn next_bucket(seq: Seq) -> Seq {
    Seq(bucket_of(seq).0.saturating_add(BUCKET_SEQS))
}

/// The place of a seq among those of its bucket.
pub(super) const fn bit(seq: Seq) -> u64 {
    1 << (seq.0 % BUCKET_SEQS)
}

/// Where the run with this key begins.
pub(super) fn first_seq(key: &[u8]) -> Option<Seq> {
    let seq = key.get(ID_BYTES..ID_BYTES + SEQ_BYTES)?;
    seq.try_into().ok().map(|seq| Seq(u64::from_be_bytes(seq)))
}

/// Adds a run's events with these seqs to others; `None` where it is not one.
pub fn decode(
    key: &[u8],
    mut value: &[u8],
    wanted: &Range<Seq>,
    kind: EventKind,
    events: &mut Vec<EventRow>,
) -> Option<()> {
    let chat_id = ChatId::from_bytes(*key.first_chunk()?);
    let first = first_seq(key)?;
    let [count] = key.get(ID_BYTES + SEQ_BYTES..)? else {
        return None;
    };
    let end = Seq(first.0.checked_add(u64::from(*count))?);
    let last = Seq(end.0.checked_sub(1)?);
    if *count == 0 || bucket_of(last) != bucket_of(first) {
        return None;
    }
    for seq in first.0..end.0 {
        let head = Head {
            seq: Seq(seq),
            messages: value.try_get_u64_le().ok()?,
            partition: PartitionId(value.try_get_u32_le().ok()?),
            offset: Offset(value.try_get_u64_le().ok()?),
        };
        let length = value.try_get_u32_le().ok()?;
        let (record, rest) = value.split_at_checked(length as usize)?;
        value = rest;
        if wanted.contains(&head.seq) {
            events.push(EventRow {
                chat_id,
                head,
                record: Bytes::copy_from_slice(record),
                kind,
            });
        }
    }
    value.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const ALL: Range<Seq> = Seq(0)..Seq(u64::MAX);

    fn event(chat: u8, seq: u64, record: Vec<u8>) -> EventRow {
        EventRow {
            chat_id: ChatId::from_bytes([chat; ID_BYTES]),
            head: Head {
                seq: Seq(seq),
                messages: seq / 2,
                partition: PartitionId(u32::from(chat)),
                offset: Offset(seq * 3),
            },
            record: record.into(),
            kind: if chat.is_multiple_of(2) {
                EventKind::Message
            } else {
                EventKind::Other
            },
        }
    }

    fn gather(events: &[EventRow]) -> Vec<Run> {
        let mut gathering = Gathering::default();
        events.iter().for_each(|event| gathering.add(event));
        gathering.into_runs().collect()
    }

    fn scatter(runs: &[Run], wanted: &Range<Seq>) -> Option<Vec<EventRow>> {
        let mut events = Vec::new();
        for run in runs {
            decode(&run.key(), &run.value, wanted, run.kind, &mut events)?;
        }
        events.sort_by_key(|event| (event.chat_id, event.head.seq));
        Some(events)
    }

    proptest! {
        #[test]
        fn what_is_gathered_is_what_is_read(
            written in vec((0..4u8, 1..3u64, vec(any::<u8>(), 0..40)), 0..300),
            wanted in (0..200u64, 0..200u64),
        ) {
            let mut seqs = [0; 4];
            let mut events: Vec<EventRow> = written
                .into_iter()
                .map(|(chat, step, record)| {
                    seqs[usize::from(chat)] += step;
                    event(chat, seqs[usize::from(chat)], record)
                })
                .collect();
            let runs = gather(&events);
            for run in &runs {
                let last = Seq(run.first.0 + u64::from(run.count) - 1);
                prop_assert_eq!(bucket_of(run.first), bucket_of(last));
            }
            events.sort_by_key(|event| (event.chat_id, event.head.seq));
            prop_assert_eq!(scatter(&runs, &ALL), Some(events.clone()));
            let wanted = Seq(wanted.0)..Seq(wanted.1);
            events.retain(|event| wanted.contains(&event.head.seq));
            prop_assert_eq!(scatter(&runs, &wanted), Some(events));
        }

        #[test]
        fn keys_sort_by_chat_and_seq(a in (0..3u8, any::<u64>()), b in (0..3u8, any::<u64>())) {
            let key = |(chat, seq): (u8, u64)| Run::new(&event(chat, seq / 4, Vec::new())).key();
            prop_assert_eq!(key(a).cmp(&key(b)), (a.0, a.1 / 4).cmp(&(b.0, b.1 / 4)));
            let (chat_id, seq) = (ChatId::from_bytes([a.0; ID_BYTES]), Seq(a.1 / 4));
            prop_assert!(key(a).as_slice() >= key_from(chat_id, seq).as_slice());
            prop_assert!(key(a).as_slice() < key_from(chat_id, seq.next()).as_slice());
            prop_assert_eq!(first_seq(&key(a)), Some(seq));
        }

        #[test]
        fn arbitrary_bytes_never_panic(key in vec(any::<u8>(), 0..40), value in vec(any::<u8>(), 0..90)) {
            let _ = decode(&key, &value, &ALL, EventKind::Message, &mut Vec::new());
        }
    }

    #[test]
    fn neighbours_are_one_run_and_large_ones_are_not() {
        let events: Vec<_> = (64..128).map(|seq| event(0, seq, vec![7; 100])).collect();
        assert_eq!(gather(&events).len(), 1);
        let events: Vec<_> = (64..68)
            .map(|seq| event(0, seq, vec![7; RUN_BYTES]))
            .collect();
        assert_eq!(gather(&events).len(), 4);
    }

    #[test]
    fn a_run_that_was_cut_or_added_to_is_refused() {
        let run = &gather(&[event(0, 1, vec![1; 9]), event(0, 2, vec![2; 9])])[0];
        let decode =
            |value: &[u8]| decode(&run.key(), value, &ALL, EventKind::Message, &mut Vec::new());
        assert_eq!(decode(&run.value), Some(()));
        assert_eq!(decode(&run.value[..run.value.len() - 1]), None);
        assert_eq!(decode(&[run.value.as_slice(), &[0]].concat()), None);
    }

    #[test]
    fn a_run_that_no_version_writes_is_refused() {
        let run = &gather(&[event(0, 62, vec![1; 9]), event(0, 63, vec![2; 9])])[0];
        let decode = |key: &[u8], value: &[u8]| {
            decode(key, value, &ALL, EventKind::Message, &mut Vec::new())
        };
        let key = |seq, count| {
            let key = key_from(ChatId::from_bytes([0; ID_BYTES]), Seq(seq));
            [&key[..], &[count]].concat()
        };
        assert_eq!(decode(&key(62, 2), &run.value), Some(()));
        // One that goes on in the next bucket, where nobody would look for it; one beyond all seqs; one of nothing.
        assert_eq!(decode(&key(63, 2), &run.value), None);
        assert_eq!(decode(&key(u64::MAX - 1, 2), &run.value), None);
        assert_eq!(decode(&key(62, 0), &[]), None);
    }
}
