//! The database below the store: opening, writing without stalls, mending.
//!
//! A memtable is rotated here and not by the database, whose own request for it can fill the queue of
//! its worker and lock it up; and nothing is written while its worker is behind, because it would sleep
//! until the worker has caught up, be it dead or not.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use fjall::{
    AbstractTree as _, CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch,
    PersistMode,
};

use super::journal::{self, Damage};
use crate::embedded::{create_private_dir, sync_dir};

/// What a database has, besides its journals, once it has keyspaces.
const VITAL_FILES: [&str; 2] = ["version", "lock"];
/// Bytes of the first of them.
const VERSION_BYTES: u64 = 4;
const KEYSPACES_DIR: &str = "keyspaces";
/// Above every memtable's size: rotation is done here.
const NEVER_BYTES: u64 = 1 << 60;
/// Bytes of journals above which whatever still needs the oldest is flushed; the least allowed.
const JOURNALS_BYTES: u64 = 64 << 20;
/// Flushes and compactions of a database run on one thread: they are background work.
const WORKER_THREADS: usize = 1;
/// Memtables of a keyspace that wait to be flushed, from which on writing waits; from 4, the database
/// would sleep.
const SEALED_MEMTABLES_MAX: usize = 3;
/// Runs in the first level of a keyspace from which on writing waits; from there, the database spins.
const FIRST_LEVEL_RUNS_MAX: usize = 20;
/// Between two looks at whether the worker has caught up.
const ROOM_POLL: Duration = Duration::from_millis(1);

/// A database can't be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    Io(PathBuf, io::Error),
    /// Something is not what was written: the file or directory, and what is wrong with it.
    Corrupt(PathBuf, String),
}

/// What a database may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    /// Bytes of blocks kept in memory for reading.
    pub(super) cache_bytes: u64,
    /// Bytes of a keyspace's memtable, above which it is flushed.
    pub(super) memtable_bytes: u64,
    /// Bytes of all memtables, above which writing waits.
    pub(super) memtables_bytes: u64,
    /// Table files that are kept open.
    pub(super) open_files: usize,
}

/// An open database. Its files are closed when this and all handles on its keyspaces are gone.
pub(super) struct Db {
    database: Database,
    keyspaces: Vec<Keyspace>,
    tuning: Tuning,
    rotating: Mutex<()>,
}

impl Db {
    /// Opens the database in a directory, or makes it, and then its keyspaces. Each of its batches bears
    /// this mark, see [`journal::mend`].
    pub(super) fn open(
        dir: &Path,
        mark: &[u8],
        tuning: Tuning,
        keyspaces: &[(&str, KeyspaceCreateOptions)],
    ) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io(dir.to_owned(), error);
        create_private_dir(dir).map_err(failed)?;
        remove_unmade(dir).map_err(failed)?;
        check_files(dir)?;
        journal::mend(dir, mark).map_err(|damage| match damage {
            Damage::Io(error) => failed(error),
            Damage::Corrupt(path, at) => {
                OpenError::Corrupt(path, format!("it is damaged from byte {at} on"))
            }
        })?;
        // Should the database abort the process over what it finds, this tells which it was.
        tracing::debug!(dir = %dir.display(), "opening a database");
        let opened = catch_unwind(AssertUnwindSafe(|| {
            Self::open_mended(dir, tuning, keyspaces)
        }));
        match opened {
            Ok(Ok(db)) => Ok(db),
            Ok(Err(
                fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)),
            )) if !is_cut_short(&error) => Err(failed(error)),
            Ok(Err(error)) => Err(OpenError::Corrupt(dir.to_owned(), error.to_string())),
            // Some inconsistencies are assertions inside the database.
            Err(panic) => Err(OpenError::Corrupt(dir.to_owned(), panic_text(&*panic))),
        }
    }

    fn open_mended(
        dir: &Path,
        tuning: Tuning,
        keyspaces: &[(&str, KeyspaceCreateOptions)],
    ) -> fjall::Result<Self> {
        let database = Database::builder(dir)
            .worker_threads(WORKER_THREADS)
            .cache_size(tuning.cache_bytes)
            .max_cached_files(Some(tuning.open_files))
            .max_journaling_size(JOURNALS_BYTES)
            .journal_compression(CompressionType::None)
            .open()?;
        let keyspaces = keyspaces
            .iter()
            .map(|(name, options)| {
                database.keyspace(name, || options.clone().max_memtable_size(NEVER_BYTES))
            })
            .collect::<fjall::Result<_>>()?;
        Ok(Self {
            database,
            keyspaces,
            tuning,
            rotating: Mutex::new(()),
        })
    }

    /// The keyspaces in the order in which they were named.
    pub(super) fn keyspaces(&self) -> &[Keyspace] {
        &self.keyspaces
    }

    /// A batch that has reached the operating system, or the disk, when its commit returns.
    pub(super) fn batch(&self, persist: PersistMode) -> OwnedWriteBatch {
        self.database.batch().durability(Some(persist))
    }

    /// Waits until the worker has caught up, then commits.
    pub(super) fn commit(&self, batch: OwnedWriteBatch) -> fjall::Result<()> {
        while !self.has_room() {
            // Fails where the worker has died and will never catch up.
            self.database.persist(PersistMode::Buffer)?;
            self.rotate_full()?;
            thread::sleep(ROOM_POLL);
        }
        batch.commit()
    }

    fn has_room(&self) -> bool {
        let is_behind = |keyspace: &Keyspace| {
            keyspace.sealed_memtable_count() >= SEALED_MEMTABLES_MAX
                || keyspace.tree.l0_run_count() >= FIRST_LEVEL_RUNS_MAX
        };
        !self.are_memtables_full() && !self.keyspaces.iter().any(is_behind)
    }

    fn are_memtables_full(&self) -> bool {
        let bytes = |keyspace: &Keyspace| {
            let sealed = keyspace.sealed_memtable_count() as u64 * self.tuning.memtable_bytes;
            keyspace.tree.active_memtable().size() + sealed
        };
        self.keyspaces.iter().map(bytes).sum::<u64>() >= self.tuning.memtables_bytes
    }

    /// Makes everything committed survive a power cut.
    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncData)
    }

    /// Hands full memtables to the worker; true where there was one.
    pub(super) fn rotate_full(&self) -> fjall::Result<bool> {
        // Somebody who is at it already does it for all.
        let Ok(_guard) = self.rotating.try_lock() else {
            return Ok(false);
        };
        let all_full = self.are_memtables_full();
        let mut rotated = false;
        for keyspace in &self.keyspaces {
            let is_full = keyspace.tree.active_memtable().size() > self.tuning.memtable_bytes;
            if is_full || (all_full && keyspace.sealed_memtable_count() == 0) {
                rotated |= keyspace.rotate_memtable()?;
            }
        }
        Ok(rotated)
    }
}

