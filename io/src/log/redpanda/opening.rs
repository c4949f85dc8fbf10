//! From where a partition is read: what the brokers have of it, what is committed, and what the store
//! has must go together.

use rookery_engine::port::Opened;
use rookery_schema::{Offset, PartitionId};

use super::error::RedpandaError;
use crate::log::stored::Stored;

/// What the brokers have of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// The oldest record that is kept.
    pub(super) low: Offset,
    /// Behind the newest record.
    pub(super) high: Offset,
    /// Up to where the store was, where that was ever noted.
    pub(super) committed: Option<Offset>,
}

/// From where to read, or why not at all.
pub(super) fn open(
    topic: &str,
    partition: PartitionId,
    found: Found,
    stored: Stored,
    window_records: u64,
) -> Result<Opened, RedpandaError> {
    let Found {
        low,
        high,
        committed,
    } = found;
    let topic = || topic.to_owned();
    let stored = stored.offset();
    let reached = stored.max(committed.unwrap_or_default());
    if reached > high {
        return Err(RedpandaError::BehindStore {
            topic: topic(),
            partition,
            end: high,
            stored: reached,
        });
    }
    if let Some(committed) = committed.filter(|&committed| committed < low) {
        return Err(RedpandaError::Removed {
            topic: topic(),
            partition,
            start: low,
            committed,
        });
    }
    // A store that lost what was committed gets it again; where that is not known, all there is.
    let committed = committed.unwrap_or(low).min(stored);
    if committed < low {
        return Err(RedpandaError::AheadOfStore {
            topic: topic(),
            partition,
            start: low,
            stored,
        });
    }
    Ok(Opened {
        start: low.max(Offset(committed.0.saturating_sub(window_records))),
        committed,
        end: high,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 100;

    fn opened(
        low: u64,
        high: u64,
        committed: Option<u64>,
        stored: u64,
    ) -> Result<(u64, u64), String> {
        let found = Found {
            low: Offset(low),
            high: Offset(high),
            committed: committed.map(Offset),
        };
        let stored = match stored {
            0 => Stored::Nothing,
            stored => Stored::Below(Offset(stored)),
        };
        match open("t", PartitionId(4), found, stored, WINDOW) {
            Ok(opened) => {
                assert_eq!(opened.end, Offset(high));
                Ok((opened.start.0, opened.committed.0))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_window_below_the_committed_record_is_read_again() {
        assert_eq!(opened(0, 0, None, 0), Ok((0, 0)));
        assert_eq!(opened(0, 900, Some(500), 700), Ok((400, 500)));
        assert_eq!(opened(450, 900, Some(500), 700), Ok((450, 500)));
        assert_eq!(opened(0, 900, Some(900), 900), Ok((800, 900)));
    }

    #[test]
    fn a_store_that_lost_rows_gets_them_again() {
        assert_eq!(opened(0, 900, Some(500), 0), Ok((0, 0)));
        assert_eq!(opened(0, 900, Some(500), 300), Ok((200, 300)));
        assert_eq!(opened(0, 900, None, 700), Ok((0, 0)));
        assert_eq!(opened(600, 900, None, 700), Ok((600, 600)));
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_what_to_do() {
        for (case, text) in [
            (opened(0, 5, None, 9), "ends at offset 5"),
            (opened(0, 5, Some(9), 0), "up to 9"),
            (opened(60, 90, Some(50), 80), "from offset 50 up to 60"),
            (opened(60, 90, None, 50), "only up to 50"),
            (opened(60, 90, Some(80), 50), "only up to 50"),
            (opened(60, 90, Some(80), 0), "partition 4 of topic t"),
        ] {
            let refusal = case.expect_err("it must be refused");
            assert!(refusal.contains(text), "{refusal}");
        }
    }
}
