//! What the connections of an attack say and do, without I/O.

use std::time::Duration;

/// What one connection says, and those that follow it in its place.
pub trait Script: Send {
    /// Appends what is said in a turn of a connection; turns count from 0, at its opening.
    fn say(&mut self, turn: u64, out: &mut Vec<u8>);
}

impl<F: FnMut(u64, &mut Vec<u8>) + Send> Script for F {
    fn say(&mut self, turn: u64, out: &mut Vec<u8>) {
        self(turn, out);
    }
}

/// How the connections of an attack behave.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// From one turn of a connection to the next.
    pub every: Duration,
    /// They read what the server says; otherwise they never do.
    pub reads: bool,
    /// A turn waits for the answer to the one before.
    pub awaits: bool,
    /// After this long they leave by themselves.
    pub stays: Duration,
    /// From the end of a connection to the next in its place.
    pub rests: Duration,
}

/// The connections of one attack.
pub struct Force {
    /// How many there are at once.
    pub connections: usize,
    pub habits: Habits,
    /// The script of the connections in the n-th place.
    pub script: Box<dyn Fn(usize) -> Box<dyn Script>>,
}
