//! Pages of lists: how many entries one has, and the link to the next.

use data_encoding::BASE64URL_NOPAD;
use rookery_schema::limits::{
    PAGE_ENTRIES_DEFAULT, PAGE_ENTRIES_MAX, PAGE_MESSAGES_DEFAULT, PAGE_MESSAGES_MAX,
    USERS_FOUND_MAX,
};
use rookery_schema::{ChatId, Timestamp};

use crate::api::body::{number, text};
use crate::api::rejection::Rejection;
use crate::api::reply::Reply;
use crate::http::{Request, Status};
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{Activity, PageCursor};

/// Users in an answer to a search without `limit`.
const USERS_FOUND_DEFAULT: usize = 20;

/// How many entries one page may have.
pub(super) struct PageLimit {
    pub(super) default: usize,
    pub(super) max: usize,
    /// What a caller is told who wants more, or none.
    refusal: &'static str,
}

pub(super) const MESSAGES_LIMIT: PageLimit = PageLimit {
    default: PAGE_MESSAGES_DEFAULT,
    max: PAGE_MESSAGES_MAX,
    refusal: const_format::concatcp!("limit must be 1 to ", PAGE_MESSAGES_MAX),
};
pub(super) const USERS_LIMIT: PageLimit = PageLimit {
    default: USERS_FOUND_DEFAULT,
    max: USERS_FOUND_MAX,
    refusal: const_format::concatcp!("limit must be 1 to ", USERS_FOUND_MAX),
};
/// Of chats, and of members.
pub(super) const ENTRIES_LIMIT: PageLimit = PageLimit {
    default: PAGE_ENTRIES_DEFAULT,
    max: PAGE_ENTRIES_MAX,
    refusal: const_format::concatcp!("limit must be 1 to ", PAGE_ENTRIES_MAX),
};

impl PageLimit {
    /// How many entries a request asks for.
    pub(super) fn of(&self, request: &Request) -> Result<usize, Rejection> {
        match number(request, Field::Limit)? {
            None => Ok(self.default),
            Some(limit) if (1..=self.max as u64).contains(&limit) => Ok(limit as usize),
            Some(_) => {
                let problem = Problem::out_of_bounds(self.refusal);
                Err(problem.about(Field::Limit, Fault::OutOfRange).into())
            }
        }
    }
}

/// A page, with the link to the next: `path`, which has a query, and the parameter that continues it.
pub(super) fn reply(path: &str, body: Vec<u8>, next: Option<String>) -> Reply {
    let mut reply = Reply::json(Status::Ok, body);
    if let Some(next) = next {
        let link = format!(r#"<{path}&{next}>; rel="next""#);
        reply.extra.push(("Link", link));
    }
    reply
}

/// The parameter that continues a list.
pub(super) fn query(next: PageCursor) -> String {
    match next {
        PageCursor::Before(seq) => format!("before={seq}"),
        PageCursor::After(seq) => format!("after={seq}"),
        PageCursor::AfterMember(user_id) => format!("after={user_id}"),
        PageCursor::BeforeActivity(activity) => format!("cursor={}", activity_text(activity)),
    }
}

/// Where a list of chats goes on, as the request has it from a link.
pub(super) fn activity(request: &Request) -> Result<Option<Activity>, Rejection> {
    match text(request, Field::Cursor)? {
        None => Ok(None),
        Some(cursor) => match activity_of(&cursor) {
            Some(activity) => Ok(Some(activity)),
            None => {
                let problem = Problem::malformed("cursor must be as the Link of a page had it");
                Err(problem.about(Field::Cursor, Fault::Malformed).into())
            }
        },
    }
}

fn activity_text(activity: Activity) -> String {
    let millis = activity.at.millis().to_be_bytes();
    BASE64URL_NOPAD.encode(&[&millis[..], activity.chat_id.as_bytes()].concat())
}

fn activity_of(cursor: &str) -> Option<Activity> {
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
    let (millis, chat_id) = bytes.split_first_chunk()?;
    let millis = u64::from_be_bytes(*millis);
    let at = Timestamp::from_millis(millis);
    let chat_id = ChatId::from_bytes(chat_id.try_into().ok()?);
    (at.millis() == millis).then_some(Activity { at, chat_id })
}

/// Where the users are whose names begin with a prefix.
pub(super) fn users_path(prefix: &str, limit: usize) -> String {
    format!("/users?prefix={}&limit={limit}", encoded(prefix))
}

/// The parameter that continues a list of users.
pub(super) fn after_name(name: &str) -> String {
    format!("after={}", encoded(name))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(millis in 0..253_402_300_800_000_u64, chat: [u8; 16]) {
            let activity = Activity {
                at: Timestamp::from_millis(millis),
                chat_id: ChatId::from_bytes(chat),
            };
            prop_assert_eq!(activity_of(&activity_text(activity)), Some(activity));
        }

        #[test]
        fn what_is_no_cursor_is_none(text in "[A-Za-z0-9_=-]{0,40}") {
            let is_its_text = |activity| activity_text(activity) == text;
            prop_assert!(activity_of(&text).is_none_or(is_its_text));
        }
    }

    #[test]
    fn a_cursor_of_no_time_is_none() {
        let bytes = [[0xff; 8], [1; 8], [2; 8]].concat();
        assert_eq!(activity_of(&BASE64URL_NOPAD.encode(&bytes)), None);
    }
}
