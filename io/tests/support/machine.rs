//! What tests need of this machine, or want to know of it.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files for this process and those that it starts, where it is lower.
pub fn allow_files(wanted: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.current.map(|current| current.max(wanted));
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// What the kernel holds for all TCP sockets of this machine.
pub fn kernel_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/net/sockstat").unwrap();
    let tcp = text.lines().find(|line| line.starts_with("TCP:")).unwrap();
    let (_, pages) = tcp.rsplit_once("mem ").unwrap();
    pages.parse::<u64>().unwrap() * PAGE_BYTES
}
