//! A store that wants a login, and does not let everybody do everything.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use rookery_io::config::Credentials;
use rookery_io::startup::Startup;
use rookery_io::store::scylla::{ScyllaError, ScyllaStore, Settings, migrate};

use super::support::{Keyspace, LOG, NEWEST, keyspace, message, seqs, start};

/// A keyspace, where the server wants a login.
#[allow(clippy::print_stdout, reason = "whoever runs the tests should see it")]
fn keyspace_behind_a_login(test: &str) -> Option<Keyspace> {
    let keyspace = keyspace(test)?;
    if keyspace.settings.credentials.is_none() {
        println!("SKIPPED: the server lets everybody in");
        return None;
    }
    Some(keyspace)
}

fn credentials(user: &str, password: &str) -> Credentials {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("credentials");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    writeln!(file, "{user}\n{password}").unwrap();
    Credentials::read(&path).unwrap()
}

/// The keyspace, as another would use it.
fn as_user(keyspace: &Keyspace, credentials: Option<Credentials>) -> Settings {
    Settings {
        credentials,
        ..keyspace.settings.clone()
    }
}

fn connect(settings: &Settings) -> Result<ScyllaStore, ScyllaError> {
    ScyllaStore::connect(settings, LOG, &Startup::default())
}

#[test]
fn a_wrong_password_or_none_is_not_waited_out() {
    let Some(keyspace) = keyspace_behind_a_login("wrong_login") else {
        return;
    };
    let nobody = as_user(&keyspace, None);
    let forgetful = as_user(
        &keyspace,
        Some(credentials("cassandra", "not the password")),
    );
    let refused = std::thread::scope(|scope| {
        let without = scope.spawn(|| connect(&nobody).err().unwrap());
        let wrong = migrate(&forgetful, &Startup::default()).unwrap_err();
        [wrong, without.join().unwrap()]
    });
    for error in refused {
        let text = error.to_string();
        assert!(text.contains("correct --scylla-credentials-file"), "{text}");
    }
}

/// What `infra/README.md` lists is enough once somebody else has made the tables, and not before.
#[test]
fn a_user_who_may_only_read_and_write_rows_is_enough_for_a_server() {
    let Some(keyspace) = keyspace_behind_a_login("grants") else {
        return;
    };
    let role = format!("clerk_{}", std::process::id());
    keyspace.run(&[
        &format!("DROP ROLE IF EXISTS {role}"),
        &format!("CREATE ROLE {role} WITH PASSWORD = 'ledger' AND LOGIN = true"),
    ]);
    let clerk = as_user(&keyspace, Some(credentials(&role, "ledger")));
    let text = connect(&clerk).err().unwrap().to_string();
    assert!(
        text.contains("grant the user what infra/README.md lists"),
        "{text}"
    );

    migrate(&keyspace.settings, &Startup::default()).unwrap();
    keyspace.run(&[
        &format!("GRANT SELECT ON KEYSPACE KEYSPACE_NAME TO {role}"),
        &format!("GRANT MODIFY ON KEYSPACE KEYSPACE_NAME TO {role}"),
    ]);
    let mut shard = start(&connect(&clerk).unwrap(), 0);
    shard.write(vec![message(1, 1)]);
    assert_eq!(seqs(&shard.read(&NEWEST)), [1]);
    shard.stop();
    keyspace.run(&[&format!("DROP ROLE {role}")]);
}
