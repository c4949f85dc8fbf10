//! Who is behind for a moment stays, who takes less than he is sent is closed with 4008.

use std::time::Duration;

use rookery_engine::outbox::OUTBOX_BYTES_MAX;

use crate::host::Host;

/// How long output may be full, and how much may wait at most: what operators and clients rely on.
const SLOW_AFTER: Duration = Duration::from_millis(250);
const BACKLOG_BYTES_MAX: usize = 64 << 20;

const LINE: usize = 1 << 16;
/// The header of a frame of 64 KiB or more.
const HEADER: usize = 10;

/// Events that are this many bytes on the wire.
fn events(bytes: usize) -> Vec<u8> {
    assert_eq!(bytes % LINE, 0, "whole lines");
    let line = [vec![b'x'; LINE], b"\n".to_vec()].concat();
    let mut lines = line.repeat(bytes / LINE);
    assert_eq!(lines.pop(), Some(b'\n'));
    lines.push(b'\n');
    lines
}

fn frames_bytes(bytes: usize) -> usize {
    bytes / LINE * (LINE + HEADER)
}

/// Whether output ends in a close frame with this code.
fn ends_with_close(output: &[u8], code: u16) -> bool {
    let close = output.iter().rposition(|byte| *byte == 0x88).unwrap();
    output[close + 2..].starts_with(&code.to_be_bytes())
}

#[test]
fn who_reads_what_bursts_bring_stays_though_he_is_never_done() {
    let mut host = Host::in_trust();
    let reader = host.listen();
    let burst = events(2 * OUTBOX_BYTES_MAX);
    let mut left = 0;
    for _ in 0..20 {
        host.events(burst.clone());
        assert!(host.waiting_bytes(reader) > OUTBOX_BYTES_MAX);
        host.pass(SLOW_AFTER / 2);
        // Something always waits: he is behind, and takes all that comes.
        let all = left + frames_bytes(2 * OUTBOX_BYTES_MAX);
        assert_eq!(host.read(reader, all - 1000).len(), all - 1000);
        left = 1000;
        host.pass(SLOW_AFTER / 2);
        assert!(!host.is_closed(reader));
    }
}

#[test]
fn whose_output_stays_full_is_closed_in_time() {
    let mut host = Host::in_trust();
    let reader = host.listen();
    host.events(events(3 * OUTBOX_BYTES_MAX));
    host.pass(SLOW_AFTER - Duration::from_millis(1));
    assert_eq!(host.read(reader, OUTBOX_BYTES_MAX).len(), OUTBOX_BYTES_MAX);
    host.events(events(LINE));
    assert!(!host.is_closed(reader), "it is not full for so long yet");
    host.pass(Duration::from_millis(1));
    host.events(events(LINE));
    assert!(host.is_closed(reader));
    let rest = host.read_all(reader);
    assert!(ends_with_close(&rest, 4008));
    assert!(!host.wants_input(reader));
}

#[test]
fn no_more_than_so_much_waits_however_it_came() {
    let mut host = Host::in_trust();
    let (reader, other) = (host.listen(), host.listen());
    host.events(events(BACKLOG_BYTES_MAX - 2 * OUTBOX_BYTES_MAX));
    assert!(!host.is_closed(reader));
    host.read_all(other);
    host.events(events(2 * OUTBOX_BYTES_MAX));
    assert!(host.is_closed(reader));
    assert!(!host.is_closed(other), "who reads is none the worse for it");
    host.events(events(LINE));
    assert!(ends_with_close(&host.read_all(reader), 4008));
}
