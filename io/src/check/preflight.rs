//! What must hold before a shard can run at all.

use std::{fmt, fs, io};

use glommio::{LocalExecutorBuilder, Placement};
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags},
    },
    process::{Resource, getrlimit},
    system::uname,
};

/// The kernel that has `epoll_pwait2`, by which a shard sleeps, and every `io_uring` operation of the executor.
const KERNEL_MIN: Kernel = Kernel {
    major: 5,
    minor: 11,
};
/// Bytes of locked memory below which the executor refuses to start.
pub(super) const MEMLOCK_BYTES_MIN: u64 = 512 * 1024;
/// Bytes of I/O memory of the executor that tries whether rings can be had: it does no I/O.
const PROBE_IO_BYTES: usize = 64 * 1024;
/// Entries of its rings.
const PROBE_RING_DEPTH: usize = 8;

const IO_URING_DISABLED: &str = "/proc/sys/kernel/io_uring_disabled";

/// The server can't run on this host. Terminal; each variant says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum PreflightError {
    /// The kernel lacks what the executor needs.
    Kernel {
        /// Its release, as `uname -r` has it.
        release: String,
    },
    /// `io_uring` is switched off for everybody.
    Disabled,
    /// Less memory may be locked than a ring needs.
    Memlock {
        /// The limit, in bytes.
        bytes: u64,
    },
    /// The kernel, or a filter before it, refuses to make a ring.
    Refused {
        /// What it said.
        reason: String,
    },
    /// A filter refuses the call by which a shard sleeps.
    Sleepless {
        /// What it said.
        reason: String,
    },
}

impl PreflightError {
    /// What is wrong.
    pub(super) fn found(&self) -> String {
        match self {
            Self::Kernel { release } => format!("Linux {release}"),
            Self::Disabled => "switched off".into(),
            Self::Memlock { bytes } => kib(*bytes),
            Self::Refused { reason } | Self::Sleepless { reason } => reason.replace('\n', " "),
        }
    }

    /// What to do about it.
    pub(super) fn remedy(&self) -> String {
        match self {
            Self::Kernel { .. } => format!("run Linux {KERNEL_MIN} or later"),
            Self::Disabled => "sysctl -w kernel.io_uring_disabled=0".into(),
            Self::Memlock { .. } => format!(
                "allow at least {} of locked memory: ulimit -l unlimited, LimitMEMLOCK=infinity \
                 (systemd), --ulimit memlock=-1 (Docker)",
                kib(MEMLOCK_BYTES_MIN)
            ),
            Self::Refused { .. } => "allow the io_uring_* system calls in the container's seccomp \
                 profile, and check kernel.io_uring_disabled and kernel.io_uring_group"
                .into(),
            Self::Sleepless { .. } => {
                "allow epoll_pwait2 in the container's seccomp profile, or in \
                 SystemCallFilter (systemd)"
                    .into()
            }
        }
    }

    const fn subject(&self) -> &'static str {
        match self {
            Self::Kernel { .. } => "the kernel is too old",
            Self::Disabled | Self::Refused { .. } => "io_uring can't be used",
            Self::Memlock { .. } => "the limit of locked memory is too low",
            Self::Sleepless { .. } => "a shard can't sleep",
        }
    }
}

impl fmt::Display for PreflightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}); {}",
            self.subject(),
            self.found(),
            self.remedy()
        )
    }
}

impl std::error::Error for PreflightError {}

/// The checks without which no shard starts, in the order in which one explains the next.
///
/// # Errors
///
/// The first that does not hold.
pub fn preflight() -> Result<(), PreflightError> {
    kernel(&release())?;
    memlock(memlock_limit())?;
    io_uring()?;
    sleeping()
}

/// A version of Linux.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kernel {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Kernel {
    /// `6.1.0-13-amd64`, `5.15-rc1`.
    fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The running kernel, as `uname -r` has it.
pub(super) fn release() -> String {
    uname().release().to_string_lossy().into_owned()
}

/// The version of a release that is new enough.
pub(super) fn kernel(release: &str) -> Result<Kernel, PreflightError> {
    let kernel = Kernel::parse(release).filter(|kernel| *kernel >= KERNEL_MIN);
    kernel.ok_or_else(|| PreflightError::Kernel {
        release: release.to_owned(),
    })
}

/// Bytes, where there is a limit.
pub(super) fn memlock_limit() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

pub(super) fn memlock(limit: Option<u64>) -> Result<(), PreflightError> {
    match limit {
        Some(bytes) if bytes < MEMLOCK_BYTES_MIN => Err(PreflightError::Memlock { bytes }),
        _ => Ok(()),
    }
}

/// Makes an executor as a shard would, and lets it go: no other test knows of seccomp filters,
/// security modules and group rules.
fn io_uring() -> Result<(), PreflightError> {
    // 1 leaves it to the privileged, who may be us: trying tells.
    if fs::read_to_string(IO_URING_DISABLED).is_ok_and(|value| value.trim() == "2") {
        return Err(PreflightError::Disabled);
    }
    let executor = LocalExecutorBuilder::new(Placement::Unbound)
        .name("io-uring-probe")
        .io_memory(PROBE_IO_BYTES)
        .ring_depth(PROBE_RING_DEPTH)
        .spawn(|| async {})
        .and_then(|executor| executor.join());
    executor.map_err(|error| PreflightError::Refused {
        reason: io::Error::from(error).to_string(),
    })
}

/// Sleeps for no time, as a shard sleeps until something happens to its sockets.
fn sleeping() -> Result<(), PreflightError> {
    let sleep = || {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut events = Vec::with_capacity(1);
        epoll::wait(&epoll, spare_capacity(&mut events), Some(&at_once))
    };
    sleep()
        .map(|_| ())
        .map_err(|error| PreflightError::Sleepless {
            reason: error.to_string(),
        })
}

/// Bytes as KiB.
pub(super) fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_compared_by_number() {
        for release in ["5.11.0", "5.14.0-28-amd64", "6.0", "10.1.2", "5.15-rc1"] {
            assert!(kernel(release).is_ok(), "{release}");
        }
        for release in ["5.10.19", "5.8", "4.19.0", "", "linux", "5"] {
            let error = kernel(release)
                .map(|_| ())
                .map_err(|error| error.to_string());
            assert!(
                error.is_err_and(|text| text.contains("run Linux 5.11 or later")),
                "{release}"
            );
        }
    }

    #[test]
    fn locked_memory_has_a_least_limit() {
        assert!(memlock(None).is_ok());
        assert!(memlock(Some(MEMLOCK_BYTES_MIN)).is_ok());
        let text = memlock(Some(64 * 1024)).map_err(|error| error.to_string());
        assert!(text.is_err_and(|text| text.contains("64 KiB") && text.contains("LimitMEMLOCK")));
    }

    #[test]
    fn every_refusal_is_one_line_with_its_remedy() {
        for error in [
            PreflightError::Kernel {
                release: "3.2".into(),
            },
            PreflightError::Disabled,
            PreflightError::Memlock { bytes: 0 },
            PreflightError::Refused {
                reason: "Operation\nnot permitted".into(),
            },
        ] {
            let text = error.to_string();
            assert!(
                !text.contains('\n') && text.ends_with(&error.remedy()),
                "{text}"
            );
        }
    }
}
