//! Keys and values of the embedded store: whatever is taken for a row is written again as it was, so that nothing of
//! it was passed over.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rookery_io::store::embedded::{codec, run};
use rookery_schema::event::EventKind;
use rookery_schema::row::{
    AmendmentRow, DeletedChatRow, ErasedRow, EventRow, MemberRow, ProfileRow, RoleRow, SessionRow,
    SettingsRow, UserSettingsRow,
};
use rookery_schema::{ChatId, PartitionId, Seq, SessionId, Timestamp, UserId};

const ID: [u8; 16] = [3; 16];

// The first byte names the table, the second the length of the key.
fuzz_target!(|bytes: &[u8]| {
    let [table, key_len, rest @ ..] = bytes else {
        return;
    };
    let (key, value) = rest.split_at(rest.len().min(usize::from(*key_len)));
    match table % 14 {
        0 => chat(value),
        1 => member(key, value),
        2 => user(value),
        3 => ended_session(key, value),
        4 => events(key, value),
        5 => amendment(key, value),
        6 => name(value),
        7 => role(value),
        8 => settings(value),
        9 => session(value),
        10 => profile(value),
        11 => user_settings(value),
        12 => deleted_chat(value),
        _ => erased_sender(value),
    }
});

fn chat(value: &[u8]) {
    if let Some(row) = codec::chat(ChatId::from_bytes(ID), value) {
        assert_eq!(codec::chat_value(&row), value);
    }
}

fn member(key: &[u8], value: &[u8]) {
    if let (Some(found), Some(asked)) = (codec::found_in_pair(key), key.first_chunk()) {
        assert_eq!(codec::pair_key(asked, &found), key);
    }
    if let Some((added_seq, position)) = codec::member_order(value) {
        let row = MemberRow {
            chat_id: ChatId::from_bytes(ID),
            user_id: UserId::from_bytes(ID),
            position,
            added_seq,
        };
        assert_eq!(codec::member_value(&row), value);
    }
    if let Some(mark) = codec::mark(value) {
        assert_eq!(codec::mark_value(mark), value);
    }
    if let Some(removal) = codec::former_member(value) {
        assert_eq!(codec::former_member_value(removal), value);
    }
    if let Some(blocked_at) = codec::at(value) {
        assert_eq!(blocked_at.millis().to_le_bytes(), value);
    }
}

fn user(value: &[u8]) {
    if let Some(row) = codec::user(UserId::from_bytes(ID), value) {
        assert_eq!(codec::user_value(&row), value);
    }
}

fn ended_session(key: &[u8], value: &[u8]) {
    if let Some((session_id, expires_at)) = codec::ended_session(key, value) {
        assert_eq!(session_id.as_bytes(), key);
        assert_eq!(expires_at.millis().to_le_bytes(), value);
    }
}

fn events(key: &[u8], value: &[u8]) {
    let all = Seq(0)..Seq(u64::MAX);
    let mut events: Vec<EventRow> = Vec::new();
    if run::decode(key, value, &all, EventKind::Message, &mut events).is_none() {
        return;
    }
    let mut gathering = run::Gathering::default();
    events.iter().for_each(|event| gathering.add(event));
    let mut runs: Vec<run::Run> = gathering.into_runs().collect();
    assert_eq!(runs.len(), 1, "a run that is read is one that is written");
    let run = runs.remove(0);
    assert_eq!((&run.key()[..], &run.value[..]), (key, value));
}

fn amendment(slot: &[u8], value: &[u8]) {
    if let Some(row) = AmendmentRow::stored(ChatId::from_bytes(ID), Seq(1), slot, value) {
        assert_eq!((&row.slot()[..], &row.value()[..]), (slot, value));
        assert_eq!(AmendmentRow::seq_of(value), Some(row.seq));
    }
}

fn name(value: &[u8]) {
    if let Some(user_id) = codec::user_id(value) {
        assert_eq!(user_id.as_bytes(), value);
    }
}

fn role(value: &[u8]) {
    if let Some(row) = RoleRow::stored(ChatId::from_bytes(ID), UserId::from_bytes(ID), value) {
        assert_eq!(row.value(), value);
    }
}

fn settings(value: &[u8]) {
    if let Some(row) = SettingsRow::stored(ChatId::from_bytes(ID), value) {
        assert_eq!(row.value(), value);
    }
}

fn session(value: &[u8]) {
    let (user_id, session_id) = (UserId::from_bytes(ID), SessionId::from_bytes(ID));
    if let Some(row) = SessionRow::stored(user_id, Timestamp::default(), session_id, value) {
        assert_eq!(row.value(), value);
    }
}

fn profile(value: &[u8]) {
    if let Some(row) = ProfileRow::stored(UserId::from_bytes(ID), value) {
        assert_eq!(row.value(), value);
    }
}

fn user_settings(value: &[u8]) {
    if let Some(row) = UserSettingsRow::stored(UserId::from_bytes(ID), value) {
        assert_eq!(row.value(), value);
    }
}

fn deleted_chat(value: &[u8]) {
    if let Some(row) = DeletedChatRow::stored(ChatId::from_bytes(ID), value) {
        assert_eq!(row.value(), value);
    }
}

fn erased_sender(value: &[u8]) {
    if let Some((seq, at)) = ErasedRow::stored(value) {
        let row = ErasedRow {
            chat_id: ChatId::from_bytes(ID),
            user_id: UserId::from_bytes(ID),
            partition: PartitionId(0),
            seq,
            at,
        };
        assert_eq!(row.value(), value);
    }
}
