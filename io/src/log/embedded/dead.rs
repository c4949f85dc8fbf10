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
