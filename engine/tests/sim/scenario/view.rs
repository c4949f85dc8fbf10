//! What a client shows that applies the events which it gets, in order of their seqs, as docs/api.md says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scenario::device::Chat;

/// A chat as a client shows it that has its newest events.
#[derive(Default)]
pub(super) struct View {
    /// The seq of the first event that it has.
    from: u64,
    /// By id.
    messages: BTreeMap<String, Message>,
    /// Those of whom the events tell, and whether they are in the chat.
    members: BTreeMap<String, bool>,
}

#[derive(Debug, PartialEq, Eq)]
struct Message {
    seq: u64,
    sender: Value,
    content: String,
    is_edited: bool,
    is_deleted: bool,
    /// Who reacted, by emoji.
    reactions: Vec<(String, Vec<String>)>,
}

impl View {
    pub(super) fn of(chat: &Chat) -> Self {
        let mut view = Self {
            from: chat.newest().next().map_or(0, |(seq, _)| seq),
            ..Self::default()
        };
        for (seq, event) in chat.newest() {
            view.apply(seq, event);
        }
        view
    }

    fn apply(&mut self, seq: u64, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let amended = |it: &Value| it["message_id"].as_str().map(str::to_owned);
        let kind = text("type");
        if kind == "message" {
            self.messages
                .insert(text("message_id"), Message::shown(seq, event));
            return;
        }
        match kind.as_str() {
            "member_added" => {
                self.members.insert(text("user_id"), true);
            }
            "member_removed" => {
                self.members.insert(text("user_id"), false);
            }
            "messages_erased" => {
                let theirs = |it: &&mut Message| it.sender == event["user_id"];
                self.messages
                    .values_mut()
                    .filter(theirs)
                    .for_each(Message::delete);
            }
            _ => {}
        }
        // It may amend a message that was posted before all events that the client has.
        let message = amended(event).and_then(|id| self.messages.get_mut(&id));
        let Some(message) = message.filter(|it| !it.is_deleted) else {
            return;
        };
        match kind.as_str() {
            "message_edited" if event.get("superseded").is_none() => {
                message.content = text("content");
                message.is_edited = true;
            }
            "message_deleted" => message.delete(),
            "reaction_added" => message.react(text("emoji"), text("user_id")),
            "reaction_removed" => message.take_back(&text("emoji"), &text("user_id")),
            _ => {}
        }
    }

    /// Asserts that it shows what history and the list of members do.
    pub(super) fn check(&self, history: &[Value], members: &[Value]) {
        let shown = history.iter().map(|it| {
            let id = it["message_id"].as_str().unwrap();
            (id, Message::shown(it["seq"].as_u64().unwrap(), it).sorted())
        });
        let shown: BTreeMap<&str, Message> = shown.filter(|(_, it)| it.seq >= self.from).collect();
        let mine = self.messages.iter();
        let mine: BTreeMap<&str, Message> =
            mine.map(|(id, it)| (id.as_str(), it.sorted())).collect();
        assert_eq!(mine, shown);
        for (id, is_in) in &self.members {
            assert_eq!(members.contains(&json!(id)), *is_in, "{id} in {members:?}");
        }
    }
}

impl Message {
    /// As an event or a page of history shows it.
    fn shown(seq: u64, message: &Value) -> Self {
        let mut shown = Self {
            seq,
            sender: message["sender_id"].clone(),
            content: message["content"].as_str().unwrap().to_owned(),
            is_edited: message.get("edited_at").is_some(),
            is_deleted: message.get("deleted").is_some(),
            reactions: Vec::new(),
        };
        let reactions = message["reactions"].as_array();
        for reaction in reactions.into_iter().flatten() {
            for user in reaction["users"].as_array().unwrap() {
                let text = |it: &Value| it.as_str().unwrap().to_owned();
                shown.react(text(&reaction["emoji"]), text(user));
            }
        }
        shown
    }

    fn delete(&mut self) {
        self.content.clear();
        self.is_edited = false;
        self.is_deleted = true;
        self.reactions.clear();
    }

    fn react(&mut self, emoji: String, user: String) {
        match self.reactions.iter_mut().find(|it| it.0 == emoji) {
            Some((_, users)) if users.contains(&user) => {}
            Some((_, users)) => users.push(user),
            None => self.reactions.push((emoji, vec![user])),
        }
    }

    fn take_back(&mut self, emoji: &str, user: &str) {
        for (_, users) in self.reactions.iter_mut().filter(|it| it.0 == emoji) {
            users.retain(|it| it != user);
        }
        self.reactions.retain(|it| !it.1.is_empty());
    }

    /// With its reactions in an order that does not tell which came first.
    fn sorted(&self) -> Self {
        let mut reactions = self.reactions.clone();
        reactions.iter_mut().for_each(|it| it.1.sort_unstable());
        reactions.sort_unstable();
        Self {
            sender: self.sender.clone(),
            content: self.content.clone(),
            reactions,
            ..*self
        }
    }
}
