//! A login on its way to its reply.

use rookery_schema::UserId;

use crate::api::audit::Audit;
use crate::ids::Session;
use crate::limits::Network;

/// What is known of a login before its password was compared, and what comes of it then.
#[derive(Debug)]
pub(crate) struct LoggingIn {
    pub(super) audit: Option<Audit>,
    pub(super) network: Network,
    /// What people call the client.
    pub(super) name: Box<str>,
    /// The session that is being recorded.
    pub(super) started: Option<Started>,
}

/// A session that its client is told of once it is recorded.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) user_id: UserId,
    pub(super) username: Box<str>,
    pub(super) session: Session,
}
