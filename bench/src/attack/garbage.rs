//! What is no request, and no frame.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::attack::foothold::Foothold;
use crate::attack::requests::put_get;
use crate::attack::script::{Force, Habits};
use crate::load::handshake::put_request;

const GARBAGE: usize = 50;
const HUGE_HEADS: usize = 50;
/// Of random bytes.
const RANDOM_BYTES: usize = 2_048;
/// Of a head that is too long: four times what a server takes.
const HUGE_BYTES: usize = 64 * 1024;
/// Of a head with too many.
const FIELD: &str = "X-Many: 1\r\n";

const HABITS: Habits = Habits {
    every: Duration::from_millis(200),
    reads: true,
    awaits: false,
    stays: Duration::from_secs(2),
    rests: Duration::from_millis(100),
};

/// Other protocols, requests that break HTTP, and those that a proxy might take for two.
const BROKEN: [&[u8]; 9] = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x09\x00\x0a",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"GET / HTTP/1.1\nHost : x\n\n",
];

/// Garbage instead of a request, or after it; over WebSockets, too.
pub(super) fn bytes(foothold: &Foothold) -> Force {
    let (host, user) = (foothold.host(), foothold.accounts[0].clone());
    Force {
        connections: GARBAGE,
        habits: HABITS,
        script: Box::new(move |place| {
            let (host, user) = (host.clone(), user.clone());
            let mut random = ChaCha8Rng::seed_from_u64(place as u64);
            let mut kind = place;
            Box::new(move |turn, out: &mut Vec<u8>| {
                if turn == 0 {
                    kind += 1;
                    match kind % (BROKEN.len() + 2) {
                        0 => {
                            let path = format!("/ws/connect/{}", user.id);
                            let credential = format!("{}\r\n", user.credential);
                            return put_request(&path, &host, &credential, out);
                        }
                        1 => put_get("/me", &host, "", out),
                        broken => out.extend_from_slice(BROKEN[broken - 2]),
                    }
                }
                put_random(&mut random, out);
            })
        }),
    }
}

fn put_random(random: &mut ChaCha8Rng, out: &mut Vec<u8>) {
    let from = out.len();
    out.resize(from + RANDOM_BYTES, 0);
    random.fill_bytes(&mut out[from..]);
}

/// A path, a field or a number of fields that is too much, in turn.
pub(super) fn heads(foothold: &Foothold) -> Force {
    let heads = Arc::new(huge_heads(&foothold.host()));
    Force {
        connections: HUGE_HEADS,
        habits: HABITS,
        script: Box::new(move |place| {
            let (heads, mut kind) = (Arc::clone(&heads), place);
            Box::new(move |_, out: &mut Vec<u8>| {
                kind += 1;
                out.extend_from_slice(heads[kind % heads.len()].as_bytes());
            })
        }),
    }
}

fn huge_heads(host: &str) -> [String; 3] {
    let long = "x".repeat(HUGE_BYTES);
    let fields = FIELD.repeat(HUGE_BYTES / FIELD.len());
    [
        format!("GET /{long} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Long: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"),
    ]
}
