//! The file of the operator's token.

use std::path::Path;

use super::finding::Finding;
use crate::config::OperatorToken;

const CHECK: &str = "operator's token";

/// What a start would find.
pub(super) fn finding(file: &Path) -> Finding {
    let found = file.display().to_string();
    match OperatorToken::read(file) {
        Ok(_) => Finding::ok(CHECK, found),
        Err(error) => Finding::fail(CHECK, found, error.to_string()),
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
    fn a_file_that_a_start_would_refuse_fails_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("operator.token");
        assert_eq!(finding(&path).verdict, Verdict::Fail, "none is made");
        fs::write(&path, "a".repeat(32)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let exposed = finding(&path);
        assert_eq!(exposed.verdict, Verdict::Fail);
        assert!(exposed.remedy.contains("chmod 600"), "{exposed:?}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(finding(&path).verdict, Verdict::Ok);
    }
}
