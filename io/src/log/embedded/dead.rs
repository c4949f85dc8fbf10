//! Records that can't be understood, such as a newer version's: one JSON object a line in the file `dead`
//! of their partition, where they outlive their segment.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use rookery_schema::Offset;
use serde_json::json;

/// Appends a record and syncs it. A replay may bury the same one again.
pub(super) fn bury(dir: &Path, offset: Offset, record: &[u8], reason: &str) -> io::Result<()> {
    let mut hex = String::with_capacity(2 * record.len());
    for byte in record {
        // A string takes whatever is written to it.
        let _ = write!(hex, "{byte:02x}");
    }
    let line = json!({"offset": offset.0, "reason": reason, "record": hex});
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(dir.join("dead"))?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn each_record_is_a_line_that_can_be_read_back() {
        let dir = tempfile::tempdir().unwrap();
        bury(dir.path(), Offset(7), &[0, 200, 255], "kind \"200\"").unwrap();
        bury(dir.path(), Offset(9), b"", "empty").unwrap();
        let text = std::fs::read_to_string(dir.path().join("dead")).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            lines,
            [
                json!({"offset": 7, "reason": "kind \"200\"", "record": "00c8ff"}),
                json!({"offset": 9, "reason": "empty", "record": ""}),
            ]
        );
    }
}
