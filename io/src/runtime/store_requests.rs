//! Requests on their way to the store. Messages are acknowledged by the log, so nobody waits for their rows but lag: they
//! wait a moment for each other, and wake the store's lane once.

use std::collections::VecDeque;
use std::time::Duration;

use rookery_engine::port::{Store, StoreRequest};
use rookery_schema::event::EventKind;
use rookery_schema::row::{EventRow, Row};

/// Microseconds that rows of messages wait for others.
const WAIT_MICROS: u64 = 3_000;
/// Rows of messages that wait for others at most.
const ROWS_MAX: usize = 512;

#[derive(Default)]
pub(super) struct StoreRequests {
    /// Oldest first.
    waiting: VecDeque<StoreRequest>,
    /// Rows among them.
    rows: usize,
    /// Until when they may wait for others, in microseconds; `None` where they go as soon as there is room.
    until_micros: Option<u64>,
}

impl StoreRequests {
    /// Takes what the engine asks for.
    pub(super) fn take(&mut self, requests: impl Iterator<Item = StoreRequest>, now_micros: u64) {
        for request in requests {
            let rows = rows_of_messages(&request);
            if self.waiting.is_empty() {
                self.until_micros = Some(now_micros + WAIT_MICROS);
            }
            self.rows += rows.unwrap_or_default();
            if rows.is_none() || self.rows >= ROWS_MAX {
                self.until_micros = None;
            }
            self.waiting.push_back(request);
        }
    }

    /// Submits, in order and up to the first that is refused, what need not wait any longer.
    pub(super) fn submit(&mut self, store: &mut dyn Store, now_micros: u64) {
        if self.until_micros.is_some_and(|until| now_micros < until) {
            return;
        }
        self.until_micros = None;
        self.rows = 0;
        while let Some(request) = self.waiting.pop_front() {
            if let Err(request) = store.submit(request) {
                return self.waiting.push_front(request);
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether some wait for room in the lane's ring.
    pub(super) fn are_refused(&self) -> bool {
        self.until_micros.is_none() && !self.waiting.is_empty()
    }

    /// When those that wait for others are to be submitted at the latest.
    pub(super) fn due_in(&self, now_micros: u64) -> Option<Duration> {
        let until = self.until_micros.filter(|_| !self.waiting.is_empty())?;
        Some(Duration::from_micros(until.saturating_sub(now_micros)))
    }
}

/// How many rows are written, where nobody waits for them, or for a moment at most: they are of messages, but for how far
/// the log is applied. A change that gave no row, since it is a repeat, may be among them.
fn rows_of_messages(request: &StoreRequest) -> Option<usize> {
    let StoreRequest::Write { rows, .. } = request else {
        return None;
    };
    let mut others = rows
        .iter()
        .filter(|row| !matches!(row, Row::Reached { .. }))
        .peekable();
    let any = others.peek().is_some();
    (any && others.all(is_message)).then_some(rows.len())
}

const fn is_message(row: &Row) -> bool {
    matches!(
        row,
        Row::Event(EventRow {
            kind: EventKind::Message,
            ..
        })
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rookery_engine::port::{Part, Token};
    use rookery_schema::row::Head;
    use rookery_schema::{ChatId, Offset, PartitionId};

    use super::*;

    /// Takes as many as it has room for.
    #[derive(Default)]
    struct Lane {
        room: usize,
        taken: Vec<u64>,
    }

    impl Store for Lane {
        fn submit(&mut self, request: StoreRequest) -> Result<(), StoreRequest> {
            let Some(room) = self.room.checked_sub(1) else {
                return Err(request);
            };
            self.room = room;
            let (StoreRequest::Write { token, .. }
            | StoreRequest::Sync { token }
            | StoreRequest::Read { token, .. }) = request;
            self.taken.push(token.number);
            Ok(())
        }
    }

    /// As the owner of a partition writes: its last row says how far the log is applied.
    fn write(number: u64, kinds: &[EventKind]) -> StoreRequest {
        let row = |&kind| {
            Row::Event(EventRow {
                chat_id: ChatId::from_bytes([1; 16]),
                head: Head::default(),
                record: Bytes::new(),
                kind,
            })
        };
        let reached = Row::Reached {
            partition: PartitionId(0),
            behind: Offset(number),
        };
        StoreRequest::Write {
            token: token(number),
            rows: kinds.iter().map(row).chain([reached]).collect(),
        }
    }

    fn token(number: u64) -> Token {
        Token {
            part: Part::Owner,
            number,
        }
    }

    const fn micros(due: Option<Duration>) -> Option<u128> {
        match due {
            Some(due) => Some(due.as_micros()),
            None => None,
        }
    }

    #[test]
    fn messages_wait_for_each_other_since_the_first_and_go_in_order() {
        let (mut requests, mut lane) = (StoreRequests::default(), Lane::default());
        lane.room = 10;
        for (number, now) in [(1, 100), (2, 200)] {
            requests.take([write(number, &[EventKind::Message])].into_iter(), now);
            requests.submit(&mut lane, now);
        }
        assert_eq!((requests.len(), lane.taken.len()), (2, 0));
        assert!(!requests.are_refused());
        assert_eq!(micros(requests.due_in(200)), Some(2_900));
        requests.submit(&mut lane, 99 + WAIT_MICROS);
        assert!(lane.taken.is_empty());
        requests.submit(&mut lane, 100 + WAIT_MICROS);
        assert_eq!(lane.taken, [1, 2]);
        assert_eq!(requests.due_in(200), None);
    }

    #[test]
    fn whatever_somebody_waits_for_goes_at_once_behind_what_was_asked_for_before() {
        use EventKind::{Message, Other};
        for urgent in [
            write(9, &[Message, Other]),
            write(9, &[]),
            StoreRequest::Sync { token: token(9) },
        ] {
            let (mut requests, mut lane) = (StoreRequests::default(), Lane::default());
            lane.room = 10;
            let asked = [write(1, &[Message]), urgent, write(10, &[Message])];
            requests.take(asked.into_iter(), 0);
            requests.submit(&mut lane, 0);
            assert_eq!(lane.taken, [1, 9, 10]);
        }
    }

    #[test]
    fn many_rows_wait_for_no_more() {
        let (mut requests, mut lane) = (StoreRequests::default(), Lane::default());
        lane.room = 10;
        let many = vec![EventKind::Message; ROWS_MAX - 2];
        requests.take([write(1, &many)].into_iter(), 0);
        requests.submit(&mut lane, 0);
        assert!(lane.taken.is_empty());
        requests.take([write(2, &[EventKind::Message])].into_iter(), 0);
        requests.submit(&mut lane, 0);
        assert_eq!(lane.taken, [1, 2]);
    }

    #[test]
    fn what_is_refused_is_tried_again_and_has_waited_long_enough() {
        let (mut requests, mut lane) = (StoreRequests::default(), Lane::default());
        lane.room = 1;
        let asked = [1, 2].map(|number| write(number, &[EventKind::Message]));
        requests.take(asked.into_iter(), 0);
        requests.submit(&mut lane, WAIT_MICROS);
        assert_eq!(lane.taken, [1]);
        assert!(requests.are_refused() && requests.due_in(0).is_none());
        requests.take([write(3, &[EventKind::Message])].into_iter(), WAIT_MICROS);
        lane.room = 10;
        requests.submit(&mut lane, WAIT_MICROS);
        assert_eq!(lane.taken, [1, 2, 3]);
    }
}