/// Removes what is left of a database whose making was cut short, by a full disk or the end of the process: until its
/// version is there in full, which comes last, it has no keyspace and nothing in its journal.
fn remove_unmade(dir: &Path) -> io::Result<()> {
    let [version, lock] = VITAL_FILES.map(|name| dir.join(name));
    let keyspaces = dir.join(KEYSPACES_DIR);
    let is_made = fs::metadata(&version).is_ok_and(|file| file.len() >= VERSION_BYTES);
    if is_made || !keyspaces.exists() || fs::read_dir(&keyspaces)?.next().is_some() {
        return Ok(());
    }
    let journals = journal::journals(dir)?;
    for journal in &journals {
        if fs::read(journal)?.iter().any(|&byte| byte != 0) {
            return Ok(());
        }
    }
    let left = journals.iter().chain([&lock, &version]);
    for file in left.filter(|file| file.exists()) {
        fs::remove_file(file)?;
    }
    fs::remove_dir(&keyspaces)
}

fn check_files(dir: &Path) -> Result<(), OpenError> {
    if !dir.join(KEYSPACES_DIR).exists() {
        return Ok(());
    }
    let missing = VITAL_FILES
        .iter()
        .map(|name| dir.join(name))
        .find(|path| !path.exists());
    let journals = journal::journals(dir).map_err(|error| OpenError::Io(dir.to_owned(), error))?;
    match missing {
        Some(path) => Err(OpenError::Corrupt(path, "it is missing".to_owned())),
        None if journals.is_empty() => Err(OpenError::Corrupt(
            dir.to_owned(),
            "its journals are missing".to_owned(),
        )),
        None => Ok(()),
    }
}

/// A file that ends too early, or is missing among others: not the disk's failure to read it.
fn is_cut_short(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound
    )
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("an assertion failed")
        .to_owned()
}

/// Journals of a database that takes no more writes, written anew beside the old ones.
///
/// After a failed fsync the kernel may hold pages that it takes for clean and the disk never got
/// (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020); only bytes that
/// are written again reach the disk with the next one.
pub(super) struct JournalCopies {
    dir: PathBuf,
    /// The old journal, and its copy.
    copies: Vec<(PathBuf, PathBuf)>,
}

impl JournalCopies {
    /// Makes the copies, or, where there is no room for them, none.
    pub(super) fn make(dir: &Path) -> io::Result<Self> {
        let mut copies = Self {
            dir: dir.to_owned(),
            copies: Vec::new(),
        };
        for journal in journal::journals(dir)? {
            let copy = journal.with_extension("copy");
            copies.copies.push((journal.clone(), copy.clone()));
            copy_journal(&journal, &copy)?;
        }
        Ok(copies)
    }

    /// Puts the copies in the place of the old journals, once the database is closed.
    pub(super) fn adopt(mut self) -> io::Result<()> {
        for (journal, copy) in std::mem::take(&mut self.copies) {
            fs::rename(&copy, &journal)?;
        }
        sync_dir(&self.dir)
    }
}

impl Drop for JournalCopies {
    fn drop(&mut self) {
        for (_, copy) in &self.copies {
            // It only takes up room; the next try overwrites it.
            let _ = fs::remove_file(copy);
        }
    }
}

/// Copies bytes: a copy that shares its blocks with the original would share the damage.
fn copy_journal(from: &Path, to: &Path) -> io::Result<()> {
    let journal = fs::read(from)?;
    // A journal is made larger than it is needed, and is not to take that room now.
    let end = journal
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    let mut file = File::create(to)?;
    file.write_all(&journal[..end])?;
    file.sync_all()
}
