//! The command line: what to do, with which configuration.

use std::{collections::BTreeMap, ffi::OsString};

use clap::{
    Arg, ArgAction, ArgMatches, Command, ValueEnum as _, builder::EnumValueParser, error::ErrorKind,
};
use clap_complete::Shell;

use crate::config::{self, ConfigError, Effective, Form, Host};

/// Name of the program, in help and completions.
const PROGRAM: &str = "rookery";

const AFTER_HELP: &str = "\
Each setting is taken from its flag, else from its ROOKERY_* variable, else from rookery.toml, \
else it has its default. `rookery config` shows what holds and where it comes from.";

/// What the user wants.
#[derive(Debug)]
pub enum Invocation {
    /// Run the server.
    Serve(Effective),
    /// Look at the host and the backends.
    Check(Effective),
    /// Create or upgrade schema and topics.
    Migrate(Effective),
    /// Show the configuration.
    Config(Effective),
    /// Write this text (help, version, completions) to stdout, and exit 0.
    Print(String),
}

/// A mistake of the user: one line for stderr. The exit code is [`EXIT_USAGE`](crate::vital::EXIT_USAGE).
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The command line is malformed.
    #[error("{0}")]
    Arguments(String),
    /// A setting is unknown, malformed or out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Reads the command line, the name of the program first, and what it leaves open from the host.
///
/// # Errors
///
/// The first mistake found, as one line that says what is allowed.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    host: &Host,
) -> Result<Invocation, UsageError> {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => return Ok(Invocation::Print(error.to_string())),
        Err(error) => return Err(UsageError::Arguments(one_line(&error))),
    };
    let (name, sub) = matches.subcommand().unwrap_or(("serve", &matches));
    if name == "completions" {
        return Ok(Invocation::Print(completions(sub)));
    }
    let effective = config::resolve(given(sub), host)?;
    Ok(match name {
        "check" => Invocation::Check(effective),
        "migrate" => Invocation::Migrate(effective),
        "config" => Invocation::Config(effective),
        _ => Invocation::Serve(effective),
    })
}

fn command() -> Command {
    let shell = Arg::new("shell")
        .required(true)
        .value_parser(EnumValueParser::<Shell>::new());
    Command::new(PROGRAM)
        .bin_name(PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .about("A chat backend: one process, thread per core, durable before it says yes")
        .after_help(AFTER_HELP)
        .disable_help_subcommand(true)
        .args(flags())
        .subcommand(Command::new("serve").about("Run the server (the default)"))
        .subcommand(
            Command::new("check")
                .about("Look at kernel, limits, disk and backends, with a remedy for each finding"),
        )
        .subcommand(
            Command::new("migrate")
                .about("Create or upgrade the CQL schema and the topics; safe to repeat"),
        )
        .subcommand(
            Command::new("config")
                .about("Show the effective configuration and where each value comes from"),
        )
        .subcommand(
            Command::new("completions")
                .about("Print a completion script for a shell")
                .arg(shell),
        )
}

/// Global, so that they may stand before or after the name of the subcommand.
fn flags() -> impl Iterator<Item = Arg> {
    config::flags().map(|flag| {
        let arg = Arg::new(flag.name)
            .long(flag.name)
            .value_name(flag.placeholder)
            .help(flag.help)
            .global(true)
            // So that `--shards -1` is out of bounds, and not an unknown flag `-1`.
            .allow_negative_numbers(true);
        match flag.form {
            Form::Once => arg,
            // With `=`, as otherwise a subcommand behind it would be taken for its value.
            Form::Switch => arg
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
            Form::Repeated => arg.action(ArgAction::Append),
        }
    })
}

fn given(matches: &ArgMatches) -> BTreeMap<&'static str, String> {
    let text = |name| {
        let texts: Vec<_> = matches.get_many::<String>(name)?.cloned().collect();
        Some(texts.join(","))
    };
    config::flags()
        .filter_map(|flag| Some((flag.name, text(flag.name)?)))
        .collect()
}

