//! What the process keeps from other users of the machine.

use std::io;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// Files that this process makes are its user's alone, and its memory, with messages and keys in it, is never written to
/// a core dump. To be called before there are threads.
///
/// # Errors
/// Where core dumps could not be turned off; files are kept from others all the same.
pub(crate) fn keep_from_others() -> io::Result<()> {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(setrlimit(Resource::Core, none)?)
}
