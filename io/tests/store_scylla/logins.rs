//! A store that wants a login, and does not let everybody do everything.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use rookery_io::config::Credentials;
use rookery_io::store::scylla::migrate;

use super::support::{Keyspace, NEWEST, keyspace, message, seqs, start};

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

/// Why the store is not used.
fn refusal(keyspace: &Keyspace) -> String {
    keyspace.connect().err().unwrap().to_string()
}

#[test]
fn a_wrong_password_or_none_is_not_waited_out() {
    let Some(mut keyspace) = keyspace_behind_a_login("wrong_login") else {
        return;
    };
    let own = keyspace.settings.credentials.take();
    let without = std::thread::scope(|scope| {
        let without = scope.spawn(|| refusal(&keyspace));
        let mut settings = keyspace.settings.clone();
        settings.credentials = Some(credentials("cassandra", "not his password"));
        let wrong = migrate(&settings, &false.into()).unwrap_err().to_string();
        assert!(
            wrong.contains("correct --scylla-credentials-file"),
            "{wrong}"
        );
        without.join().unwrap()
    });
    assert!(
        without.contains("correct --scylla-credentials-file"),
        "{without}"
    );
    keyspace.settings.credentials = own;
}

/// What `infra/README.md` lists is enough once somebody else has made the tables, and not before.
#[test]
fn a_user_who_may_only_read_and_write_rows_is_enough_for_a_server() {
    let Some(mut keyspace) = keyspace_behind_a_login("grants") else {
        return;
    };
    let role = format!("clerk_{}", std::process::id());
    keyspace.run(&[
        &format!("DROP ROLE IF EXISTS {role}"),
        &format!("CREATE ROLE {role} WITH PASSWORD = 'ledger' AND LOGIN = true"),
    ]);
    let own = keyspace.settings.credentials.clone();
    let clerk = Some(credentials(&role, "ledger"));

    keyspace.settings.credentials.clone_from(&clerk);
    let text = refusal(&keyspace);
    assert!(
        text.contains("grant him what infra/README.md lists"),
        "{text}"
    );

    keyspace.settings.credentials.clone_from(&own);
    migrate(&keyspace.settings, &false.into()).unwrap();
    keyspace.run(&[
        &format!("GRANT SELECT ON KEYSPACE KEYSPACE_NAME TO {role}"),
        &format!("GRANT MODIFY ON KEYSPACE KEYSPACE_NAME TO {role}"),
    ]);
    keyspace.settings.credentials = clerk;
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![message(1, 1)]);
    assert_eq!(seqs(&shard.read(&NEWEST)), [1]);
    shard.stop();

    keyspace.settings.credentials = own;
    keyspace.run(&[&format!("DROP ROLE {role}")]);
}
