//! Many log records in one run of bytes: what travels to a log, lies in it, and comes back.

use std::ops::Range;

use bytes::{Buf as _, BufMut, Bytes, BytesMut};

use crate::record::Record;

/// Bytes of the little-endian length in front of each record.
const LENGTH_BYTES: usize = 4;

/// Records in log order, each behind its length. Cloning shares the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordBatch {
    bytes: Bytes,
    count: u32,
}

/// The bytes are not a whole number of length-prefixed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch of log records is cut short")]
pub struct TornBatch;

impl RecordBatch {
    /// Takes bytes that a log gave back.
    ///
    /// # Errors
    /// [`TornBatch`] where the lengths don't add up.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, TornBatch> {
        let mut count = 0;
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let (length, tail) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(TornBatch)?;
            rest = tail
                .get(u32::from_le_bytes(*length) as usize..)
                .ok_or(TornBatch)?;
            count += 1;
        }
        Ok(Self { bytes, count })
    }

    /// All records with their lengths.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many records there are.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first record's bytes.
    pub fn first(&self) -> Option<&[u8]> {
        let (length, tail) = self.bytes.split_first_chunk::<LENGTH_BYTES>()?;
        tail.get(..u32::from_le_bytes(*length) as usize)
    }

    /// Takes the first record away, for who works through a batch with pauses.
    pub fn remove_first(&mut self) {
        if let Some(record) = self.first() {
            let taken = LENGTH_BYTES + record.len();
            self.bytes.advance(taken);
            self.count -= 1;
        }
    }

    /// Each record's own bytes, shared with the batch.
    pub fn iter(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.ranges().map(|range| self.bytes.slice(range))
    }

    /// Each record's own bytes.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges().map(|range| &self.bytes[range])
    }

    fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (length, _) = self.bytes.get(at..)?.split_first_chunk::<LENGTH_BYTES>()?;
            let start = at + LENGTH_BYTES;
            at = start + u32::from_le_bytes(*length) as usize;
            Some(start..at)
        })
    }
}

/// Gathers records into a [`RecordBatch`].
#[derive(Debug, Default)]
pub struct RecordBatchBuilder {
    bytes: BytesMut,
    count: u32,
}

impl RecordBatchBuilder {
    /// Appends one record.
    pub fn push(&mut self, record: &Record<'_>) {
        let start = self.bytes.len();
        self.bytes.put_u32_le(0);
        record.encode(&mut self.bytes);
        let length = (self.bytes.len() - start - LENGTH_BYTES) as u32;
        self.bytes[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        self.count += 1;
    }

    /// Appends a record that is encoded already, as a log gives it back. It need not be a valid one.
    pub fn push_encoded(&mut self, record: &[u8]) {
        self.bytes.put_u32_le(record.len() as u32);
        self.bytes.put_slice(record);
        self.count += 1;
    }

    /// How many records were gathered.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether none was.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Hands the batch over and begins a new one.
    pub fn take(&mut self) -> RecordBatch {
        let count = std::mem::take(&mut self.count);
        RecordBatch {
            bytes: self.bytes.split().freeze(),
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SessionId, UserId};
    use crate::record::SessionEnded;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn record(byte: u8) -> Record<'static> {
        Record::SessionEnded(SessionEnded {
            session_id: SessionId::from_bytes([byte; 16]),
            user_id: UserId::from_bytes([byte; 16]),
            expires_at: Timestamp::from_millis(u64::from(byte)),
        })
    }

    proptest! {
        #[test]
        fn records_come_back_in_order(ids in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut builder = RecordBatchBuilder::default();
            ids.iter().for_each(|&id| builder.push(&record(id)));
            let batch = builder.take();
            prop_assert!(builder.is_empty());
            let read = RecordBatch::from_bytes(batch.as_bytes().clone()).expect("whole");
            prop_assert_eq!(&read, &batch);
            let back: Vec<_> = read.iter().collect();
            prop_assert_eq!(back.len(), ids.len());
            for (bytes, &id) in back.iter().zip(&ids) {
                prop_assert_eq!(Record::decode(bytes), Ok(record(id)));
            }
        }

        #[test]
        fn records_go_through_one_by_one_whatever_they_hold(
            records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..20),
        ) {
            let mut builder = RecordBatchBuilder::default();
            records.iter().for_each(|record| builder.push_encoded(record));
            let mut batch = builder.take();
            prop_assert_eq!(RecordBatch::from_bytes(batch.as_bytes().clone()), Ok(batch.clone()));
            for (taken, record) in records.iter().enumerate() {
                prop_assert_eq!(batch.len() as usize, records.len() - taken);
                prop_assert_eq!(batch.first(), Some(&record[..]));
                batch.remove_first();
            }
            prop_assert!(batch.is_empty());
            prop_assert_eq!(batch.first(), None);
            batch.remove_first();
            prop_assert!(batch.is_empty());
        }

        #[test]
        fn a_cut_batch_is_refused(cut in 1usize..40) {
            let mut builder = RecordBatchBuilder::default();
            builder.push(&record(1));
            let bytes = builder.take().as_bytes().clone();
            let cut = bytes.slice(..bytes.len() - cut.min(bytes.len() - 1));
            prop_assert_eq!(RecordBatch::from_bytes(cut), Err(TornBatch));
        }
    }
}
