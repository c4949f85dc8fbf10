//! What can't be meant is refused in one line, before anything is touched.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use support::Options;
use support::server::rookery;
use tempfile::TempDir;

/// `EX_USAGE` of sysexits.h.
const USAGE: i32 = 64;

/// Runs to the end; gives exit code and what was printed.
fn run(dir: &TempDir, prepare: impl FnOnce(&mut Command)) -> (Option<i32>, String) {
    let log = dir.path().join("log");
    let mut command = rookery(&log);
    command.current_dir(dir.path());
    prepare(&mut command);
    let status = command.status().unwrap();
    (status.code(), std::fs::read_to_string(log).unwrap())
}

#[track_caller]
fn assert_refused(outcome: (Option<i32>, String), about: &str) {
    let (code, text) = outcome;
    assert_eq!(code, Some(USAGE), "{about}: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    assert!(text.contains(about), "{about} in {text}");
}

#[test]
fn flags_are_known_and_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    for (flag, value) in [
        ("--nonsense", "1"),
        ("--shards", "0"),
        ("--shards", "many"),
        ("--shards", "100000"),
        ("--partitions", "0"),
        ("--partitions", "99999999"),
        ("--auth", "maybe"),
        ("--registration", "later"),
        ("--durability", "never"),
        ("--log", "paper"),
        ("--listen", "nowhere"),
        ("--lag-limit", "-1"),
        ("--user-rate", "-1"),
        ("--cpus", "x-y"),
    ] {
        let outcome = run(&dir, |command| {
            command.arg(format!("{flag}={value}"));
        });
        assert_refused(outcome, flag.trim_start_matches('-'));
    }
    assert!(!dir.path().join("data").exists(), "nothing was touched");
}

#[test]
fn operators_calls_need_an_address_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(&dir, |command| {
        command.arg("--operator-token-file=token");
    });
    assert_refused(outcome, "--operator-token-file needs --admin-listen");
}

#[test]
fn two_listeners_on_one_address_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(&dir, |command| {
        let same = ["--listen=127.0.0.1:9", "--admin-listen=127.0.0.1:9"];
        command.arg("config").args(same);
    });
    assert_refused(outcome, "overlap");
}

#[test]
fn variables_are_known_and_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    for (name, value) in [("ROOKERY_NONSENSE", "1"), ("ROOKERY_SHARDS", "0")] {
        let outcome = run(&dir, |command| {
            command.env(name, value);
        });
        assert_eq!(outcome.0, Some(USAGE), "{name}: {}", outcome.1);
        assert_eq!(outcome.1.trim_end().lines().count(), 1, "{}", outcome.1);
    }
}

#[test]
fn keys_are_known_and_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    for (toml, about) in [
        ("nonsense = 1\n", "nonsense"),
        ("shards = 0\n", "shards"),
        ("auth = \"maybe\"\n", "auth"),
        ("shards = \n", "rookery.toml"),
    ] {
        std::fs::write(dir.path().join("rookery.toml"), toml).unwrap();
        let (code, text) = run(&dir, |_| {});
        assert_eq!(code, Some(USAGE), "{toml}: {text}");
        assert!(text.contains(about), "{about} in {text}");
    }
}

#[test]
fn the_effective_configuration_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("rookery.toml"),
        "shards = 3\nuser-rate = 7\nlogin-rate = 9\n",
    )
    .unwrap();
    let (code, text) = run(&dir, |command| {
        command
            .env("ROOKERY_SHARDS", "4")
            .env("ROOKERY_USER_RATE", "8")
            .args(["config", "--shards", "5"]);
    });
    assert_eq!(code, Some(0), "{text}");
    for (key, value) in [("shards", "5"), ("user-rate", "8"), ("login-rate", "9")] {
        assert_eq!(
            shown(&text, key),
            Some(value),
            "flag before variable before file: {text}"
        );
    }
}

