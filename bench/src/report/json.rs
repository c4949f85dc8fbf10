//! Results for programs.

use std::path::Path;

use crate::error::BenchError;
use crate::report::Report;
use crate::report::thrift::Thrift;

/// Writes the report, or `{"runs": […]}` where there are several; beside them what they come to.
///
/// # Errors
/// Where the file can't be written.
pub fn write(path: &Path, reports: &[Report], thrift: Option<&Thrift>) -> Result<(), BenchError> {
    let text = match (reports, thrift) {
        (runs, Some(thrift)) => {
            serde_json::to_string_pretty(&serde_json::json!({ "thrift": thrift, "runs": runs }))
        }
        ([only], None) => serde_json::to_string_pretty(only),
        (several, None) => serde_json::to_string_pretty(&serde_json::json!({ "runs": several })),
    };
    text.map_err(Into::into)
        .and_then(|text| std::fs::write(path, text + "\n"))
        .map_err(|source| BenchError::Write {
            path: path.to_owned(),
            source,
        })
}
