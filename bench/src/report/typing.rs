//! What typing costs others.

use serde::Serialize;

use crate::load::typists::Typed;
use crate::report::percentiles::Percentiles;
use crate::schedule::SECOND;

/// What a run beside which users type has besides. Counts are of all the time in which they did.
#[derive(Clone, Debug, Serialize)]
pub struct Typing {
    /// Where they typed: at the server that is measured (`target`), or at another (`decoy`).
    pub typed_at: &'static str,
    pub said: u64,
    pub said_per_s: f64,
    /// Was to be said while the server had not read what came before.
    pub unsaid: u64,
    /// Times that a member of a chat was told that another one types.
    pub whispers: u64,
    pub whispers_per_s: f64,
    /// Dropped where a ring between two shards was full; as the server counts.
    pub dropped_by_rings: Option<f64>,
    /// Dropped since too much waited for a client.
    pub dropped_for_clients: Option<f64>,
    pub refused: u64,
    /// Connections of those who type.
    pub broken: u64,
    pub first_error: Option<String>,
    /// How long messages took until accepted, over the run with the decoy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_p50_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_p99_ratio: Option<f64>,
}

/// Whispers that a server has dropped, as it counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropped {
    pub by_rings: Option<f64>,
    pub for_clients: Option<f64>,
}

impl Typing {
    /// `before` and `after`: what the server had dropped.
    pub fn new(typed_at: &'static str, typed: Typed, before: Dropped, after: Dropped) -> Self {
        let seconds = typed.time as f64 / SECOND as f64;
        let since = |before: Option<f64>, after: Option<f64>| Some(after? - before?);
        Self {
            typed_at,
            said: typed.said,
            said_per_s: typed.said as f64 / seconds,
            unsaid: typed.unsaid,
            whispers: typed.whispers,
            whispers_per_s: typed.whispers as f64 / seconds,
            dropped_by_rings: since(before.by_rings, after.by_rings),
            dropped_for_clients: since(before.for_clients, after.for_clients),
            refused: typed.refused,
            broken: typed.broken,
            first_error: typed.first_error,
            accept_p50_ratio: None,
            accept_p99_ratio: None,
        }
    }

    /// Compares how long messages took, here and beside the decoy.
    pub fn compare(&mut self, here: Percentiles, beside: Percentiles) {
        self.accept_p50_ratio = Some(here.p50 / beside.p50);
        self.accept_p99_ratio = Some(here.p99 / beside.p99);
    }

    /// Whether there was typing at all, and none was refused.
    pub const fn is_clean(&self) -> bool {
        self.whispers > 0 && self.refused + self.broken == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing() -> Typing {
        let typed = Typed {
            time: 2 * SECOND,
            said: 10,
            unsaid: 0,
            whispers: 20,
            refused: 0,
            broken: 0,
            first_error: None,
        };
        let dropped = |count| Dropped {
            by_rings: Some(count),
            for_clients: None,
        };
        Typing::new("target", typed, dropped(3.0), dropped(5.0))
    }

    #[test]
    fn what_was_dropped_before_is_not_counted() {
        let typing = typing();
        assert_eq!(typing.dropped_by_rings, Some(2.0));
        assert_eq!(typing.dropped_for_clients, None);
        let rates = [typing.said_per_s, typing.whispers_per_s];
        assert_eq!(rates.map(|rate| rate as u64), [5, 10]);
    }

    #[test]
    fn typing_that_is_refused_or_not_heard_measures_nothing() {
        assert!(typing().is_clean());
        let wrong: [fn(&mut Typing); 3] = [
            |typing| typing.whispers = 0,
            |typing| typing.refused = 1,
            |typing| typing.broken = 1,
        ];
        for make_wrong in wrong {
            let mut typing = typing();
            make_wrong(&mut typing);
            assert!(!typing.is_clean(), "{typing:?}");
        }
    }
}