/// What `rookery config` shows of a setting.
fn shown<'a>(text: &'a str, setting: &str) -> Option<&'a str> {
    let mut assignments = text.lines().filter_map(|line| line.split_once('='));
    let (_, value) = assignments.find(|(name, _)| name.trim() == setting)?;
    value.split('#').next().map(str::trim)
}

#[test]
fn users_have_quotas_in_token_mode_and_where_they_are_asked_for() {
    const QUOTAS: [(&str, &str); 4] = [
        ("user-bytes", "134217728"),
        ("sockets-per-user", "64"),
        ("chats-per-user", "2000"),
        ("memberships-per-user", "10000"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let effective = |flags: &[&str]| {
        let (code, text) = run(&dir, |command| {
            command.arg("config").args(flags);
        });
        assert_eq!(code, Some(0), "{text}");
        text
    };
    let by_default = effective(&[]);
    let by_token = effective(&["--auth=token"]);
    let by_trust = effective(&["--auth=trust"]);
    for (quota, default) in QUOTAS {
        assert_eq!(shown(&by_default, quota), Some(default));
        assert_eq!(shown(&by_token, quota), Some(default));
        assert_eq!(shown(&by_trust, quota), Some("0"), "{quota}");
        let asked_for = effective(&["--auth=trust", &format!("--{quota}=7")]);
        assert_eq!(shown(&asked_for, quota), Some("7"));
    }
}

#[test]
fn help_and_completions_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text) = run(&dir, |command| {
        command.arg("--help");
    });
    assert_eq!(code, Some(0));
    for flag in [
        "--listen",
        "--shards",
        "--data-dir",
        "--durability",
        "--auth",
        "--lag-limit",
    ] {
        assert!(text.contains(flag), "{flag} in {text}");
    }
    let (code, text) = run(&dir, |command| {
        command.args(["completions", "bash"]);
    });
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("--data-dir"));
}

/// Commands that print.
const PRINTING: [&[&str]; 4] = [
    &["--help"],
    &["config"],
    &["completions", "bash"],
    &["check"],
];

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    for args in PRINTING {
        let expected = run(&dir, |command| {
            command.args(args);
        });
        let (code, text) = run(&dir, |command| {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            command.args(args).stdout(writer);
        });
        assert_eq!((code, text), (expected.0, String::new()), "{args:?}");
    }
}

#[test]
fn output_that_can_not_be_written_is_a_failure_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    for args in PRINTING {
        let (code, text) = run(&dir, |command| {
            let full = std::fs::File::options().write(true).open("/dev/full");
            command.args(args).stdout(full.unwrap());
        });
        assert_eq!(code, Some(1), "{args:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
        assert!(text.contains("can't write to stdout"), "{text}");
    }
}

#[test]
fn variables_of_kubernetes_and_empty_ones_are_no_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text) = run(&dir, |command| {
        // What a Service named rookery brings to each container of its namespace.
        command
            .env("ROOKERY_SERVICE_HOST", "10.0.0.1")
            .env("ROOKERY_SERVICE_PORT", "8000")
            .env("ROOKERY_SERVICE_PORT_API", "8000")
            .env("ROOKERY_PORT", "tcp://10.0.0.1:8000")
            .env("ROOKERY_PORT_8000_TCP", "tcp://10.0.0.1:8000")
            .env("ROOKERY_PORT_8000_TCP_ADDR", "10.0.0.1")
            .env("ROOKERY_TEST_SEED", "7")
            .env("ROOKERY_CPUSET", "0-1")
            .env("ROOKERY_IMAGE", "rookery:latest")
            .env("ROOKERY_SHARDS", "")
            .env("ROOKERY_CONFIG", "")
            .arg("config");
    });
    assert_eq!(code, Some(0), "{text}");
    assert_refused(
        run(&dir, |command| {
            command.env("ROOKERY_PORT", "8000");
        }),
        "ROOKERY_PORT",
    );
}

