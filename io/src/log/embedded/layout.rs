//! What is fixed when a log is created, and its format, which may be raised.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rookery_schema::PartitionId;
use rookery_schema::format::{NEWEST, OLDEST};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::LogError;
use crate::embedded::{FormatMark, create_private_dir, sync_dir};
use crate::log::partitions::Partitions;

/// The log's directory in a data directory.
pub(crate) const DIR: &str = "log";
const META_FILE: &str = "meta.toml";

/// A log's directory, its number of partitions, and the name that ties a store to it.
#[derive(Clone, Debug)]
pub struct LogLayout {
    dir: PathBuf,
    pub partitions: u32,
    /// Offsets of one log mean nothing in another: a store remembers whose it is.
    pub log_id: Uuid,
    format: Arc<FormatMark>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    format: u32,
    partitions: u32,
    log_id: Uuid,
}

/// What every format has.
#[derive(Deserialize)]
struct AnyMeta {
    format: u32,
}

impl LogLayout {
    /// Reads the layout of the log in `dir`, or creates it with so many partitions and this id.
    ///
    /// # Errors
    /// A [`LogError`] where the log is of another version, has another number of partitions, or can't be read.
    pub fn prepare(dir: &Path, partitions: Partitions, log_id: Uuid) -> Result<Self, LogError> {
        if let Some(found) = Self::find(dir, partitions)? {
            return Ok(found);
        }
        let path = dir.join(META_FILE);
        // Until something is written that needs more, the oldest version may open it.
        let meta = Meta {
            format: OLDEST,
            partitions: partitions.number(),
            log_id,
        };
        create(dir, &path, &meta).map_err(LogError::io(&path))?;
        Ok(Self::of(dir, meta))
    }

    /// Reads the layout of the log in `dir`, if there is one.
    ///
    /// # Errors
    /// As for [`Self::prepare`].
    pub fn find(dir: &Path, partitions: Partitions) -> Result<Option<Self>, LogError> {
        let path = dir.join(META_FILE);
        let meta = match fs::read_to_string(&path) {
            Ok(text) => parse(&path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io(&path)(error)),
        };
        let found = meta.partitions;
        match partitions.conflict(found) {
            Some(wanted) => Err(LogError::Partitions {
                path: dir.to_owned(),
                found,
                wanted,
            }),
            None => Ok(Some(Self::of(dir, meta))),
        }
    }

    fn of(dir: &Path, meta: Meta) -> Self {
        Self {
            dir: dir.to_owned(),
            partitions: meta.partitions,
            log_id: meta.log_id,
            format: Arc::new(FormatMark::new(meta.format)),
        }
    }

    /// Has the log carry at least this format, before a record that needs it is written.
    pub(super) fn raise_format(&self, needed: u32) -> io::Result<()> {
        self.format.raise(needed, || {
            let meta = Meta {
                format: needed,
                partitions: self.partitions,
                log_id: self.log_id,
            };
            save(&self.dir, &self.dir.join(META_FILE), &meta)
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
    let unreadable = |error: toml::de::Error| refused(error.to_string());
    // Another format may have other fields.
    let AnyMeta { format: found } = toml::from_str(text).map_err(unreadable)?;
    if !(OLDEST..=NEWEST).contains(&found) {
        let path = path.to_owned();
        return Err(LogError::OtherFormat { path, found });
    }
    let meta: Meta = toml::from_str(text).map_err(unreadable)?;
    if meta.partitions == 0 {
        return Err(refused("it has no partitions".to_owned()));
    }
    Ok(meta)
}

fn create(dir: &Path, path: &Path, meta: &Meta) -> io::Result<()> {
    create_private_dir(dir)?;
    save(dir, path, meta)?;
    dir.parent().map_or(Ok(()), sync_dir)
}

/// Writes the file under another name first, so that it is there whole, as it was or as it is to be.
fn save(dir: &Path, path: &Path, meta: &Meta) -> io::Result<()> {
    let text = toml::to_string(meta).map_err(io::Error::other)?;
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_dir(dir)
}
