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
    /// The store does not take this user, or does not let him.
    Refused,
    /// The store does not understand: its tables are others.
    Invalid,
}

impl DriverError {
    /// A failure of which nothing is known but its text.
    pub(super) fn new(error: impl Display) -> Self {
        Self::of_kind(error, Kind::Passing)
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
                ConnectionSetupRequestErrorKind::DbError(error, _) => kind_of(error),
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

const fn kind_of_attempt(error: &RequestAttemptError) -> Kind {
    match error {
        RequestAttemptError::DbError(error, _) => kind_of(error),
        _ => Kind::Passing,
    }
}

const fn kind_of(error: &DbError) -> Kind {
    match error {
        DbError::AuthenticationError | DbError::Unauthorized => Kind::Refused,
        DbError::SyntaxError | DbError::Invalid | DbError::ConfigError => Kind::Invalid,
        _ => Kind::Passing,
    }
}