#[test]
fn a_file_that_is_linked_and_gone_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("nowhere.toml", dir.path().join("rookery.toml")).unwrap();
    let outcome = run(&dir, |command| {
        command.arg("config");
    });
    assert_refused(outcome, "rookery.toml: No such file");
}

#[test]
fn a_log_keeps_its_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let options = Options::embedded(&data).shards(2);
    let server = options.start();
    assert!(!server.log().contains("own no chats"), "{}", server.log());
    drop(server);

    let mut refused = options.clone().flag("--partitions", 3).spawn();
    assert_eq!(refused.wait_ready().unwrap_err().code(), Some(USAGE));
    let log = refused.log();
    assert!(
        log.contains("has 2 partitions and not 3: leave --partitions out"),
        "{log}"
    );

    let server = Options::embedded(&data).shards(3).start();
    assert!(server.log().contains("own no chats"), "{}", server.log());
    drop(server);

    let check = |shards: &str| {
        run(&dir, |command| {
            command.args(["check", "--shards", shards]);
        })
    };
    let (_, text) = check("2");
    assert!(text.contains("2 partitions on 2 shards | ok"), "{text}");
    let (_, text) = check("3");
    assert!(text.contains("2 partitions on 3 shards | warn"), "{text}");
}

/// A file that nobody else may read.
fn private_file(dir: &TempDir, name: &str, content: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_of_settings_that_is_wrong_stays_wrong_and_check_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let short = private_file(&dir, "short", "too short\n");
    let absent = dir.path().join("absent").to_str().unwrap().to_owned();
    let run = |command: Option<&str>, flag: &str, file: &str| {
        run(&dir, |server| {
            server.args(command).args([flag, file]);
            server.args(["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
        })
    };
    for (flag, file, check, what) in [
        (
            "--operator-token-file",
            &short,
            "operator's token",
            "32 to 4096",
        ),
        (
            "--operator-token-file",
            &absent,
            "operator's token",
            "No such file",
        ),
        ("--token-secret-file", &short, "token secret", "32 to 4096"),
    ] {
        let (code, text) = run(None, flag, file);
        assert_eq!(code, Some(USAGE), "{text}");
        assert!(text.contains(what), "{text}");
        let (code, text) = run(Some("check"), flag, file);
        assert_eq!(code, Some(1), "{text}");
        let line = text.lines().find(|line| line.starts_with(check)).unwrap();
        assert!(
            line.contains("| fail") && line.contains(what),
            "{flag}: {line}"
        );
    }
}

/// What a start and `rookery check` say of settings that are hardly meant together.
const HARDLY_MEANT: [(&str, &str); 3] = [
    ("trusted proxies", "--trusted-proxies"),
    ("public URLs", "name https URLs alone"),
    ("registration", "--operator-token-file"),
];

#[test]
fn settings_that_are_hardly_meant_together_are_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let doubtful = [
        (
            "--public-url",
            "https://chat.example,http://chat.example:8000",
        ),
        ("--registration", "invite"),
    ];
    let meant = [
        ("--public-url", "https://chat.example"),
        ("--trusted-proxies", "127.0.0.1"),
    ];
    for (flags, warned) in [(&doubtful[..], true), (&meant[..], false)] {
        let data = tempfile::tempdir().unwrap();
        let options = Options::embedded(data.path()).shards(1);
        let options = flags
            .iter()
            .fold(options, |options, (flag, value)| options.flag(flag, value));
        let server = options.start();
        let (_, table) = run(&dir, |command| {
            let flags = flags.iter().flat_map(|(flag, value)| [flag, value]);
            command.arg("check").args(flags);
        });
        for (check, remedy) in HARDLY_MEANT {
            let line = table.lines().find(|line| line.starts_with(check));
            let verdict = if warned { "| warn" } else { "| ok" };
            assert!(
                line.is_some_and(|line| line.contains(verdict)),
                "{check}: {table}"
            );
            let log = server.log();
            assert_eq!(log.contains(remedy), warned, "{remedy} in {log}");
        }
    }
}
