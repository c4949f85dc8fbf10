//! Whether the peer of one WebSocket is still there: who is silent is asked.

use crate::context::MICROS_PER_SECOND;

/// Microseconds of silence after which the peer is pinged.
const PING_AFTER_MICROS: u64 = 25 * MICROS_PER_SECOND;
/// Microseconds that it has to answer the ping.
const PONG_MICROS_MAX: u64 = 10 * MICROS_PER_SECOND;

/// See the module.
pub(super) struct Liveness {
    /// When something came last, in microseconds.
    heard_micros: u64,
    /// When the ping that is out was sent, in microseconds.
    pinged_micros: Option<u64>,
}

/// What is to be done about a silent peer.
pub(super) enum Silence {
    Ping,
    Close,
}

impl Liveness {
    pub(super) const fn new(now_micros: u64) -> Self {
        Self {
            heard_micros: now_micros,
            pinged_micros: None,
        }
    }

    /// Something came. Whether it is the first of its second.
    pub(super) const fn heard(&mut self, now_micros: u64) -> bool {
        let is_first = self.heard_micros / MICROS_PER_SECOND != now_micros / MICROS_PER_SECOND;
        self.heard_micros = now_micros;
        self.pinged_micros = None;
        is_first
    }

    /// When silence is to be looked at next, in microseconds.
    pub(super) const fn due_micros(&self) -> u64 {
        match self.pinged_micros {
            Some(pinged) => pinged + PONG_MICROS_MAX,
            None => self.heard_micros + PING_AFTER_MICROS,
        }
    }

    /// What is to be done by now, where the peer was silent for too long.
    pub(super) const fn look(&mut self, now_micros: u64) -> Option<Silence> {
        if now_micros < self.due_micros() {
            return None;
        }
        match self.pinged_micros {
            Some(_) => Some(Silence::Close),
            None => {
                self.pinged_micros = Some(now_micros);
                Some(Silence::Ping)
            }
        }
    }
}