fn completions(matches: &ArgMatches) -> String {
    let mut script = Vec::new();
    if let Some(&shell) = matches.get_one::<Shell>("shell") {
        clap_complete::generate(shell, &mut command(), PROGRAM, &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}

/// What clap says in a paragraph, with what is allowed where clap leaves it out.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said: Vec<_> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(|line| line.trim().trim_start_matches("error: "))
        .filter(|line| !line.is_empty())
        .collect();
    let said = said.join("; ");
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let known: Vec<_> = config::flags()
                .map(|flag| format!("--{}", flag.name))
                .collect();
            format!("{said}; allowed are {}", known.join(", "))
        }
        ErrorKind::InvalidSubcommand => {
            let command = command();
            let known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
            format!("{said}; allowed are {}", known.join(", "))
        }
        ErrorKind::MissingRequiredArgument => {
            let shells: Vec<_> = Shell::value_variants()
                .iter()
                .map(Shell::to_string)
                .collect();
            format!("{said}; allowed are {}", shells.join(", "))
        }
        _ => format!("{said}; see {PROGRAM} --help"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use crate::config::{CpuSet, LogEngine};

    fn run(line: &str) -> Result<Invocation, UsageError> {
        let directory = tempfile::tempdir().unwrap();
        let host = Host {
            env: Vec::new(),
            working_dir: directory.path().to_owned(),
            cpus: CpuSet::allowed().unwrap(),
        };
        parse(
            [PROGRAM]
                .into_iter()
                .chain(line.split_whitespace())
                .map(OsString::from),
            &host,
        )
    }

    fn refusal(line: &str) -> String {
        let message = run(line).unwrap_err().to_string();
        assert!(
            !message.contains('\n') && !message.is_empty(),
            "{line}: {message:?}"
        );
        message
    }

    #[test]
    fn clap_finds_no_fault_with_the_command() {
        command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_and_flags_stand_on_either_side() {
        for line in [
            "--listen 127.0.0.1:9 --log redpanda",
            "serve --listen 127.0.0.1:9 --log=redpanda",
            "--listen 127.0.0.1:9 serve --log redpanda",
        ] {
            let Ok(Invocation::Serve(effective)) = run(line) else {
                panic!("{line}")
            };
            assert_eq!(effective.config.listen.port(), 9, "{line}");
            assert_eq!(effective.config.log, LogEngine::Redpanda, "{line}");
        }
        assert!(matches!(run(""), Ok(Invocation::Serve(_))));
    }

    #[test]
    fn origins_may_be_repeated_and_a_switch_stands_alone() {
        for line in [
            "--allowed-origin https://a.example --allowed-origin http://b.example --trust-anyone",
            "--trust-anyone serve --allowed-origin https://a.example,http://b.example",
            "--trust-anyone=true --allowed-origin=https://a.example --allowed-origin=http://b.example",
        ] {
            let Ok(Invocation::Serve(effective)) =
                run(&format!("{line} --auth trust --listen 0.0.0.0:9"))
            else {
                panic!("{line}")
            };
            let origins = effective.config.allowed_origins.iter();
            let origins: Vec<_> = origins.map(|origin| origin.as_str()).collect();
            assert_eq!(origins, ["https://a.example", "http://b.example"], "{line}");
        }
    }

    #[test]
    fn each_subcommand_is_understood() {
        assert!(matches!(run("check"), Ok(Invocation::Check(_))));
        assert!(matches!(
            run("migrate --keyspace k"),
            Ok(Invocation::Migrate(_))
        ));
        assert!(matches!(run("config"), Ok(Invocation::Config(_))));
    }

    #[test]
    fn help_and_version_are_no_mistake() {
        let Ok(Invocation::Print(help)) = run("--help") else {
            panic!("no help")
        };
        for flag in config::flags() {
            assert!(
                help.contains(&match flag.form {
                    Form::Once | Form::Repeated =>
                        format!("--{} <{}>", flag.name, flag.placeholder),
                    Form::Switch => format!("--{}[=<{}>]", flag.name, flag.placeholder),
                }),
                "{help}"
            );
        }
        assert!(help.contains("Usage: rookery "), "{help}");
        let Ok(Invocation::Print(version)) = run("--version") else {
            panic!("no version")
        };
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
        assert!(matches!(run("check --help"), Ok(Invocation::Print(_))));
    }

    #[test]
    fn every_shell_gets_a_script_even_where_the_configuration_is_wrong() {
        for shell in Shell::value_variants() {
            let line = format!("--listen nowhere completions {shell}");
            let Ok(Invocation::Print(script)) = run(&line) else {
                panic!("{shell}")
            };
            assert!(script.contains("durability"), "{shell}: {script}");
        }
    }

    #[test]
    fn mistakes_are_one_line_that_says_what_is_allowed() {
        for (line, allowed) in [
            ("--listn x", "--listen"),
            ("serve --verbose", "--log-level"),
            ("-x", "--listen"),
            ("sevre", "serve"),
            ("serve now", "--listen"),
            ("completions", "bash"),
            ("completions csh", "bash"),
            ("--listen", "<ADDR>"),
            ("--shards 1 --shards 2", "--help"),
            ("--shards -1", "from 1 to 256"),
            ("check --auth none", "token or trust"),
        ] {
            let message = refusal(line);
            assert!(message.contains(allowed), "{line}: {message}");
        }
    }

    #[test]
    fn arguments_that_are_not_text_are_refused() {
        use std::os::unix::ffi::OsStringExt as _;

        let host = Host {
            env: Vec::new(),
            working_dir: ".".into(),
            cpus: CpuSet::allowed().unwrap(),
        };
        let args = [
            PROGRAM.into(),
            "--data-dir".into(),
            OsString::from_vec(vec![0xff]),
        ];
        let message = parse(args, &host).unwrap_err().to_string();
        assert!(message.contains("UTF-8"), "{message}");
    }
}
