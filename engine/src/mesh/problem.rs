//! Refusals, as every client sees them: an HTTP status, a stable code and a sentence.

use rookery_schema::limits::{
    BLOCKS_PER_USER_MAX, CHAT_MEMBERS_MAX, MESSAGE_EMOJI_MAX, MESSAGE_REACTIONS_MAX,
    PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, USER_REACTIONS_MAX, USER_SETTINGS_BYTES_MAX,
};

use crate::http::Status;
use crate::limits::Limit;
use crate::mesh::field::{Fault, Field, FieldError};
use crate::ws::limits::EARLY_FRAMES_BYTES_MAX;

/// Seconds after which a retry makes sense where an operator has to make room first.
const DISK_FULL_SECONDS: u32 = 10;

/// Why a request was refused. Shown over HTTP as `application/problem+json` (RFC 9457) and over
/// WebSocket as an `error` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: Status,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people.
    pub detail: &'static str,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u32>,
    /// The limit that was met, where it was one.
    pub limit: Option<Limit>,
    /// The field that it is about, where it is about one.
    pub field: Option<FieldError>,
}

/// Every answer has room for one, and is moved often.
const _: () = assert!(size_of::<Problem>() <= 48);

impl Problem {
    const fn new(status: Status, code: &'static str, detail: &'static str) -> Self {
        Self {
            status,
            code,
            detail,
            retry_after: None,
            limit: None,
            field: None,
        }
    }

    /// The same, about a field.
    #[must_use]
    pub const fn about(mut self, field: Field, fault: Fault) -> Self {
        self.field = Some(FieldError { field, fault });
        self
    }

    /// The same, where what it is about goes by the name of another field.
    #[must_use]
    pub const fn on(mut self, field: Field) -> Self {
        if let Some(error) = self.field {
            self.field = Some(FieldError { field, ..error });
        }
        self
    }

    const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The body or a field of it has the wrong form.
    pub const fn malformed(detail: &'static str) -> Self {
        Self::new(Status::BadRequest, "malformed_request", detail)
    }

    /// The body is not the JSON that was expected.
    pub const fn malformed_json(detail: &'static str) -> Self {
        Self::new(Status::BadRequest, "malformed_json", detail)
    }

    /// A value is outside its bounds.
    pub const fn out_of_bounds(detail: &'static str) -> Self {
        Self::new(Status::UnprocessableContent, "out_of_bounds", detail)
    }

    /// The server can't do it now, and may soon.
    pub const fn unavailable(detail: &'static str) -> Self {
        Self::new(Status::ServiceUnavailable, "unavailable", detail).retry_after(1)
    }

    /// The same, as clients together have met a limit.
    const fn unavailable_by(limit: Limit) -> Self {
        Self::unavailable(limit.detail()).by(limit)
    }

