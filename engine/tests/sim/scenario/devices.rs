//! Devices that come back again and again, and resume: in the end each has every event that its user was to see, once.

use std::collections::BTreeSet;

use rookery_testing::ws::{handshake_to, text_frame};
use serde_json::{Value, json};

use crate::scenario::Scenario;
use crate::scenario::device::{Chat, Connection, Device};
use crate::scenario::state::Standing;
use crate::scenario::view::View;
use crate::wires::WireId;

/// Microseconds for which a socket is sent nothing before it resumes.
const HELD_MICROS: u64 = 5_000_000;
/// Microseconds for which a home knows at least which event was sent first.
const NOTED_MICROS: u64 = 30_000_000;
/// So much more a device says that it has which has more than there is.
const AHEAD: u64 = 1 << 20;
/// Devices, of as many users.
const DEVICES: usize = 4;

impl Scenario {
    pub(super) fn devices() -> Vec<Device> {
        let device = |user| Device {
            user,
            ..Device::default()
        };
        (0..DEVICES).map(device).collect()
    }

    /// Some device connects, or resumes at last, or its connection breaks.
    pub(super) fn use_device(&mut self) {
        let index = self.world.dice.below(DEVICES);
        match &mut self.devices[index].connection {
            Some(connection) if self.world.wire(connection.wire).open => {
                if connection.may_resume {
                    // What was held may come by now.
                    connection.is_in_order = false;
                    return self.resume_device(index);
                }
                let wire = connection.wire;
                self.world.disconnect(wire);
            }
            Some(_) | None => {
                let is_in_order = self.world.dice.one_in(2);
                let resumes_at_once = !self.world.dice.one_in(4);
                self.connect_device(index, is_in_order, resumes_at_once);
            }
        }
    }

    /// Every device connects that is not connected: it hears what is said last.
    pub(super) fn connect_devices(&mut self) {
        for index in 0..DEVICES {
            let connection = self.devices[index].connection.as_ref();
            let wire = connection.map(|it| it.wire);
            if !wire.is_some_and(|wire| self.world.wire(wire).open) {
                self.connect_device(index, true, true);
            }
        }
    }

    fn connect_device(&mut self, index: usize, is_in_order: bool, resumes_at_once: bool) {
        let user = self.devices[index].user;
        self.devices[index].connection = None;
        let Some(credentials) = self.credentials(user) else {
            return;
        };
        let id = &self.users[user].id;
        let query = if is_in_order { "?resume=1" } else { "" };
        let path = format!("/ws/connect/{id}{query}");
        let wire = self.world.connect();
        self.world.send(wire, &handshake_to(&path, &credentials));
        self.devices[index].connection = Some(Connection {
            wire,
            is_accepted: false,
            is_in_order,
            began_micros: self.world.micros,
            resumes_at_once,
            may_resume: false,
            beside: BTreeSet::new(),
            again: BTreeSet::new(),
            ahead: BTreeSet::new(),
            came: BTreeSet::new(),
        });
    }

    /// Takes what came to devices.
    pub(super) fn hear_devices(&mut self) {
        for index in 0..DEVICES {
            let Some(connection) = &self.devices[index].connection else {
                continue;
            };
            let wire = connection.wire;
            if !connection.is_accepted && !self.is_device_accepted(index, wire) {
                continue;
            }
            for event in self.world.wire(wire).texts() {
                self.device_hears(index, &event);
            }
        }
    }

    fn is_device_accepted(&mut self, index: usize, wire: WireId) -> bool {
        let Some(reply) = self.world.wire(wire).next_http() else {
            return false;
        };
        let is_accepted = reply.status == 101;
        assert!(is_accepted || self.is_refusal(&reply), "{reply:?}");
        if !is_accepted {
            self.world.disconnect(wire);
        }
        if let Some(connection) = &mut self.devices[index].connection {
            connection.is_accepted = is_accepted;
        }
        is_accepted
    }

