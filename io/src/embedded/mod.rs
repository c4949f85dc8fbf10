//! What the embedded log and the embedded store have in common: the data directory, and how
//! they treat its disk.

mod data_dir;
mod directory;
mod disk;
mod format;
mod free_space;

pub use crate::config::Durability;
pub use data_dir::{DataDir, DataDirError};
pub(crate) use data_dir::{check_protected, create_private_dir, sync_dir};
pub(crate) use directory::Directory;
pub use disk::Disk;
pub(crate) use disk::DiskWatch;
pub(crate) use format::{FormatMark, version_for};
pub(crate) use free_space::{FreeSpace, ROOM_BYTES, Space};