    const fn by(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The client asks for more than it may, and may ask again after so many seconds.
    pub const fn over(limit: Limit, seconds: u32) -> Self {
        Self::new(Status::TooManyRequests, "too_many_requests", limit.detail())
            .by(limit)
            .retry_after(seconds)
    }

    const fn too_many_reactions(detail: &'static str) -> Self {
        Self::new(Status::Conflict, "too_many_reactions", detail)
    }

    /// A request was not answered in time; if it `changes` something, its outcome is unknown.
    pub const fn overdue(changes: bool) -> Self {
        if changes {
            Self::OUTCOME_UNKNOWN
        } else {
            Self::NOT_ANSWERED
        }
    }

    pub const UNAUTHENTICATED: Self = Self::new(
        Status::Unauthorized,
        "unauthenticated",
        "no valid credentials came with the request",
    );
    pub const INVALID_TOKEN: Self = Self::new(
        Status::Unauthorized,
        "unauthenticated",
        "the token is not valid, has expired, or was ended by a logout",
    );
    pub const WRONG_LOGIN: Self = Self::new(
        Status::Unauthorized,
        "wrong_credentials",
        "the username or the password is wrong",
    );
    pub const FORBIDDEN: Self =
        Self::new(Status::Forbidden, "forbidden", "the caller may not do this");
    pub const REGISTRATION_CLOSED: Self = Self::new(
        Status::Forbidden,
        "registration_closed",
        "nobody can register here; an operator creates the users",
    );
    pub const INVITE_REQUIRED: Self = Self::new(
        Status::Forbidden,
        "invite_required",
        "registration needs an invite; ask an operator for one, and send its code as invite",
    )
    .about(Field::Invite, Fault::Missing);
    pub const INVITE_INVALID: Self = Self::new(
        Status::Forbidden,
        "invite_invalid",
        "the invite was used, has expired, or is none of this server's; ask an operator for another",
    )
    .about(Field::Invite, Fault::Invalid);
    pub const TOO_FAR_BEHIND: Self = Self::new(
        Status::Gone,
        "too_far_behind",
        "more events are missing than the server resumes; page the history instead",
    );
    pub const FOREIGN_ORIGIN: Self = Self::new(
        Status::Forbidden,
        "forbidden",
        "a page of another origin may not do this; see --allowed-origin",
    );
    pub const MISDIRECTED: Self = Self::new(
        Status::MisdirectedRequest,
        "misdirected_request",
        "this server is not known by the host that the request is for; see --public-url",
    );
    pub const UPGRADE_REQUIRED: Self = Self::new(
        Status::UpgradeRequired,
        "upgrade_required",
        "a handshake for a WebSocket of version 13 is required",
    );
    pub const TOO_EARLY: Self = Self::malformed(const_format::concatcp!(
        "at most ",
        EARLY_FRAMES_BYTES_MAX / 1024,
        " KiB of frames may come before the handshake is answered",
    ));
    pub const NO_SUCH_CHAT: Self = Self::new(
        Status::NotFound,
        "not_found",
        "there is no such chat for the caller",
    );
    pub const NO_SUCH_MESSAGE: Self = Self::new(
        Status::NotFound,
        "not_found",
        "there is no such message in the chat",
    );
    pub const NOT_AUTHOR: Self = Self::new(
        Status::Forbidden,
        "not_author",
        "the caller has not written this message, and is no admin who could delete it",
    );
    pub const NOT_ADMIN: Self = Self::new(
        Status::Forbidden,
        "not_admin",
        "only an admin of the chat may do this; ask one of those that it shows as roles",
    );
    pub const LAST_ADMIN: Self = Self::new(
        Status::Conflict,
        "last_admin",
        "a chat has an admin: make another member one first, or leave",
    );
    pub const MESSAGE_DELETED: Self = Self::new(
        Status::Conflict,
        "message_deleted",
        "the message was deleted",
    );
    pub const TOO_MANY_EMOJI: Self = Self::too_many_reactions(const_format::concatcp!(
        "a message has at most ",
        MESSAGE_EMOJI_MAX,
        " different emoji; use one of those",
    ));
    pub const TOO_MANY_OWN_REACTIONS: Self = Self::too_many_reactions(const_format::concatcp!(
        "a user reacts to a message with at most ",
        USER_REACTIONS_MAX,
        " different emoji, those that they took back included",
    ));
    pub const TOO_MANY_REACTIONS: Self = Self::too_many_reactions(const_format::concatcp!(
        "a message has at most ",
        MESSAGE_REACTIONS_MAX,
        " reactions, those that were taken back included",
    ));
    pub const NO_SUCH_USER: Self =
        Self::new(Status::NotFound, "not_found", "there is no such user");
    pub const NO_SUCH_MEMBER: Self = Self::new(
        Status::NotFound,
        "not_found",
        "the user is not a member of the chat",
    );
    pub const NO_SUCH_SESSION: Self = Self::new(
        Status::NotFound,
        "not_found",
        "the caller has no such session, or it has ended",
    );
    pub const NO_SUCH_PAGE: Self = Self::new(
        Status::NotFound,
        "not_found",
        "there is nothing at this path",
    );
    pub const METHOD_NOT_ALLOWED: Self = Self::new(
        Status::MethodNotAllowed,
        "method_not_allowed",
        "the path does not take this method; see Allow",
    );
    pub const USERNAME_TAKEN: Self =
        Self::new(Status::Conflict, "username_taken", "the username is taken")
            .about(Field::Username, Fault::Taken);
    pub const PASSWORD_SHORT: Self = Self::out_of_bounds(const_format::concatcp!(
        "choose a password of at least ",
        PASSWORD_CHARS_MIN,
        " characters",
    ))
    .about(Field::Password, Fault::TooShort);
    pub const PASSWORD_IS_NAME: Self =
        Self::out_of_bounds("choose a password that is not the username")
            .about(Field::Password, Fault::SameAsUsername);
    pub const PASSWORD_CHARACTERS: Self = Self::out_of_bounds(
        "password must not have control or format characters, nor any that are newer than Unicode 6.3",
    )
    .about(Field::Password, Fault::ForbiddenCharacters);
    pub const PASSWORD_LONG: Self = Self::out_of_bounds(const_format::concatcp!(
        "password must be at most ",
        PASSWORD_BYTES_MAX,
        " bytes of UTF-8, once it is normalised",
    ))
    .about(Field::Password, Fault::TooLong);
    pub const PASSWORD_COMMON: Self = Self::out_of_bounds(
        "this password is among the most common ones, which are guessed first; choose another",
    )
    .about(Field::Password, Fault::TooCommon);
    /// Not 401: the session is good, and goes on.
    pub const WRONG_PASSWORD: Self = Self::new(
        Status::Forbidden,
        "wrong_password",
        "that is not the password that the caller has",
    )
    .about(Field::Old, Fault::Invalid);
    pub const PASSWORD_OVERTAKEN: Self = Self::unavailable(
        "another change of the user came first; look whether this one is still wanted",
    );
    pub const CHAT_FULL: Self = Self::out_of_bounds(const_format::concatcp!(
        "a chat has at most ",
        CHAT_MEMBERS_MAX,
        " members",
    ));
    pub const UNKNOWN_MEMBER: Self = Self::new(
        Status::UnprocessableContent,
        "unknown_member",
        "a member must be a user; user_ids names some who are none",
    );
    pub const IDEMPOTENCY_KEY_REUSED: Self = Self::new(
        Status::UnprocessableContent,
        "idempotency_key_reused",
        "the client_id (or Idempotency-Key) was used in this chat for a message with other content; give each message \
         one of its own",
    )
    .about(Field::ClientId, Fault::Taken);
    pub const CHAT_KEY_REUSED: Self = Self::new(
        Status::UnprocessableContent,
        "idempotency_key_reused",
        "the caller has used the client_id (or Idempotency-Key) for a chat with another name or other members; give each \
         chat one of its own",
    )
    .about(Field::ClientId, Fault::Taken);
    pub const CHAT_DELETED: Self = Self::new(
        Status::Gone,
        "chat_deleted",
        "the chat that was made with this client_id (or Idempotency-Key) was deleted; another one needs another",
    );
    pub const BLOCKED: Self = Self::new(
        Status::Forbidden,
        "blocked",
        "the other member of this direct chat has blocked the caller",
    );
    pub const TOO_MANY_BLOCKS: Self = Self::new(
        Status::Conflict,
        "too_many_blocks",
        const_format::concatcp!(
            "a user has blocked at most ",
            BLOCKS_PER_USER_MAX,
            " others; take one back that is not needed any more",
        ),
    );
    pub const DIRECT_CHAT: Self = Self::new(
        Status::Conflict,
        "direct_chat",
        "a direct chat stays as it is: its two members can't be changed, nor has it a name, settings or admins",
    );
    pub const UNSUPPORTED_MEDIA: Self = Self::new(
        Status::UnsupportedMediaType,
        "unsupported_media_type",
        "the body must be application/json or application/x-www-form-urlencoded",
    );
    pub const UNSUPPORTED_CODING: Self = Self::new(
        Status::UnsupportedMediaType,
        "unsupported_content_coding",
        "the body must be sent without a content coding",
    );
    pub const LOG_UNAVAILABLE: Self = Self::unavailable("the log takes no messages for now");
    pub const DISK_FULL: Self = Self::unavailable(
        "the server's disk is full: it takes logouts, and nothing new until its operator makes room",
    )
    .retry_after(DISK_FULL_SECONDS);
    pub const LOGOUT_NOT_RECORDED: Self = Self::new(
        Status::ServiceUnavailable,
        "logout_not_recorded",
        "the login is over, but that could not be recorded: the server records it as soon as it can, and should it \
         restart before that, the token works again until it expires",
    )
    .retry_after(1);
    pub const LAGGING: Self =
        Self::unavailable("the server is catching up with its log").by(Limit::LagLimit);
    pub const LATE: Self =
        Self::unavailable("the server has more to read than it can do").by(Limit::LagLimit);
    pub const APPEND_BYTES: Self = Self::unavailable_by(Limit::AppendBytes);
    pub const UNSTORED_BYTES: Self = Self::unavailable_by(Limit::UnstoredBytes);
    pub const CHAT_WAITING: Self = Self::unavailable_by(Limit::ChatWaiting);
    pub const AMENDMENTS_WAITING: Self = Self::unavailable_by(Limit::AmendmentsWaiting);
    pub const MARKS_WAITING: Self = Self::unavailable_by(Limit::MarksWaiting);
    pub const SETTINGS_WAITING: Self = Self::unavailable_by(Limit::SettingsWaiting);
    pub const SETTINGS_LARGE: Self = Self::out_of_bounds(const_format::concatcp!(
        "the settings of a user are at most ",
        USER_SETTINGS_BYTES_MAX,
        " bytes of JSON; take some away",
    ));
    pub const READS_WAITING: Self = Self::unavailable_by(Limit::ReadsWaiting);
    pub const MESH_BACKLOG: Self = Self::unavailable_by(Limit::MeshBacklog);
    pub const HELD_BYTES: Self = Self::unavailable_by(Limit::HeldBytes);
    pub const PAGES_WAITING: Self = Self::unavailable_by(Limit::PagesWaiting);
    pub const USERS_FOLLOWED: Self = Self::unavailable_by(Limit::UsersFollowed);
    pub const LISTS_WAITING: Self = Self::unavailable_by(Limit::ListsWaiting);
    pub const ADMISSIONS_WAITING: Self = Self::unavailable_by(Limit::AdmissionsWaiting);
    pub const LOGINS_WAITING: Self = Self::unavailable_by(Limit::LoginsWaiting);
    pub const NAME_CHANGING: Self =
        Self::unavailable("this account is being changed; try again in a second");
    pub const PASSWORD_CHANGING: Self =
        Self::unavailable("the user's password is being changed; log in again in a second");
    pub const STORE_UNAVAILABLE: Self = Self::unavailable("the store can't be read for now");
    pub const STARTING: Self = Self::unavailable("the server is starting");
    pub const REPLAYING: Self = Self::unavailable("the server is starting: it replays its log");
    pub const REPLAYING_ON_A_FULL_DISK: Self = Self::unavailable(
        "the server is starting: it replays its log, and may wait until its disk has room to store that: free some",
    );
    pub const DRAINING: Self = Self::unavailable("the server is shutting down");
    pub const NOT_SIGNED: Self = Self::unavailable("no token could be signed");
    pub const NOT_ANSWERED: Self = Self::unavailable("a part of the server did not answer in time");
    pub const ELSEWHERE: Self = Self::unavailable("it is moving to another part of the server");
    pub const OUTCOME_UNKNOWN: Self = Self::unavailable(
        "the outcome is unknown; send a message again with the same client_id, and look whether anything else was \
         done before you repeat it",
    );
}
