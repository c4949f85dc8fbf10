//! The events that are no message, as JSON.

use bytes::BufMut;

use crate::event::chat_fields::{put_direct, put_history, put_members, put_members_may_add};
use crate::event::json::{put_id, put_json_text, put_number, put_time};
use crate::ids::{ChatId, Seq};
use crate::record::{
    Change, ChatChanged, ChatCreated, ChatDeleted, MembershipChange, MessageAmended, RoleSet,
    SenderErased,
};

pub(super) fn encode_amendment(amended: &MessageAmended<'_>, seq: Seq, out: &mut Vec<u8>) {
    let kind = match amended.change {
        Change::Edited { .. } => "message_edited",
        Change::Deleted { .. } => "message_deleted",
        Change::Reaction { added: true, .. } => "reaction_added",
        Change::Reaction { added: false, .. } => "reaction_removed",
    };
    put_event_start(out, kind, amended.chat_id, seq);
    put_id(
        out,
        br#","message_id":""#,
        amended.target.message_id.as_bytes(),
    );
    out.put_u8(b'"');
    let (who, when): (&[u8], &[u8]) = match amended.change {
        Change::Edited { content, .. } => {
            out.put_slice(br#","content":"#);
            put_json_text(out, content);
            if content.is_empty() {
                out.put_slice(br#","superseded":true"#);
            }
            (br#","by":""#, br#","edited_at":""#)
        }
        Change::Deleted { .. } => (br#","by":""#, br#","deleted_at":""#),
        Change::Reaction { emoji, .. } => {
            out.put_slice(br#","emoji":"#);
            put_json_text(out, emoji);
            (br#","user_id":""#, br#","created_at":""#)
        }
    };
    put_id(out, who, amended.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, when, amended.at);
    out.put_u8(b'}');
}

pub(super) fn encode_chat_created(created: &ChatCreated<'_>, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "chat_created", created.chat_id, seq);
    out.put_slice(br#","name":"#);
    put_json_text(out, created.name);
    put_direct(out, created.is_direct());
    put_members(out, created.members.len(), created.members.iter());
    put_time(out, br#","created_at":""#, created.at);
    out.put_u8(b'}');
}

pub(super) fn encode_membership(
    kind: &str,
    change: &MembershipChange,
    seq: Seq,
    out: &mut Vec<u8>,
) {
    put_event_start(out, kind, change.chat_id, seq);
    put_id(out, br#","user_id":""#, change.user_id.as_bytes());
    put_id(out, br#"","by":""#, change.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","created_at":""#, change.at);
    out.put_u8(b'}');
}

pub(super) fn encode_role(set: &RoleSet, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "role_changed", set.chat_id, seq);
    put_id(out, br#","user_id":""#, set.user_id.as_bytes());
    out.put_slice(br#"","role":""#);
    out.put_slice(set.role.name().as_bytes());
    put_id(out, br#"","by":""#, set.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","created_at":""#, set.at);
    out.put_u8(b'}');
}

pub(super) fn encode_chat_changed(changed: &ChatChanged<'_>, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "chat_changed", changed.chat_id, seq);
    for (field, text) in [
        (&br#","name":"#[..], changed.name),
        (br#","description":"#, changed.description),
    ] {
        if let Some(text) = text {
            out.put_slice(field);
            put_json_text(out, text);
        }
    }
    if let Some(members_may_add) = changed.members_may_add {
        put_members_may_add(out, members_may_add);
    }
    if let Some(history) = changed.history {
        put_history(out, history);
    }
    put_id(out, br#","by":""#, changed.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","created_at":""#, changed.at);
    out.put_u8(b'}');
}

pub(super) fn encode_chat_deleted(deleted: &ChatDeleted, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "chat_deleted", deleted.chat_id, seq);
    put_id(out, br#","by":""#, deleted.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","deleted_at":""#, deleted.at);
    out.put_u8(b'}');
}

pub(super) fn encode_sender_erased(erased: &SenderErased, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "messages_erased", erased.chat_id, seq);
    put_id(out, br#","user_id":""#, erased.user_id.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","deleted_at":""#, erased.at);
    out.put_u8(b'}');
}

fn put_event_start(out: &mut Vec<u8>, kind: &str, chat: ChatId, seq: Seq) {
    out.put_slice(br#"{"type":""#);
    out.put_slice(kind.as_bytes());
    put_id(out, br#"","chat_id":""#, chat.as_bytes());
    out.put_slice(br#"","seq":"#);
    put_number(out, seq.0);
}
