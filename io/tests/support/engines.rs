//! Which log and store the servers under test run on: the embedded ones, or those of a dev stack.

use std::env;
use std::path::Path;

use rookery_io::config::Credentials;
use xxhash_rust::xxh3::xxh3_64;

/// Set to the address of a broker, servers keep their log there.
const BROKERS: &str = "ROOKERY_TEST_BROKERS";
/// Set to the address of a CQL server, servers keep their store there.
const SCYLLA: &str = "ROOKERY_TEST_SCYLLA";
/// Set to a file with the credentials of a user who may do everything, where that server wants a login.
const CREDENTIALS: &str = "ROOKERY_TEST_SCYLLA_CREDENTIALS";
/// Set to `external`, the two above count for every server under test.
const ENGINES: &str = "ROOKERY_TEST_ENGINES";

/// Where the store of a dev stack is; says that a test is skipped where there is none.
pub fn store() -> Option<String> {
    let found = env::var(SCYLLA).ok();
    if found.is_none() {
        eprintln!("SKIPPED: no store; name one with {SCYLLA}=HOST:PORT");
    }
    found
}

/// Where the broker of a dev stack is; says that a test is skipped where there is none.
pub fn broker() -> Option<String> {
    let found = env::var(BROKERS).ok();
    if found.is_none() {
        eprintln!("SKIPPED: no broker; name one with {BROKERS}=HOST:PORT");
    }
    found
}

/// Whether servers under test run on engines of their own.
pub fn are_external() -> bool {
    env::var_os(ENGINES).is_some()
}

/// The flags of a server whose data is in this directory, or in a topic and a keyspace that go with it.
pub fn flags(data_dir: &Path) -> Vec<String> {
    match env::var(ENGINES).as_deref() {
        Err(_) => Vec::new(),
        Ok("external") => external_flags(data_dir),
        Ok(other) => panic!("{ENGINES} is {other}, and can only be external"),
    }
}

fn external_flags(data_dir: &Path) -> Vec<String> {
    let name = format!(
        "test_{:016x}",
        xxh3_64(data_dir.as_os_str().as_encoded_bytes())
    );
    let mut flags = Vec::new();
    if let Ok(brokers) = env::var(BROKERS) {
        flags.extend(["--log", "redpanda", "--brokers", &brokers].map(str::to_owned));
        flags.extend(["--topic", &name, "--group", &name].map(str::to_owned));
    }
    if let Ok(scylla) = env::var(SCYLLA) {
        flags.extend(store_flags(&scylla, &name));
    }
    assert!(!flags.is_empty(), "{BROKERS} or {SCYLLA} must be set");
    flags
}

/// The user who may do everything in the CQL server, and their password, where it wants a login.
pub fn store_credentials() -> Option<(String, String)> {
    let path = env::var_os(CREDENTIALS)?;
    let credentials = Credentials::read(path.as_ref()).unwrap();
    Some((credentials.user.clone(), credentials.expose().to_owned()))
}

/// The flags of a server whose store is at this address, in a keyspace of this name.
pub fn store_flags(address: &str, keyspace: &str) -> Vec<String> {
    let mut flags = vec![
        "--store",
        "scylla",
        "--scylla",
        address,
        "--keyspace",
        keyspace,
    ];
    let credentials = env::var(CREDENTIALS);
    if let Ok(path) = &credentials {
        flags.extend(["--scylla-credentials-file", path]);
    }
    flags.into_iter().map(str::to_owned).collect()
}
