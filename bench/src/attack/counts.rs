//! What came of an attack.

use std::collections::BTreeMap;

use serde::Serialize;

/// What the connections of an attack did, and what the server did to them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AttackCounts {
    /// Connections that were opened.
    pub opened: u64,
    /// The most that were open at once.
    pub open_max: u64,
    /// Connections that could not be opened.
    pub not_opened: u64,
    /// Why the first of them could not.
    pub first_failure: Option<String>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Replies by their status.
    pub replies: BTreeMap<u16, u64>,
    /// WebSockets that the server closed, by the code that it gave.
    pub close_codes: BTreeMap<u16, u64>,
    /// Connections that the server ended.
    pub closed_by_server: u64,
    /// Connections on which the server said what is neither a reply nor a frame.
    pub not_understood: u64,
}

impl AttackCounts {
    /// A connection could not be opened.
    pub(super) fn fail(&mut self, why: &std::io::Error) {
        self.not_opened += 1;
        self.first_failure.get_or_insert_with(|| why.to_string());
    }
}
