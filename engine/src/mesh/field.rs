//! What a refusal is about, where it is about one field of what a client sent.

/// Defines the fields by their names.
macro_rules! fields {
    ($($field:ident = $name:literal,)*) => {
        /// A field of a body or of a message, a parameter of a query, or a header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field {
            $(
                #[doc = concat!("`", $name, "`")]
                $field,
            )*
        }

        impl Field {
            /// As clients send it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }

            /// The field of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$field),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    After = "after",
    All = "all",
    Before = "before",
    ChatId = "chat_id",
    Chats = "chats",
    ClientId = "client_id",
    Content = "content",
    Cursor = "cursor",
    Description = "description",
    Device = "device",
    DisplayName = "display_name",
    Emoji = "emoji",
    ExpiresIn = "expires_in",
    History = "history",
    IdempotencyKey = "Idempotency-Key",
    Follow = "follow",
    Ids = "ids",
    Invite = "invite",
    Limit = "limit",
    Members = "members",
    MembersMayAdd = "members_may_add",
    Name = "name",
    New = "new",
    Old = "old",
    Password = "password",
    Prefix = "prefix",
    Resume = "resume",
    Role = "role",
    SenderId = "sender_id",
    Seq = "seq",
    Ticket = "ticket",
    Token = "token",
    Type = "type",
    UserId = "user_id",
    Username = "username",
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has to be there.
    Missing,
    /// It may be there once.
    Repeated,
    /// It has another form than it must have.
    Malformed,
    /// It may not be there beside another one.
    Conflicting,
    /// It has too few bytes, characters or elements.
    TooShort,
    /// It has too many.
    TooLong,
    /// It has nothing that is shown.
    Blank,
    /// It is a number that is too small or too large.
    OutOfRange,
    /// It has characters that it may not have.
    ForbiddenCharacters,
    /// It is a password that is guessed first.
    TooCommon,
    /// It is a password that is its user's name.
    SameAsUsername,
    /// Somebody or something else has it.
    Taken,
    /// It names what there is not.
    Unknown,
    /// It was good for something once, or never was.
    Invalid,
}

impl Fault {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Repeated => "repeated",
            Self::Malformed => "malformed",
            Self::Conflicting => "conflicting",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Blank => "blank",
            Self::OutOfRange => "out_of_range",
            Self::ForbiddenCharacters => "forbidden_characters",
            Self::TooCommon => "too_common",
            Self::SameAsUsername => "same_as_username",
            Self::Taken => "taken",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
        }
    }
}

/// A field, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub field: Field,
    pub fault: Fault,
}
