//! The `rookery` binary: reads what it is told, and does it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what talks to the terminal"
)]

use std::process::ExitCode;

use rookery_io::check;
use rookery_io::cli::{self, Invocation};
use rookery_io::config::Host;
use rookery_io::serve;

fn main() -> ExitCode {
    let host = match Host::read() {
        Ok(host) => host,
        Err(error) => return fail(&error, 1),
    };
    match cli::parse(std::env::args_os(), &host) {
        Err(error) => fail(&error, cli::EXIT_USAGE),
        Ok(Invocation::Print(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Invocation::Config(effective)) => {
            print!("{effective}");
            ExitCode::SUCCESS
        }
        Ok(Invocation::Check(effective)) => {
            let report = check::run(&effective.config);
            print!("{report}");
            ExitCode::from(u8::from(!report.passed()))
        }
        Ok(Invocation::Migrate(effective)) => match serve::migrate(&effective.config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Ok(Invocation::Serve(effective)) => match serve::serve(&effective.config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("rookery: {error}");
    ExitCode::from(code)
}
