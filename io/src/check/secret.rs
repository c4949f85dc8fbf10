//! The file of keys that sign tokens.

use std::path::Path;

use super::finding::Finding;
use crate::config::token_keys;

const CHECK: &str = "token secret";

/// What a start would find, or `SIGHUP`.
pub(super) fn finding(file: &Path) -> Finding {
    match token_keys(file) {
        Ok(keys) => Finding::ok(CHECK, format!("{} keys", keys.iter().count())),
        Err(error) if error.is_missing() => {
            Finding::ok(CHECK, format!("{} (to be made)", file.display()))
        }
        Err(error) => Finding::fail(CHECK, file.display().to_string(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::check::Verdict;

    #[test]
    fn keys_are_counted_and_a_bad_file_fails_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("keys");
        assert_eq!(finding(&path).verdict, Verdict::Ok);
        assert!(!path.exists(), "nothing is made");
        fs::write(&path, format!("{}\n{}\n", "a".repeat(32), "b".repeat(32))).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let exposed = finding(&path);
        assert_eq!(exposed.verdict, Verdict::Fail);
        assert!(exposed.remedy.contains("chmod 600"), "{exposed:?}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(finding(&path), Finding::ok(CHECK, "2 keys"));
    }
}
