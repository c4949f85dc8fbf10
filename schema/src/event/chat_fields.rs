//! Fields that tell of a chat: its events have them, and what shows the chat.

use bytes::BufMut;

use crate::event::json::{put_json_text, put_number, put_user_id, put_user_ids};
use crate::ids::UserId;
use crate::limits::MEMBERS_SHOWN_MAX;
use crate::roles::{History, Role, Settings};

/// Appends the field of a chat that says that it is a direct chat, where it is one.
pub fn put_direct(out: &mut Vec<u8>, is_direct: bool) {
    if is_direct {
        out.put_slice(br#","direct":true"#);
    }
}

/// Appends the fields of a chat that tell of its members: the first of them, and how many there are.
pub fn put_members(out: &mut Vec<u8>, count: usize, members: impl Iterator<Item = UserId>) {
    out.put_slice(br#","members":"#);
    put_user_ids(out, members.take(MEMBERS_SHOWN_MAX));
    out.put_slice(br#","member_count":"#);
    put_number(out, count as u64);
}

/// Appends the fields of a chat that tell who of those members who are shown has another role than that of a member.
pub fn put_roles(out: &mut Vec<u8>, roles: impl Iterator<Item = (UserId, Role)>) {
    out.put_slice(br#","roles":{"#);
    for (index, (user_id, role)) in roles.enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        put_user_id(out, user_id);
        out.put_slice(br#":""#);
        out.put_slice(role.name().as_bytes());
        out.put_u8(b'"');
    }
    out.put_u8(b'}');
}

/// Appends the fields of a chat that admins may change, but for its name.
pub fn put_settings(out: &mut Vec<u8>, settings: &Settings) {
    out.put_slice(br#","description":"#);
    put_json_text(out, &settings.description);
    put_members_may_add(out, settings.members_may_add);
    put_history(out, settings.history);
}

pub(super) fn put_members_may_add(out: &mut Vec<u8>, members_may_add: bool) {
    out.put_slice(br#","members_may_add":"#);
    out.put_slice(if members_may_add { b"true" } else { b"false" });
}

pub(super) fn put_history(out: &mut Vec<u8>, history: History) {
    out.put_slice(br#","history":""#);
    out.put_slice(history.name().as_bytes());
    out.put_u8(b'"');
}
