//! A shard's executor, and the shard that runs on it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use glommio::{GlommioError, LocalExecutor, LocalExecutorBuilder, Placement};
use rookery_schema::ShardId;

use super::alarm::Alarm;
use super::clock::ClockOrigin;
use super::core::{Core, End};
use super::{Engine, Outside};
use crate::net::admission::Admission;
use crate::net::connections::Connections;
use crate::net::listener::Bound;
use crate::service::ShardStatus;
use crate::signals::StopFlag;
use crate::vital::{self, Shutdown};

/// Bytes of memory that an executor registers with the kernel for direct I/O. A shard does none, and the
/// memory counts against the limit of locked memory.
const IO_MEMORY_BYTES: usize = 64 * 1024;
/// A shard's thread can't be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("can't start the thread of a shard: {0}")]
    Thread(#[from] io::Error),
    #[error(
        "can't set up io_uring on a shard: {0}; it needs Linux 5.11 or newer, \
         /proc/sys/kernel/io_uring_disabled at 0, a seccomp profile that allows io_uring_setup, and \
         512 KiB of locked memory (ulimit -l) for each shard; `rookery check` tells which is missing"
    )]
    Executor(String),
}

/// Everything that a shard is made of.
pub struct Parts<E> {
    pub id: ShardId,
    /// Makes the engine on the shard's own thread.
    pub engine: Box<dyn FnOnce() -> E + Send>,
    pub outside: Outside,
    pub listeners: Vec<Bound>,
    pub admission: Admission,
    pub clocks: ClockOrigin,
    /// Says that the shard is to drain.
    pub stop: StopFlag,
    /// Set by the shard.
    pub status: Arc<ShardStatus>,
}

/// A shard's thread with its executor. It ends when this is dropped, unless the shard was launched.
pub struct Executor<E> {
    parts: SyncSender<Parts<E>>,
    thread: JoinHandle<()>,
}

/// Makes a shard's thread, pinned to `cpu` if there is one, and waits until its executor works. Call it
/// before the process makes other threads: an executor's first sleep is slow otherwise.
///
/// # Errors
/// If the thread or its executor can't be made.
pub fn start<E: Engine>(
    name: &str,
    cpu: Option<usize>,
    shutdown: &Shutdown,
) -> Result<Executor<E>, StartError> {
    let (parts, parts_receiver) = mpsc::sync_channel(1);
    let (started, started_receiver) = mpsc::sync_channel(1);
    let (label, shutdown) = (name.to_owned(), shutdown.clone());
    let thread = thread::Builder::new().name(label.clone()).spawn(move || {
        let executor = match make(&label, cpu) {
            Ok(executor) => executor,
            Err(error) => {
                let _ = started.send(Err(StartError::Executor(error.to_string())));
                return;
            }
        };
        if started.send(Ok(())).is_ok() {
            run(&label, &shutdown, &executor, &parts_receiver);
        }
    })?;
    match started_receiver.recv() {
        Ok(started) => started.map(|()| Executor { parts, thread }),
        Err(_) => Err(StartError::Executor("its thread ended at once".to_owned())),
    }
}

impl<E> Executor<E> {
    /// Starts the shard.
    pub fn launch(self, parts: Parts<E>) -> JoinHandle<()> {
        if self.parts.send(parts).is_err() {
            vital::die("executor", "it ended before its shard was started");
        }
        self.thread
    }
}

fn make(name: &str, cpu: Option<usize>) -> Result<LocalExecutor, GlommioError<()>> {
    let placement = cpu.map_or(Placement::Unbound, Placement::Fixed);
    LocalExecutorBuilder::new(placement)
        .name(name)
        .io_memory(IO_MEMORY_BYTES)
        .make()
}

fn run<E: Engine>(
    name: &str,
    shutdown: &Shutdown,
    executor: &LocalExecutor,
    parts: &Receiver<Parts<E>>,
) {
    // Without parts, the process gave up starting.
    if let Ok(parts) = parts.recv() {
        vital::run(name, shutdown, || executor.run(serve(parts)));
    }
}

/// Runs a shard until it is told to stop. It never gives way to the executor, which would sleep in a place of its own.
async fn serve<E: Engine>(parts: Parts<E>) -> io::Result<()> {
    let alarm = Alarm::new()?;
    let core = Core::new(
        parts.id,
        (parts.engine)(),
        parts.outside,
        Connections::new(parts.listeners, parts.admission, &*alarm)?,
        parts.clocks,
        End::new(parts.stop, parts.status),
    );
    core.run(&alarm.waker());
    core.end_all();
    Ok(())
}
