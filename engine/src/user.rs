//! A user as everybody sees them.

use rookery_schema::event::{put_json_text, put_user_id};
use rookery_schema::row::{ProfileRow, UserRow};

/// The user as JSON.
pub(crate) fn user_json(user: &UserRow, profile: Option<&ProfileRow>) -> Vec<u8> {
    let mut out = Vec::with_capacity(200);
    put_user(&mut out, user, profile);
    out
}

/// Appends the user as JSON, with what they say of themselves where they do.
pub(crate) fn put_user(out: &mut Vec<u8>, user: &UserRow, profile: Option<&ProfileRow>) {
    let changed_at = profile.map(|profile| profile.changed_at);
    let updated_at = user.updated_at.max(changed_at.unwrap_or_default());
    out.extend_from_slice(br#"{"user_id":"#);
    put_user_id(out, user.user_id);
    out.extend_from_slice(br#","username":"#);
    put_json_text(out, &user.username);
    if let Some(name) = profile.and_then(|profile| profile.display_name.as_deref()) {
        out.extend_from_slice(br#","display_name":"#);
        put_json_text(out, name);
    }
    out.extend_from_slice(br#","created_at":""#);
    out.extend_from_slice(&user.created_at.rfc3339());
    out.extend_from_slice(br#"","updated_at":""#);
    out.extend_from_slice(&updated_at.rfc3339());
    out.extend_from_slice(br#""}"#);
}
