//! Messages on their way.

use rookery_testing::ws::text_frame;
use serde_json::json;

use crate::scenario::state::{Acknowledgement, Draft};
use crate::scenario::{Scenario, USERS};
use crate::wires::WireId;

impl Scenario {
    /// Somebody posts to a room of theirs.
    pub(super) fn post(&mut self) {
        let room = self.world.dice.below(self.rooms.len());
        let members = self.rooms[room].members();
        let sender = *self.world.dice.pick(&members);
        self.post_as(sender, room);
    }

    /// Gives the content, which nobody has posted before.
    pub(super) fn post_as(&mut self, sender: usize, room: usize) -> String {
        self.last += 1;
        let content = format!("m{}", self.last);
        self.drafts.push(Draft {
            content: content.clone(),
            room,
            sender,
            wire: None,
        });
        self.send_draft(self.drafts.len() - 1);
        content
    }

    /// Somebody posts to the first room, and waits until nothing happens any more; the status of the reply.
    pub(super) fn post_now(&mut self) -> Option<u16> {
        self.last += 1;
        let content = format!("m{}", self.last);
        let sender = self.rooms[0].host();
        let wire = self.send_over_http(sender, 0, &content)?;
        while self.world.advance() {}
        let reply = self.answer(wire)?;
        if reply.status == 200 {
            let id = reply.json()["message_id"].as_str().unwrap().to_owned();
            self.amendments.authors.insert(id.clone(), sender);
            self.acknowledged.insert(content.clone(), (0, id));
        } else {
            assert!(self.is_refusal(&reply), "{reply:?}");
            let (room, wire) = (0, None);
            self.drafts.push(Draft {
                content,
                room,
                sender,
                wire,
            });
        }
        Some(reply.status)
    }

    fn send_over_http(&mut self, sender: usize, room: usize, content: &str) -> Option<WireId> {
        let path = format!("/chats/{}/messages", self.rooms[room].id);
        let body = json!({"content": content, "client_id": content});
        self.ask(sender, "POST", &path, Some(&body))
    }

    /// Sends a draft over HTTP, or over a WebSocket of its sender where they have one.
    pub(super) fn send_draft(&mut self, index: usize) {
        let draft = &self.drafts[index];
        let (room, sender, content) = (draft.room, draft.sender, draft.content.clone());
        let is_open = |wire: &WireId| self.world.wire(*wire).open;
        let sockets = self
            .listeners
            .iter()
            .filter(|it| it.user == sender && it.ready);
        let socket = sockets.map(|it| it.wire).find(is_open);
        if let Some(wire) = socket
            && self.world.dice.one_in(2)
        {
            let room = &self.rooms[room].id;
            let text = json!({
                "type": "send", "chat_id": room, "content": content, "client_id": content
            });
            self.world.send(wire, &text_frame(&text.to_string()));
            self.drafts[index].wire = Some(wire);
            return;
        }
        self.drafts[index].wire = self.send_over_http(sender, room, &content);
    }

    /// Sends some draft again, of which nobody may know what became of it.
    pub(super) fn retry(&mut self) {
        if self.drafts.is_empty() {
            return;
        }
        let index = self.world.dice.below(self.drafts.len());
        let wire = self.drafts[index].wire;
        if wire.is_none_or(|wire| !self.world.wire(wire).open) || self.world.dice.one_in(4) {
            self.send_draft(index);
        }
    }

    /// Takes the replies to drafts that were sent over HTTP; what they acknowledge.
    pub(super) fn hear_posts(&mut self) -> Vec<Acknowledgement> {
        let mut acknowledged = Vec::new();
        for index in 0..self.drafts.len() {
            let Some(wire) = self.drafts[index].wire else {
                continue;
            };
            if self.listeners.iter().any(|listener| listener.wire == wire) {
                continue;
            }
            let Some(reply) = self.answer(wire) else {
                continue;
            };
            let draft = &mut self.drafts[index];
            draft.wire = None;
            if reply.status == 200 {
                let id = reply.json()["message_id"].as_str().unwrap().to_owned();
                acknowledged.push((draft.content.clone(), id));
            } else {
                assert!(self.is_refusal(&reply), "{reply:?}");
            }
        }
        acknowledged
    }

    pub(super) fn acknowledge(&mut self, acknowledged: Vec<Acknowledgement>) {
        for (content, id) in acknowledged {
            let is_it = |draft: &Draft| draft.content == content;
            if let Some(index) = self.drafts.iter().position(is_it) {
                let draft = self.drafts.remove(index);
                self.amendments.authors.insert(id.clone(), draft.sender);
                self.acknowledged.insert(content, (draft.room, id));
            } else {
                let first = &self.acknowledged[&content].1;
                assert_eq!(*first, id, "a repeat has the first one's id");
            }
        }
    }

    /// Everything that was sent on a connection that is open was answered.
    pub(super) fn check_answered(&mut self) {
        for draft in &self.drafts {
            let Some(wire) = draft.wire else { continue };
            let socket = self.listeners.iter().find(|it| it.wire == wire);
            let is_refused = socket.is_some_and(|it| it.refused.contains(&draft.content));
            let is_open = self.world.wire(wire).open;
            assert!(is_refused || !is_open, "{} was not answered", draft.content);
        }
    }

    /// Retries every draft with its client id until all are acknowledged, and everybody is logged in.
    pub(super) fn finish(&mut self) {
        self.world.end_moves();
        for _ in 0..20 {
            self.world.settle();
            self.hear();
            (0..USERS).for_each(|user| self.check_passwords(user));
            self.log_all_in();
            if self.drafts.is_empty() && self.are_all_in() {
                return;
            }
            for index in 0..self.drafts.len() {
                self.send_draft(index);
            }
        }
        panic!(
            "{} drafts were never acknowledged, or somebody could not log in",
            self.drafts.len()
        );
    }
}
