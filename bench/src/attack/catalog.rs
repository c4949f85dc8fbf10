//! All attacks.

use clap::ValueEnum;
use serde::Serialize;

use crate::attack::foothold::Foothold;
use crate::attack::script::Force;
use crate::attack::{churn, garbage, logins, pings, readers, slow};

/// A way to harm a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// Heads that come byte by byte, and never end
    Slowloris,
    /// Bodies that come byte by byte
    SlowBodies,
    /// Pipelined GETs of long replies, which nobody reads
    Readers,
    /// Logins with names that nobody has
    UnknownLogins,
    /// Logins of an honest user with wrong passwords
    WrongPasswords,
    /// New accounts
    Registrations,
    /// More pings over WebSockets than a server answers
    Pings,
    /// Connections that come and go, and say nothing: as many as there are descriptors
    Churn,
    /// Bytes that are no request, and no frame
    Garbage,
    /// Heads that are too long, in one way or another
    HugeHeads,
}

impl Attack {
    /// Its connections, so many times as many as usual.
    pub fn force(self, foothold: &Foothold, intensity: f64) -> Force {
        let force = match self {
            Self::Slowloris => slow::heads(foothold),
            Self::SlowBodies => slow::bodies(foothold),
            Self::Readers => readers::force(foothold),
            Self::UnknownLogins => logins::unknown_names(foothold),
            Self::WrongPasswords => logins::wrong_passwords(foothold),
            Self::Registrations => logins::registrations(foothold),
            Self::Pings => pings::force(foothold),
            Self::Churn => churn::force(),
            Self::Garbage => garbage::bytes(foothold),
            Self::HugeHeads => garbage::heads(foothold),
        };
        let connections = (force.connections as f64 * intensity).round() as usize;
        Force {
            connections: connections.max(1),
            ..force
        }
    }
}
