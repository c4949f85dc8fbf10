//! What tests need of this machine, or want to know of it.

use std::net::{IpAddr, SocketAddr};

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

/// Bytes of input and output that the kernel holds for all sockets at an address.
pub fn queued_bytes(address: SocketAddr) -> u64 {
    let IpAddr::V4(ip) = address.ip() else {
        panic!("{address}: of IPv4 alone");
    };
    let wanted = format!("{:08X}:{:04X}", ip.to_bits().to_be(), address.port());
    let text = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let queues = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_here = fields.next()? == wanted;
        let (output, input) = fields.nth(2)?.split_once(':')?;
        let bytes = |hex| u64::from_str_radix(hex, 16).ok();
        is_here.then_some(bytes(output)? + bytes(input)?)
    });
    queues.sum()
}
