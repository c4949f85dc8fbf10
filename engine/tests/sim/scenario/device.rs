//! A client that comes back again and again, and what it has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::wires::WireId;

/// A client that keeps what it got.
#[derive(Default)]
pub(super) struct Device {
    pub(super) user: usize,
    pub(super) connection: Option<Connection>,
    pub(super) chats: BTreeMap<String, Chat>,
    /// Those of which it heard that they were deleted.
    pub(super) deleted: BTreeSet<String>,
}

pub(super) struct Connection {
    pub(super) wire: WireId,
    /// It has become a WebSocket.
    pub(super) is_accepted: bool,
    /// It gets nothing before it resumes, and then all in order; unless it does so late.
    pub(super) is_in_order: bool,
    pub(super) began_micros: u64,
    /// It tells what its device has as soon as it may.
    pub(super) resumes_at_once: bool,
    /// It may tell what its device has, and has not.
    pub(super) may_resume: bool,
    /// Chats that it named when their events came already: what lies below these comes beside them.
    pub(super) beside: BTreeSet<String>,
    /// Chats that it named again, or whose user came back to them meanwhile, or left them long after it was ready: of these, some
    /// events may come twice.
    pub(super) again: BTreeSet<String>,
    /// Chats of which it said that it has more than there is.
    pub(super) ahead: BTreeSet<String>,
    /// What came over it.
    pub(super) came: BTreeSet<(String, u64)>,
}

/// The events of a chat that a device has, by seq.
#[derive(Default)]
pub(super) struct Chat {
    pub(super) events: BTreeMap<u64, Value>,
}

impl Chat {
    /// The seq up to which there is no gap but where the user was no member.
    pub(super) fn whole_until(&self, user_id: &str) -> u64 {
        let mut events = self.events.iter();
        let Some((&first, mut before)) = events.next() else {
            return 0;
        };
        let mut until = first;
        for (&seq, event) in events {
            let is_about_them = |it: &Value| it["user_id"] == user_id;
            let is_back = before["type"] == "member_removed"
                && event["type"] == "member_added"
                && is_about_them(before)
                && is_about_them(event);
            if seq != until + 1 && !is_back {
                break;
            }
            (until, before) = (seq, event);
        }
        until
    }

    /// Whether the newest event is the removal of a user, and none is missing before it.
    pub(super) fn is_whole_and_left_by(&self, user_id: &str) -> bool {
        let newest = self.events.values().next_back();
        let is_left =
            newest.is_some_and(|it| it["type"] == "member_removed" && it["user_id"] == user_id);
        is_left && self.whole_until(user_id) == self.last()
    }

    /// The newest events, as far as none is missing between them, oldest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = (u64, &Value)> {
        let mut next = self.last();
        let mut from = next;
        for &seq in self.events.keys().rev().take_while(|seq| {
            let follows = **seq == next;
            next = next.wrapping_sub(1);
            follows
        }) {
            from = seq;
        }
        self.events.range(from..).map(|(seq, event)| (*seq, event))
    }

    pub(super) fn last(&self) -> u64 {
        self.events.keys().next_back().copied().unwrap_or_default()
    }
}
