//! What the process keeps from other users of the machine.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// Files that this process makes are its user's alone, and its memory, with messages and keys in it, is never written to
/// a core dump. To be called before there are threads.
pub(crate) fn keep_from_others() {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be turned off");
    }
}
