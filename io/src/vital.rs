//! Threads that the process can't do without: if one ends unasked, the process ends.

use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long the log's writer has to write why the process ends.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Whether threads may end: false until the process has been drained.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<AtomicBool>);

impl Shutdown {
    /// Lets threads end from now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether threads may end.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The exit code where the process can't do its work.
pub const EXIT_FAILURE: u8 = 1;
/// The exit code where a flag, a variable or a file of settings is wrong, so that a restart changes nothing
/// (`EX_USAGE`, sysexits(3)).
pub const EXIT_USAGE: u8 = 64;
/// The exit code where another process does it instead, so that a restart would only take it away from that one
/// (`EX_UNAVAILABLE`, sysexits(3)).
pub const EXIT_UNAVAILABLE: u8 = 69;

/// Why the process can't start, or a vital thread failed.
pub trait Failure: Display {
    /// With which code the process ends.
    fn exit_code(&self) -> u8 {
        EXIT_FAILURE
    }
}

impl Failure for Infallible {}
impl Failure for io::Error {}

/// Runs a vital thread's body. If it fails, the process ends with the exit code of the failure; if it panics, or ends
/// before `shutdown`, the process aborts.
pub fn run<E: Failure>(name: &str, shutdown: &Shutdown, body: impl FnOnce() -> Result<(), E>) {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) if shutdown.has_begun() => {}
        Ok(Ok(())) => die(name, "it ended although the server is running"),
        Ok(Err(failure)) => fail(name, &failure),
        Err(_) => die(name, "it panicked"),
    }
}

/// Makes panics go to the log, like everything else that an operator should know.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(thread, place, message, "a panic");
    }));
}

/// Ends the process at once. What is durable is safe, and a restart replays it, whereas a process that
/// lacks a thread would silently stop serving some of its users.
pub fn die(name: &str, reason: &str) -> ! {
    tracing::error!(
        thread = name,
        reason,
        "a thread the server can't do without has ended; the server stops, start it again"
    );
    thread::sleep(LAST_WORDS);
    std::process::abort()
}

/// Ends the process at once over an error that is no fault of its own, and whose text says what to do. Where
/// several threads have one at the same time, the first says it for all.
fn fail(name: &str, failure: &impl Failure) -> ! {
    static FAILING: AtomicBool = AtomicBool::new(false);
    if FAILING.swap(true, Ordering::AcqRel) {
        loop {
            thread::park();
        }
    }
    tracing::error!(thread = name, error = %failure, "the server can't go on, and stops");
    thread::sleep(LAST_WORDS);
    std::process::exit(failure.exit_code().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::fmt;
    use std::process::Command;

    const ROLE: &str = "ROOKERY_TEST_VITAL_ROLE";

    /// A failure with an exit code of its own.
    struct Superseded;

    impl Display for Superseded {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("on purpose")
        }
    }

    impl Failure for Superseded {
        fn exit_code(&self) -> u8 {
            EXIT_UNAVAILABLE
        }
    }

    /// Plays the role in a process of its own, because the outcome is the end of a process.
    fn exit_code(role: &str) -> Option<i32> {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["vital::tests::plays_a_role", "--exact", "--nocapture"])
            .env(ROLE, role)
            .output()
            .unwrap();
        output.status.code()
    }

    #[test]
    fn plays_a_role() {
        let shutdown = Shutdown::default();
        match std::env::var(ROLE).as_deref() {
            Ok("panics") => run("test", &shutdown, || -> Result<(), Infallible> {
                panic!("on purpose")
            }),
            Ok("fails") => run("test", &shutdown, || Err(io::Error::other("on purpose"))),
            Ok("is superseded") => run("test", &shutdown, || Err(Superseded)),
            Ok("ends") => run("test", &shutdown, || Ok::<(), Infallible>(())),
            Ok("ends in time") => {
                shutdown.begin();
                run("test", &shutdown, || Ok::<(), Infallible>(()));
            }
            _ => {}
        }
    }

    #[test]
    fn only_an_orderly_end_leaves_the_process_alive() {
        assert_eq!(exit_code("ends in time"), Some(0));
        assert_eq!(exit_code("fails"), Some(1));
        assert_eq!(exit_code("is superseded"), Some(69));
        for role in ["panics", "ends"] {
            assert_eq!(
                exit_code(role),
                None,
                "a thread that {role} must abort the process"
            );
        }
    }
}
