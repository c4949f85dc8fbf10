//! What Linux says about a process of this machine: its CPU time and its memory.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Of `utime` and `stime`: Linux has 100 on all machines (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;
/// Where `utime` is in `/proc/PID/stat`, counted after the name, which may hold anything.
const UTIME_AFTER_NAME: usize = 11;
/// Where `steal` is in the first line of `/proc/stat`, counted from its name.
const STEAL_FIELD: usize = 8;
/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Seconds of CPU time that a process has used, if it can be read.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    parse_cpu_seconds(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Seconds for which CPUs of this machine had work and were kept from it by its host, if it tells.
pub fn stolen_seconds() -> Option<f64> {
    parse_stolen_seconds(&fs::read_to_string("/proc/stat").ok()?)
}

/// Bytes of memory that a process has in use, if it can be read.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    parse_resident_bytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// The process of this machine that listens there, if it may be looked at.
pub fn find_listener(addr: SocketAddr) -> Option<u32> {
    if !addr.ip().is_loopback() {
        return None;
    }
    let table = match addr.ip() {
        IpAddr::V4(_) => "/proc/net/tcp",
        IpAddr::V6(_) => "/proc/net/tcp6",
    };
    let sockets: Vec<String> = listening_inodes(&fs::read_to_string(table).ok()?, addr.port())
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid| has_open(*pid, &sockets))
}

fn has_open(pid: u32, sockets: &[String]) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|descriptors| {
        descriptors
            .flatten()
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .any(|target| sockets.iter().any(|socket| target.as_os_str() == &**socket))
    })
}

fn listening_inodes(table: &str, port: u16) -> impl Iterator<Item = &str> {
    let local_port = format!(":{port:04X}");
    table.lines().skip(1).filter_map(move |line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&local_port) && *fields.get(3)? == LISTENING;
        listens.then(|| fields.get(9).copied()).flatten()
    })
}

fn parse_stolen_seconds(stat: &str) -> Option<f64> {
    let mut all_cpus = stat.lines().next()?.split_whitespace();
    let stolen: f64 = all_cpus.nth(STEAL_FIELD)?.parse().ok()?;
    Some(stolen / TICKS_PER_SECOND)
}

fn parse_cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(UTIME_AFTER_NAME)
        .take(2)
        .map(|field| field.parse::<u64>())
        .sum::<Result<u64, _>>()
        .ok()?;
    Some(ticks as f64 / TICKS_PER_SECOND)
}

fn parse_resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_process_finds_itself_by_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").ok();
        let addr = listener.as_ref().and_then(|l| l.local_addr().ok());
        assert_eq!(addr.and_then(find_listener), Some(std::process::id()));
    }

    #[test]
    fn stolen_time_is_that_of_all_cpus() {
        let stat = "cpu  1 2 3 4 5 6 7 850 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(parse_stolen_seconds(stat), Some(8.5));
        assert!(stolen_seconds().is_some());
    }

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(parse_cpu_seconds(stat), Some(2.0));
        assert!(cpu_seconds(std::process::id()).is_some());
    }

    #[test]
    fn memory_is_given_in_bytes() {
        assert_eq!(
            parse_resident_bytes("VmHWM: 9 kB\nVmRSS:\t  12 kB\n"),
            Some(12_288)
        );
        assert!(resident_bytes(std::process::id()).is_some());
    }
}
