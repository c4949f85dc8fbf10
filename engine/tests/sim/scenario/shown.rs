//! Messages as history shows them, and how it may show those that users have changed.

use std::collections::BTreeMap;

use rookery_schema::MessageId;
use serde_json::Value;

/// A message as history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShownMessage {
    pub(super) seq: u64,
    pub(super) id: String,
    pub(super) content: String,
    pub(super) is_edited: bool,
    pub(super) is_deleted: bool,
}

impl ShownMessage {
    pub(super) fn of(message: &Value) -> Self {
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        let id: MessageId = text("message_id").parse().unwrap();
        let said = id.minted_at().to_string();
        assert_eq!(text("created_at"), said, "as the reply to its post said");
        Self {
            seq: message["seq"].as_u64().unwrap(),
            id: text("message_id"),
            content: text("content"),
            is_edited: message.get("edited_at").is_some(),
            is_deleted: message.get("deleted").is_some(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Edit(String),
    Delete,
    React,
}

/// What is known of what became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Unknown,
    Done,
    Refused,
}

/// A change of a message that was asked for.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) what: What,
    pub(super) asked: u64,
    pub(super) answered: Option<u64>,
    pub(super) fate: Fate,
}

impl Change {
    /// It is known to have been done before a time.
    fn is_done_before(&self, at: u64) -> bool {
        self.fate == Fate::Done && self.answered.is_some_and(|answered| answered < at)
    }
}

/// When something was asked for, and when it was answered, as ticks.
pub(super) type Asked = (u64, u64);

/// All changes of messages, by the message's id, in the order in which they were asked for.
#[derive(Default)]
pub(super) struct Amendments {
    changes: BTreeMap<String, Vec<Change>>,
    pub(super) authors: BTreeMap<String, usize>,
    ticks: u64,
    contents: usize,
}

impl Amendments {
    /// A moment after all others.
    pub(super) const fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    pub(super) fn new_content(&mut self) -> String {
        self.contents += 1;
        format!("edit {}", self.contents)
    }

    pub(super) fn ask(&mut self, message_id: &str, what: What) -> usize {
        let asked = self.tick();
        let changes = self.changes.entry(message_id.to_owned()).or_default();
        changes.push(Change {
            what,
            asked,
            answered: None,
            fate: Fate::Unknown,
        });
        changes.len() - 1
    }

    pub(super) fn change(&mut self, message_id: &str, index: usize) -> &mut Change {
        &mut self.changes.get_mut(message_id).unwrap()[index]
    }

    pub(super) fn of(&self, message_id: &str) -> &[Change] {
        self.changes
            .get(message_id)
            .map_or(&[], |changes| changes.as_slice())
    }

    /// Whether a message may be shown like this, in a reply that was asked for and answered at these times: with all that
    /// was known to be done before, and with nothing that was not asked for by then.
    pub(super) fn allow(&self, said: &ShownMessage, shown: &ShownMessage, asked: Asked) -> bool {
        let (from, to) = asked;
        if (said.seq, &said.id) != (shown.seq, &shown.id) {
            return false;
        }
        let changes = self.of(&said.id);
        let mut deletions = changes.iter().filter(|it| it.what == What::Delete);
        if shown.is_deleted {
            let is_deleted = deletions.any(|it| it.asked < to && it.fate != Fate::Refused);
            return is_deleted && shown.content.is_empty() && !shown.is_edited;
        }
        if deletions.any(|it| it.is_done_before(from)) {
            return false;
        }
        let is_superseded = |since: u64| {
            let is_edit = |it: &&Change| matches!(it.what, What::Edit(_));
            let mut edits = changes.iter().filter(is_edit);
            edits.any(|it| it.asked > since && it.is_done_before(from))
        };
        if !shown.is_edited {
            return shown.content == said.content && !is_superseded(0);
        }
        let is_it = |it: &&Change| it.what == What::Edit(shown.content.clone());
        changes.iter().find(is_it).is_some_and(|edit| {
            let done = edit.answered.filter(|_| edit.fate == Fate::Done);
            let is_old = done.is_some_and(is_superseded);
            edit.asked < to && edit.fate != Fate::Refused && !is_old
        })
    }
}
