//! What members are in their chats, what they may see of them, and what else admins decide.

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads, posts, and leaves.
    Member,
    /// Besides, removes others and what they said, gives roles, and changes settings.
    Admin,
}

/// From where on members see a chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// From its beginning on.
    #[default]
    All,
    /// From their joining on.
    Joined,
}

/// What admins may change about a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub name: Box<str>,
    pub description: Box<str>,
    /// Or else admins alone may.
    pub members_may_add: bool,
    pub history: History,
}

impl Settings {
    /// Those of a new chat.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            description: Box::default(),
            members_may_add: true,
            history: History::All,
        }
    }
}

/// Defines names and bytes, both stable.
macro_rules! codes {
    ($name:ident: $($variant:ident = $byte:literal $text:literal,)*) => {
        impl $name {
            /// As clients see it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one with this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// As records and rows have it.
            pub const fn as_byte(self) -> u8 {
                match self { $(Self::$variant => $byte,)* }
            }

            /// The one of this byte.
            pub const fn of_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

codes!(Role: Member = 0 "member", Admin = 1 "admin",);
codes!(History: All = 0 "all", Joined = 1 "joined",);
