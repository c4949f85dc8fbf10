//! The `rookery` binary: reads its arguments and does what they say.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use rookery_io::check;
use rookery_io::cli::{self, Invocation};
use rookery_io::config::Host;
use rookery_io::serve;
use rookery_io::vital::{EXIT_FAILURE, EXIT_USAGE, Failure as _};

fn main() -> ExitCode {
    let host = match Host::read() {
        Ok(host) => host,
        Err(error) => return fail(&error, EXIT_FAILURE),
    };
    match cli::parse(std::env::args_os(), &host) {
        Err(error) => fail(&error, EXIT_USAGE),
        Ok(Invocation::Print(text)) => print(&text, 0),
        Ok(Invocation::Config(effective)) => print(&effective, 0),
        Ok(Invocation::Check(effective)) => {
            let report = check::run(&effective.config);
            print(&report, u8::from(!report.passed()))
        }
        Ok(Invocation::Migrate(effective)) => match serve::migrate(&effective.config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, error.exit_code()),
        },
        Ok(Invocation::Serve(effective)) => match serve::serve(&effective.config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, error.exit_code()),
        },
    }
}

/// A closed pipe (`rookery config | head -1`) is not an error.
fn print(text: &dyn Display, code: u8) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(
            &format_args!("can't write to stdout: {error}"),
            EXIT_FAILURE,
        ),
        _ => ExitCode::from(code),
    }
}

fn fail(error: &dyn Display, code: u8) -> ExitCode {
    // If stderr is gone too, the exit code still tells.
    let _ = writeln!(io::stderr(), "rookery: {error}");
    ExitCode::from(code)
}
