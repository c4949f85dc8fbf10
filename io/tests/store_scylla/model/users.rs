//! The rows that the engine makes of what users do.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rookery_engine::port::{Found, Read};
use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::names::key_of;
use rookery_schema::row::{ErasureRow, ProfileRow, Row, SessionRow, UserRow, UserSettingsRow};
use rookery_schema::{Offset, SessionId, Timestamp, UserId};
use rookery_testing::store::Model;

use super::ids::{FAR_MILLIS, NAMES, PARTITION};

pub(super) fn registers(model: &Model, user_id: UserId) -> Vec<Row> {
    let row = user(user_id);
    let of_key = Read::UsersOfKey(key_of(row.name()).into_owned());
    match model.read(&of_key) {
        Found::Users(users) if users.iter().all(|it| it.user_id != user_id) => {
            vec![Row::User(row)]
        }
        _ => Vec::new(),
    }
}

/// The account of a user is deleted; where it is already, they have left all their chats.
pub(super) fn goes(model: &Model, user_id: UserId) -> Vec<Row> {
    let row = match model.read(&Read::User(user_id)) {
        Found::Users(users) => users.into_iter().next(),
        other => panic!("not what was asked: {other:?}"),
    };
    let Some(row) = row else {
        return left_all_chats(model, user_id).into_iter().collect();
    };
    let deleted_at = Timestamp::from_millis(row.updated_at.millis() + 1);
    vec![
        Row::User(UserRow {
            password_hash: None,
            updated_at: deleted_at,
            is_deleted: true,
            ..row
        }),
        Row::OwnGone { user_id },
        Row::Erasure(ErasureRow {
            partition: PARTITION,
            user_id,
            deleted_at,
            is_done: false,
        }),
    ]
}

/// A user who was deleted is in no chat any more, where they were.
fn left_all_chats(model: &Model, user_id: UserId) -> Option<Row> {
    let all = Read::Erasures {
        partition: PARTITION,
        limit: 99,
    };
    let users = match model.read(&all) {
        Found::Erasures(users) => users,
        other => panic!("not what was asked: {other:?}"),
    };
    let (_, deleted_at) = users.into_iter().find(|(it, _)| *it == user_id)?;
    Some(Row::Erasure(ErasureRow {
        partition: PARTITION,
        user_id,
        deleted_at,
        is_done: true,
    }))
}

/// An operator sets a password for the so many-th time, or takes it away, which ends all sessions.
pub(super) fn sets_password(model: &Model, user_id: UserId, n: u8) -> Vec<Row> {
    let row = match model.read(&Read::User(user_id)) {
        Found::Users(users) => users.into_iter().next(),
        other => panic!("not what was asked: {other:?}"),
    };
    let Some(row) = row else { return Vec::new() };
    let updated_at = Timestamp::from_millis(row.updated_at.millis() + 1);
    vec![
        Row::User(UserRow {
            password_hash: (!n.is_multiple_of(3)).then(|| format!("hash {n}")),
            updated_at,
            is_deleted: false,
            ..row
        }),
        Row::EndedSession {
            session_id: SessionId::all_of(user_id),
            expires_at: login_expiry(updated_at.millis()),
        },
        Row::EndedSession {
            session_id: SessionId::up_to_logout_of(user_id),
            expires_at: login_expiry(updated_at.millis() / 2),
        },
    ]
}

/// A user logs in for the so many-th time, or where that was done before, their list loses it.
pub(super) fn logs_in(model: &Model, user_id: UserId, n: u8) -> Vec<Row> {
    let session = session(user_id, n);
    let listed = Read::SessionsOfUser { user_id, limit: 99 };
    match model.read(&listed) {
        Found::Sessions(listed) if listed.contains(&session) => vec![Row::NoSession {
            user_id,
            session_id: session.session_id,
            expires_at: session.expires_at,
        }],
        _ => vec![Row::Session(session)],
    }
}

/// A user calls themselves something else, and changes their settings.
pub(super) fn sets(model: &Model, user_id: UserId, display_name: Option<&str>) -> Vec<Row> {
    let before = match model.read(&Read::UserSettings(user_id)) {
        Found::UserSettings(before) => before.map_or(0, |row| row.offset.0),
        other => panic!("not what was asked: {other:?}"),
    };
    let offset = Offset(before + 1);
    vec![
        Row::Profile(ProfileRow {
            user_id,
            offset,
            changed_at: Timestamp::from_millis(offset.0),
            display_name: display_name.map(str::to_owned),
        }),
        Row::UserSettings(UserSettingsRow {
            user_id,
            offset,
            settings: format!("{{\"n\":{}}}", offset.0),
        }),
    ]
}

/// When what began some milliseconds behind a moment of a while ago expires.
fn login_expiry(millis: u64) -> Timestamp {
    static WHILE_AGO: LazyLock<Duration> = LazyLock::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since_epoch - Duration::from_secs(1000)
    });
    let at = WHILE_AGO.as_millis() as u64 + millis;
    Timestamp::from_millis(at + SESSION_MILLIS)
}

/// Two of each user expire together.
pub(super) fn session(user_id: UserId, n: u8) -> SessionRow {
    let expires_at = Timestamp::from_millis(FAR_MILLIS + u64::from(n / 2));
    SessionRow {
        user_id,
        session_id: SessionId::from_bytes([n; 16]),
        created_at: expires_at,
        expires_at,
        address: [192, 0, 2, n].into(),
        name: format!("client {n}"),
    }
}

fn user(user_id: UserId) -> UserRow {
    let id = user_id.as_bytes()[0];
    let at = Timestamp::from_millis(u64::from(id));
    UserRow {
        user_id,
        username: NAMES[usize::from(id)].0.to_owned(),
        key: NAMES[usize::from(id)].1.map(str::to_owned),
        password_hash: id.is_multiple_of(2).then(|| "a hash".to_owned()),
        created_at: at,
        updated_at: at,
        is_deleted: false,
    }
}
