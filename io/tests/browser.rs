//! The web pages in a real Chromium, by the tests in `io/web/tests/browser`.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::env;
use std::path::Path;
use std::process::Command;

/// `required`: it fails where the browser or a package is missing. `later`: they are run by other means.
const BROWSER: &str = "TEST_BROWSER";
/// How `infra/check/web` ends where something is missing.
const MISSING: i32 = 77;

#[test]
fn people_do_in_a_browser_what_they_came_for() {
    let wanted = env::var(BROWSER).unwrap_or_default();
    if wanted == "later" {
        eprintln!("SKIPPED: {BROWSER} is later");
        return;
    }
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/check/web");
    let status = Command::new(check)
        .args(["--offline", env!("CARGO_BIN_EXE_rookery"), "browser"])
        .status()
        .unwrap();
    if status.code() == Some(MISSING) {
        assert_ne!(wanted, "required", "something is missing: see above");
        eprintln!("SKIPPED: no browser, or no packages; infra/check/web brings them");
        return;
    }
    assert!(status.success(), "see above");
}
