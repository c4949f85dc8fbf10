//! Where the scylla store is, and who may use it.

use super::error::ScyllaError;
use crate::config::{Config, Credentials};

/// Where the store is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `HOST:PORT` of nodes to begin with; they name the others.
    pub nodes: Vec<String>,
    /// How to log in, where the store asks for it.
    pub credentials: Option<Credentials>,
    pub keyspace: String,
}

impl Settings {
    /// Those of a configuration.
    ///
    /// # Errors
    /// Where the file with the credentials can't be used.
    pub fn of(config: &Config) -> Result<Self, ScyllaError> {
        let file = config.scylla_credentials_file.as_deref();
        Ok(Self {
            nodes: config.scylla.iter().map(ToString::to_string).collect(),
            credentials: file.map(Credentials::read).transpose()?,
            keyspace: config.keyspace.clone(),
        })
    }
}
