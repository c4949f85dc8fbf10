//! The `rookery-bench` binary: measures, prints, and says by its exit code whether the run was correct.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use rookery_bench::cli::Cli;
use rookery_bench::scenario;

/// Something was lost, repeated, reordered, or refused for another reason than load.
const EXIT_INCORRECT: u8 = 1;
const EXIT_NO_MEASUREMENT: u8 = 2;
/// `EX_USAGE` of sysexits.h, as the server has it.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // Where even this can't be printed, the exit code has to do.
            let _ = message.print();
            let code = if message.use_stderr() { EXIT_USAGE } else { 0 };
            return ExitCode::from(code);
        }
    };
    match scenario::run(&cli.scenario) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_INCORRECT),
        Err(error) => {
            let _ = writeln!(io::stderr(), "rookery-bench: {error}");
            ExitCode::from(EXIT_NO_MEASUREMENT)
        }
    }
}