    fn device_hears(&mut self, index: usize, event: &Value) {
        let device = &mut self.devices[index];
        let user_id = self.users[device.user].id.as_str();
        let connection = device.connection.as_mut().unwrap();
        let is_late = self.world.micros >= connection.began_micros + HELD_MICROS;
        if connection.came.is_empty() && is_late {
            // It may have been let in before it resumed.
            connection.is_in_order = false;
        }
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        match (text("type").unwrap().as_str(), event["seq"].as_u64()) {
            ("ready", _) if connection.resumes_at_once => self.resume_device(index),
            ("ready", _) => connection.may_resume = true,
            ("typing", None) => {}
            ("resumed", Some(seq)) => {
                let chat_id = text("chat_id").unwrap();
                let is_ahead = connection.ahead.remove(&chat_id);
                assert!(!is_ahead || event["recovered"] == false, "{event}");
                if device.deleted.contains(&chat_id) {
                    return;
                }
                if event["recovered"] == false {
                    // What lies behind is paged, and not of interest here.
                    device.chats.remove(&chat_id);
                } else {
                    let chat = device.chats.entry(chat_id).or_default();
                    assert!(chat.whole_until(user_id) >= seq, "resumed up to {event}");
                }
            }
            ("read", Some(_)) => {}
            ("error", _) => panic!("{event}"),
            (kind, Some(seq)) => {
                let chat_id = text("chat_id").unwrap();
                let is_new = connection.came.insert((chat_id.clone(), seq));
                let is_back = kind == "member_added" && event["user_id"] == user_id;
                // By then it may be forgotten which event was sent first.
                let is_long_ago = self.world.micros >= connection.began_micros + NOTED_MICROS;
                let is_gone = kind == "member_removed" && event["user_id"] == user_id;
                if is_back || is_gone && is_long_ago {
                    connection.again.insert(chat_id.clone());
                }
                let may_repeat = connection.again.contains(&chat_id);
                assert!(
                    is_new || may_repeat,
                    "a second time on one connection: {event}"
                );
                assert!(!device.deleted.contains(&chat_id) || kind == "chat_deleted");
                if kind == "chat_deleted" {
                    // What lies between is gone.
                    device.chats.remove(&chat_id);
                    device.deleted.insert(chat_id);
                    return;
                }
                let chat = device.chats.entry(chat_id.clone()).or_default();
                let is_in_order = connection.is_in_order && !connection.beside.contains(&chat_id);
                assert!(!is_in_order || chat.last() < seq, "out of order: {event}");
                let (was_left, last) = (chat.is_whole_and_left_by(user_id), chat.last());
                chat.events.insert(seq, event.clone());
                if is_back && was_left && seq > last + 1 && !connection.may_resume {
                    // What was said meanwhile.
                    connection.beside.insert(chat_id.clone());
                    let wire = connection.wire;
                    self.send_resume(wire, &[(chat_id, last)]);
                }
            }
            other => panic!("unexpected {other:?}: {event}"),
        }
    }

    /// A device says what it has, in one message or in two; or that it has more than there is.
    fn resume_device(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let user_id = self.users[device.user].id.as_str();
        let connection = device.connection.as_mut().unwrap();
        connection.may_resume = false;
        let (wire, is_in_order) = (connection.wire, connection.is_in_order);
        let mut has = Vec::new();
        for (id, chat) in &mut device.chats {
            let until = chat.whole_until(user_id);
            if is_in_order {
                // What lies behind a gap comes again.
                chat.events.split_off(&(until + 1));
            }
            let is_ahead = self.world.dice.one_in(16);
            if is_ahead {
                connection.ahead.insert(id.clone());
            }
            has.push((id.clone(), if is_ahead { until + AHEAD } else { until }));
        }
        let first = self.world.dice.below(has.len() + 1);
        let (first, second) = has.split_at(first);
        connection.beside = second.iter().map(|(id, _)| id.clone()).collect();
        self.send_resume(wire, first);
        self.send_resume(wire, second);
    }

    fn send_resume(&mut self, wire: WireId, chats: &[(String, u64)]) {
        let chats = chats.iter().map(|(id, seq)| (id.clone(), json!(seq)));
        let chats: serde_json::Map<String, Value> = chats.collect();
        let text = json!({"type": "resume", "chats": chats}).to_string();
        self.world.send(wire, &text_frame(&text));
    }

    /// In the end every device has all, up to the newest event, of rooms that its user is in.
    pub(super) fn check_devices(&mut self) {
        for index in 0..DEVICES {
            if let Some(connection) = &self.devices[index].connection {
                let wire = connection.wire;
                self.world.disconnect(wire);
            }
            self.connect_device(index, true, true);
        }
        for _ in 0..2 {
            self.world.settle();
            self.hear();
        }
        for room in 0..self.rooms.len() {
            self.post_as(self.rooms[room].host(), room);
        }
        self.world.settle();
        self.hear();
        let histories: Vec<Vec<Value>> = (0..self.rooms.len()).map(|it| self.history(it)).collect();
        let members: Vec<Vec<Value>> = (0..self.rooms.len()).map(|it| self.listed(it)).collect();
        for device in &self.devices {
            let connection = device.connection.as_ref();
            let is_open = connection.is_some_and(|it| self.world.wire(it.wire).open);
            if !is_open {
                // They are not logged in.
                continue;
            }
            let user_id = self.users[device.user].id.as_str();
            for (index, room) in self.rooms.iter().enumerate() {
                let chat = device.chats.get(&room.id);
                if let Some(chat) = chat {
                    let (until, last) = (chat.whole_until(user_id), chat.last());
                    assert_eq!(until, last, "user {} has a gap", device.user);
                }
                if room.standing(device.user) == Standing::In {
                    let head = self.world.store.head(room.id.parse().unwrap());
                    assert_eq!(chat.map(Chat::last), Some(head.0), "user {}", device.user);
                    View::of(chat.unwrap()).check(&histories[index], &members[index]);
                }
            }
        }
    }
}
