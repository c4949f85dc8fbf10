//! Users that were read, while what they say of themselves is.

use rookery_schema::row::UserRow;

/// Users, and how they are to be shown.
#[derive(Debug)]
pub(crate) struct FoundUsers {
    pub(super) shown: UsersShown,
    pub(super) users: Vec<UserRow>,
}

#[derive(Debug)]
pub(super) enum UsersShown {
    /// The first; there is one at most.
    One,
    All,
    /// At most so many of them; a link to the next page begins with this path and query.
    Page {
        path: String,
        limit: usize,
    },
}
