//! What is fixed when a log is created.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rookery_schema::PartitionId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::LogError;
use crate::embedded::{create_private_dir, sync_dir};

const FORMAT: u32 = 2;
const META_FILE: &str = "meta.toml";

/// A log's directory, its number of partitions, and the name that ties a store to it.
#[derive(Clone, Debug)]
pub struct LogLayout {
    dir: PathBuf,
    pub partitions: u32,
    /// Offsets of one log mean nothing in another: a store remembers whose it is.
    pub log_id: Uuid,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    format: u32,
    partitions: u32,
    log_id: Uuid,
}

impl LogLayout {
    /// Reads the layout of the log in `dir`, or creates it with so many partitions and this id.
    ///
    /// # Errors
    /// A [`LogError`] where the log is of another version, or can't be read.
    pub fn prepare(dir: &Path, partitions: u32, log_id: Uuid) -> Result<Self, LogError> {
        let path = dir.join(META_FILE);
        let meta = match fs::read_to_string(&path) {
            Ok(text) => parse(&path, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let meta = Meta {
                    format: FORMAT,
                    partitions,
                    log_id,
                };
                create(dir, &path, &meta)?;
                meta
            }
            Err(error) => return Err(LogError::io(&path)(error)),
        };
        Ok(Self {
            dir: dir.to_owned(),
            partitions: meta.partitions,
            log_id: meta.log_id,
        })
    }

    pub(super) fn partition_dir(&self, partition: PartitionId) -> PathBuf {
        self.dir.join(partition.to_string())
    }
}

fn parse(path: &Path, text: &str) -> Result<Meta, LogError> {
    let refused = |reason| LogError::Layout {
        path: path.to_owned(),
        reason,
    };
    let meta: Meta = toml::from_str(text).map_err(|error| refused(error.to_string()))?;
    if meta.format != FORMAT || meta.partitions == 0 {
        return Err(refused(format!(
            "it has format {}, this is format {FORMAT}",
            meta.format
        )));
    }
    Ok(meta)
}

/// Writes the file under another name first, so that it is there whole or not at all.
fn create(dir: &Path, path: &Path, meta: &Meta) -> Result<(), LogError> {
    create_private_dir(dir).map_err(LogError::io(dir))?;
    let text = toml::to_string(meta).map_err(|error| LogError::Layout {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let draft = path.with_extension("draft");
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        sync_dir(dir)?;
        dir.parent().map_or(Ok(()), sync_dir)
    };
    write().map_err(LogError::io(path))
}
