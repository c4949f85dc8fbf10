//! Clients that ask for much and never read it.

use std::time::Duration;

use crate::attack::foothold::Foothold;
use crate::attack::requests::put_get;
use crate::attack::script::{Force, Habits};

const CONNECTIONS: usize = 200;
/// Requests of one turn. What the server doesn't take waits here, and nothing is added to it.
const PIPELINED: usize = 16;

/// Of a list of chats: as many as a page may have.
const CHATS_LISTED: u32 = 1_000;

const HABITS: Habits = Habits {
    every: Duration::from_millis(200),
    reads: false,
    awaits: false,
    stays: Duration::from_secs(120),
    rests: Duration::from_millis(500),
};

/// They ask for history, for lists of chats, and, without a login, for refusals.
pub(super) fn force(foothold: &Foothold) -> Force {
    let host = foothold.host();
    let credential = foothold.accounts[0].credential.clone();
    let asked = [
        (foothold.history.clone(), credential.clone()),
        (format!("/chats?limit={CHATS_LISTED}"), credential),
        ("/me".to_owned(), String::new()),
    ];
    Force {
        connections: CONNECTIONS,
        habits: HABITS,
        script: Box::new(move |place| {
            let (path, credential) = asked[place % asked.len()].clone();
            let host = host.clone();
            Box::new(move |_, out: &mut Vec<u8>| {
                for _ in 0..PIPELINED {
                    put_get(&path, &host, &credential, out);
                }
            })
        }),
    }
}
