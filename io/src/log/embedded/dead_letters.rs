//! Dead letters: records that no version wrote, or that are damaged. Each is one line of JSON in the
//! file `dead` of its partition, where it outlives its segment.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use rookery_schema::Offset;
use serde_json::json;

/// Appends a record and syncs it. A replay may append the same one again.
pub(super) fn append(dir: &Path, offset: Offset, record: &[u8], reason: &str) -> io::Result<()> {
    let mut hex = String::with_capacity(2 * record.len());
    for byte in record {
        // Writing to a string can't fail.
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
        append(dir.path(), Offset(7), &[0, 200, 255], "kind \"200\"").unwrap();
        append(dir.path(), Offset(9), b"", "empty").unwrap();
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
