use super::*;
use crate::mesh::command::asker::Waiting;
use proptest::prelude::*;
use rookery_schema::ShardId;

fn message(n: u64) -> MessageId {
    MessageId::from_bytes(u128::from(n).to_be_bytes())
}

fn send(window: &DedupWindow, client_id: &str, content: &str) -> KeyedSend {
    let (chat, sender) = (ChatId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
    window.keyed(chat, sender, client_id, content)
}

const ASKER: Asker = Asker {
    shard: ShardId(0),
    waiting: Waiting::Inbox { gather: 0 },
};

/// Sends with these client ids, `stride` records apart, of which those before `from` fill the
/// window again after a start; which of the others are applied.
fn decide(ids: &[u8], stride: u64, from: usize) -> Vec<bool> {
    let mut window = DedupWindow::new(7);
    let kept_at = (from as u64 * stride).saturating_sub(DEDUP_WINDOW_RECORDS);
    let mut decisions = Vec::new();
    for (id, offset) in ids.iter().zip((0..).step_by(stride as usize)) {
        if offset >= kept_at {
            // What it says does not decide: a log from before contents were compared counts as it did.
            let send = send(&window, &id.to_string(), &offset.to_string());
            decisions.push(window.apply(send, Offset(offset), message(offset)).is_first);
        }
    }
    decisions.split_off(decisions.len() - (ids.len() - from))
}

proptest! {
    /// A send is a repeat if there is one with its id less than a window before it, wherever the
    /// replay began, as long as that was a window or more before.
    #[test]
    fn decides_the_same_at_every_start(
        ids in proptest::collection::vec(0u8..12, 1..200),
        stride in 1u64..(DEDUP_WINDOW_RECORDS / 8),
        from in any::<proptest::sample::Index>(),
    ) {
        let is_first = |index: usize| {
            let before = ids[..index].iter().rposition(|id| *id == ids[index]);
            before.is_none_or(|before| (index - before) as u64 * stride >= DEDUP_WINDOW_RECORDS)
        };
        let expected: Vec<bool> = (0..ids.len()).map(is_first).collect();
        prop_assert_eq!(decide(&ids, stride, 0), &expected[..]);
        let from = from.index(ids.len());
        prop_assert_eq!(decide(&ids, stride, from), &expected[from..]);
    }
}

#[test]
fn a_full_window_takes_no_more_than_its_bound() {
    let mut window = DedupWindow::new(7);
    for offset in 0..DEDUP_WINDOW_RECORDS + 1000 {
        let send = KeyedSend {
            key: DedupKey([offset, 0]),
            content: ContentHash(offset),
        };
        window.apply(send, Offset(offset), message(offset));
    }
    assert_eq!(window.applied.len() as u64, DEDUP_WINDOW_RECORDS);
    let entry = size_of::<(DedupKey, (Offset, MessageId))>() + 1;
    // A hash table of so many entries has twice the places.
    let bytes = 2 * DEDUP_WINDOW_RECORDS as usize * entry
        + window.by_offset.capacity() * size_of::<Remembered>();
    assert!(window.applied.capacity() <= 2 * DEDUP_WINDOW_RECORDS as usize);
    assert!(bytes <= 228 << 20, "{bytes}");
}

#[test]
fn tries_in_flight_share_one_outcome() {
    let mut window = DedupWindow::new(7);
    let send = send(&window, "a", "hi");
    assert_eq!(window.repeat(send, ASKER), Repeat::None);
    window.begin(send, message(1), ASKER);
    assert_eq!(window.repeat(send, ASKER), Repeat::Joined);
    assert_eq!(window.take_askers(send.key).len(), 2);
    assert_eq!(
        window.repeat(send, ASKER),
        Repeat::Joined,
        "nobody knows yet"
    );
    let (yields, askers) = window.confirm(send.key, true, 0);
    assert_eq!(yields, Some(message(1)));
    assert_eq!(askers.len(), 1, "those who joined since");
    assert_eq!(window.repeat(send, ASKER), Repeat::Of(message(1)));
    assert!(window.apply(send, Offset(5), message(1)).is_first);
    assert_eq!(window.repeat(send, ASKER), Repeat::Of(message(1)));
}

#[test]
fn a_repeat_in_the_log_is_answered_with_the_first_message() {
    let mut window = DedupWindow::new(7);
    let send = send(&window, "a", "hi");
    assert!(window.apply(send, Offset(5), message(1)).is_first);
    window.begin(send, message(2), ASKER);
    let second = window.apply(send, Offset(6), message(2));
    assert!(!second.is_first);
    assert_eq!(second.yields, Some(message(1)));
    assert_eq!(second.askers.len(), 1);
    assert_eq!(window.repeat(send, ASKER), Repeat::Of(message(1)));
}

#[test]
fn an_abandoned_try_can_be_made_again() {
    let mut window = DedupWindow::new(7);
    let [hi, ho] = ["hi", "ho"].map(|content| send(&window, "a", content));
    window.begin(hi, message(1), ASKER);
    assert_eq!(window.abandon(hi.key).len(), 1);
    assert_eq!(window.repeat(ho, ASKER), Repeat::None, "also another way");
}

#[test]
fn the_same_id_with_other_content_conflicts() {
    let mut window = DedupWindow::new(7);
    let [hi, ho] = ["hi", "ho"].map(|content| send(&window, "a", content));
    assert_eq!(hi.key, ho.key);
    window.begin(hi, message(1), ASKER);
    assert_eq!(window.repeat(ho, ASKER), Repeat::Conflicting, "in flight");
    assert_eq!(window.doubt(hi.key).len(), 1, "it has not joined");
    assert_eq!(window.repeat(ho, ASKER), Repeat::Conflicting, "doubtful");
    assert_eq!(window.repeat(hi, ASKER), Repeat::None);
    window.begin(hi, message(2), ASKER);
    window.confirm(hi.key, true, 0);
    assert_eq!(window.repeat(ho, ASKER), Repeat::Conflicting, "durable");
    for offset in [Offset(5), Offset(6)] {
        window.apply(hi, offset, message(2));
        assert_eq!(window.repeat(ho, ASKER), Repeat::Conflicting, "applied");
        assert_eq!(window.repeat(hi, ASKER), Repeat::Of(message(2)));
    }
    let behind = Offset(6 + DEDUP_WINDOW_RECORDS);
    window.apply(send(&window, "b", "hi"), behind, message(3));
    assert_eq!(window.repeat(ho, ASKER), Repeat::None, "forgotten");
}

#[test]
fn which_try_is_the_first_shows_when_it_is_applied() {
    for first in [message(1), message(2)] {
        let mut window = DedupWindow::new(7);
        let send = send(&window, "a", "hi");
        window.begin(send, message(1), ASKER);
        window.doubt(send.key);
        window.begin(send, message(2), ASKER);
        assert_eq!(window.confirm(send.key, true, 10), (None, vec![]));
        assert_eq!(window.take_overdue(10, 10), []);
        assert_eq!(window.take_overdue(11, 20), [ASKER]);
        for _ in 0..2 {
            assert_eq!(window.repeat(send, ASKER), Repeat::Joined);
        }
        assert_eq!(window.take_overdue(20, 20), [], "they have just come");
        let mut applied = window.apply(send, Offset(5), first);
        assert_eq!(applied.yields, Some(first));
        if first == message(1) {
            assert!(applied.askers.is_empty());
            applied = window.apply(send, Offset(6), message(2));
            assert_eq!((applied.is_first, applied.yields), (false, Some(first)));
        }
        assert_eq!(applied.askers, [ASKER, ASKER]);
        assert!(window.in_flight.is_empty());
    }
}

#[test]
fn a_try_in_doubt_is_over_when_another_is_applied() {
    let mut window = DedupWindow::new(7);
    let send = send(&window, "a", "hi");
    for n in [1, 2] {
        window.begin(send, message(n), ASKER);
        window.doubt(send.key);
    }
    window.apply(send, Offset(5), message(1));
    assert!(window.in_flight.is_empty());
}

/// As where an earlier owner's append lands while this one's is in flight.
#[test]
fn what_an_earlier_record_says_differently_yields_nothing() {
    let mut window = DedupWindow::new(7);
    let [hi, ho] = ["hi", "ho"].map(|content| send(&window, "a", content));
    window.begin(ho, message(2), ASKER);
    assert!(window.apply(hi, Offset(5), message(1)).is_first);
    let (yields, askers) = window.confirm(ho.key, false, 0);
    assert_eq!((yields, askers.len()), (None, 1));
    let applied = window.apply(ho, Offset(6), message(2));
    assert!(!applied.is_first);
    assert_eq!(applied.yields, None);
    assert_eq!(window.repeat(hi, ASKER), Repeat::Of(message(1)));
    assert_eq!(window.repeat(ho, ASKER), Repeat::Conflicting);
}
