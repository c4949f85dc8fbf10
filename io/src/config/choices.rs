//! What settings with a few words to choose from stand for.

/// What keeps the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEngine {
    /// In this process, below the data directory.
    Embedded,
    /// A Kafka-API broker.
    Redpanda,
}

/// What keeps messages, chats and users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreEngine {
    /// In this process, below the data directory.
    Embedded,
    /// A CQL cluster.
    Scylla,
}

/// What the embedded log's acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On the disk: survives a power cut.
    Fsync,
    /// Handed to the operating system: survives a crash of the process alone.
    Os,
}

/// How a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// By the signed token that a login gave them.
    Token,
    /// By their own word.
    Trust,
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Whoever reaches the server.
    Open,
    /// Whoever has an operator's invite.
    Invite,
    /// Nobody: operators create all users.
    Closed,
}
