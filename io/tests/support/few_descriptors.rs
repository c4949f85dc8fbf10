//! A test that finds no free descriptors. Its process is its own, because others would find none either.

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Set in the process of the test.
const ROLE: &str = "ROOKERY_TEST_FEW_DESCRIPTORS";

/// Runs the test of this name, whose body this is, in a process of its own.
pub(crate) fn in_own_process(name: &str, body: impl FnOnce()) {
    if std::env::var_os(ROLE).is_some() {
        return body();
    }
    let test = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(ROLE, "")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&test.stdout) + String::from_utf8_lossy(&test.stderr);
    assert!(test.status.success(), "{}: {output}", test.status);
    assert!(output.contains("1 passed"), "{output}");
}

/// Does something while this process can open no file.
pub(crate) fn without_descriptors<T>(act: impl FnOnce() -> T) -> T {
    let limit = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        ..limit
    };
    setrlimit(Resource::Nofile, none).unwrap();
    let done = act();
    setrlimit(Resource::Nofile, limit).unwrap();
    done
}
