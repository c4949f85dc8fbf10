//! What the driver could not do, and whether it is of use to try again.

use std::fmt::Display;

use ::scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, PrepareError, RequestAttemptError,
};

/// The driver could not do what it was asked. Its errors are large and many; what an operator needs of
/// them is their text.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct DriverError {
    text: Box<str>,
    pub(super) kind: Kind,
}

/// What a failure means for the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It may go well.
    Passing,
    /// No node has a connection.
    CutOff,
    /// The store does not take this user, or does not let them.
    Refused,
    /// The store does not take the statement.
    Invalid,
    /// As that, of a statement that fits the tables of this version.
    OtherTables,
}

/// What was read, where some version writes it.
///
/// # Errors
/// What it is not.
pub(super) fn written<T>(found: Option<T>, what: impl Display) -> Result<T, DriverError> {
    found.ok_or_else(|| DriverError::new(format!("{what} is not what was written")))
}

impl DriverError {
    /// A failure of which nothing is known but its text.
    pub(super) fn new(error: impl Display) -> Self {
        Self::of_kind(error, Kind::Passing)
    }

    /// The same, of a statement that fits the tables of this version.
    pub(super) fn of_known_tables(self) -> Self {
        let kind = match self.kind {
            Kind::Invalid => Kind::OtherTables,
            other => other,
        };
        Self { kind, ..self }
    }

    fn of_kind(error: impl Display, kind: Kind) -> Self {
        Self {
            text: error.to_string().into(),
            kind,
        }
    }
}

impl From<NewSessionError> for DriverError {
    fn from(error: NewSessionError) -> Self {
        let kind = match &error {
            NewSessionError::MetadataError(MetadataError::ConnectionPoolError(
                ConnectionPoolError::Broken {
                    last_connection_error: ConnectionError::ConnectionSetupRequestError(setup),
                },
            )) => match &setup.error {
                ConnectionSetupRequestErrorKind::DbError(error, text) => kind_of(error, text),
                ConnectionSetupRequestErrorKind::MissingAuthentication => Kind::Refused,
                _ => Kind::Passing,
            },
            _ => Kind::Passing,
        };
        Self::of_kind(error, kind)
    }
}

impl From<ExecutionError> for DriverError {
    fn from(error: ExecutionError) -> Self {
        let kind = match &error {
            ExecutionError::ConnectionPoolError(_) | ExecutionError::EmptyPlan => Kind::CutOff,
            ExecutionError::LastAttemptError(attempt) => kind_of_attempt(attempt),
            ExecutionError::PrepareError(PrepareError::AllAttemptsFailed { first_attempt }) => {
                kind_of_attempt(first_attempt)
            }
            _ => Kind::Passing,
        };
        Self::of_kind(error, kind)
    }
}

impl From<PrepareError> for DriverError {
    fn from(error: PrepareError) -> Self {
        let kind = match &error {
            PrepareError::AllAttemptsFailed { first_attempt } => kind_of_attempt(first_attempt),
            _ => Kind::Passing,
        };
        Self::of_kind(error, kind)
    }
}

fn kind_of_attempt(error: &RequestAttemptError) -> Kind {
    match error {
        RequestAttemptError::DbError(error, text) => kind_of(error, text),
        _ => Kind::Passing,
    }
}

/// Servers that can't read who their users are say the same as of a wrong password, but for the text.
fn kind_of(error: &DbError, text: &str) -> Kind {
    let text = text.to_lowercase();
    let is_of_user = ["incorrect", "not permitted to log in"].map(|words| text.contains(words));
    match error {
        DbError::AuthenticationError if is_of_user.contains(&true) => Kind::Refused,
        DbError::Unauthorized if !text.contains("unable to perform") => Kind::Refused,
        DbError::SyntaxError | DbError::Invalid | DbError::ConfigError => Kind::Invalid,
        _ => Kind::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_can_not_look_up_its_users_is_not_one_that_refuses_them() {
        for (error, text, kind) in [
            (
                DbError::AuthenticationError,
                "Provided username cassandra and/or password are incorrect",
                Kind::Refused,
            ),
            (
                DbError::AuthenticationError,
                "Username and/or password are incorrect",
                Kind::Refused,
            ),
            (
                DbError::AuthenticationError,
                "clerk is not permitted to log in",
                Kind::Refused,
            ),
            (
                DbError::AuthenticationError,
                "Unable to perform authentication: Cannot achieve consistency level QUORUM",
                Kind::Passing,
            ),
            (
                DbError::Unauthorized,
                "User clerk has no CREATE permission on <all keyspaces> or any of its parents",
                Kind::Refused,
            ),
            (
                DbError::Unauthorized,
                "Unable to perform authorization of permissions: Operation timed out",
                Kind::Passing,
            ),
            (
                DbError::Invalid,
                "Undefined column name updated_at",
                Kind::Invalid,
            ),
            (DbError::Overloaded, "", Kind::Passing),
        ] {
            assert_eq!(kind_of(&error, text), kind, "{text}");
        }
    }
}
