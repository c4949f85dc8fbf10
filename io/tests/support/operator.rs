//! What an operator has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The operator's token.
pub const TOKEN: &str = "0123456789-of-an-operator-abcdef";

/// A file with the operator's token.
pub fn token_file(dir: &Path) -> PathBuf {
    let path = dir.join("operator.token");
    fs::write(&path, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}
