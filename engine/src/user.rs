//! A user as everybody sees them.

use rookery_schema::event::{put_json_text, put_user_id};
use rookery_schema::row::UserRow;

/// The user as JSON.
pub(crate) fn user_json(user: &UserRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(200);
    put_user(&mut out, user);
    out
}

/// Appends the user as JSON.
pub(crate) fn put_user(out: &mut Vec<u8>, user: &UserRow) {
    out.extend_from_slice(br#"{"user_id":"#);
    put_user_id(out, user.user_id);
    out.extend_from_slice(br#","username":"#);
    put_json_text(out, &user.username);
    out.extend_from_slice(br#","created_at":""#);
    out.extend_from_slice(&user.created_at.rfc3339());
    out.extend_from_slice(br#"","updated_at":""#);
    out.extend_from_slice(&user.updated_at.rfc3339());
    out.extend_from_slice(br#""}"#);
}
