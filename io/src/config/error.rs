use std::{io, net::SocketAddr, path::PathBuf};

/// A configuration that can't be used. Each variant is one line that says what is allowed; the user
/// mends it and starts again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value is malformed or out of bounds.
    #[error("{name}: {text:?} is not allowed; expected {allowed}")]
    Value {
        /// The setting, as it is called where its value stands.
        name: String,
        /// The value.
        text: String,
        /// What would have been allowed.
        allowed: String,
    },

    /// Two settings exclude each other.
    #[error("{one} and {other} exclude each other; give one of them")]
    Exclusive {
        /// The one.
        one: String,
        /// The other.
        other: String,
    },

    /// A setting has no effect without another.
    #[error("{one} needs --{other}; give an address that users can't reach")]
    Needs {
        /// The one.
        one: String,
        /// The other, without its dashes.
        other: &'static str,
    },

    /// Two addresses are one, or one of them takes in the other.
    #[error("{one} {first} and {other} {second} overlap; give them different ports")]
    Overlapping {
        /// The one setting.
        one: String,
        /// Its address.
        first: SocketAddr,
        /// The other setting.
        other: String,
        /// Its address.
        second: SocketAddr,
    },

    /// Trust mode would be open to others than this machine.
    #[error(
        "{auth} trust takes anybody who reaches {listen} {address} for whoever they claim to be; listen on a loopback \
         address such as 127.0.0.1:8000, or give --trust-anyone"
    )]
    Trust {
        /// The setting that asks for trust, as it is called where its value stands.
        auth: String,
        /// The setting of the address.
        listen: String,
        /// The address.
        address: SocketAddr,
    },

    /// A CPU was asked for that the process may not run on.
    #[error("{name}: CPU {cpu} is not allowed to this process; allowed are {allowed}")]
    Cpu {
        /// The setting, as it is called where its value stands.
        name: String,
        /// The first CPU that is not allowed.
        cpu: usize,
        /// Those that are.
        allowed: String,
    },

    /// A variable begins with `ROOKERY_` but means nothing.
    #[error("unknown variable {name:?}; allowed are {known}")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// Those that mean something.
        known: String,
    },

    /// A variable's value is not UTF-8.
    #[error("{name}: its value is not text; expected UTF-8")]
    NotText {
        /// The variable.
        name: String,
    },

    /// A key of the file means nothing.
    #[error("unknown key {key:?} in {}; allowed are {known}", path.display())]
    UnknownKey {
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
        /// Those that mean something.
        known: String,
    },

    /// The file is not TOML.
    #[error("{}, line {line}: {}; expected TOML, such as listen = \"127.0.0.1:8000\"", path.display(), message.replace('\n', " "))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the TOML parser says.
        message: String,
    },

    /// The file can't be read.
    #[error("{}: {source}; expected a readable TOML file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
