//! How far a shard has come between its start and its end: the one place that knows.

use rookery_schema::ShardId;

/// What this shard knows about itself and the others.
#[derive(Debug)]
pub(crate) struct Readiness {
    sessions: Sessions,
    /// All shards were told that this one is ready.
    announced: bool,
    /// Which shards have replayed their partitions.
    ready: Vec<bool>,
    /// Which shards know that all have replayed theirs, and serve.
    serving: Vec<bool>,
    draining: bool,
}

/// The sessions that were ended, which must be known before any token is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sessions {
    Unknown,
    Reading,
    Known,
}

impl Readiness {
    pub(crate) fn new(shards: u16) -> Self {
        Self {
            sessions: Sessions::Unknown,
            announced: false,
            ready: vec![false; usize::from(shards)],
            serving: vec![false; usize::from(shards)],
            draining: false,
        }
    }

    /// Whether ended sessions must be read now; from then on they are being read.
    pub(crate) fn begin_sessions(&mut self) -> bool {
        let wanted = self.sessions == Sessions::Unknown;
        if wanted {
            self.sessions = Sessions::Reading;
        }
        wanted
    }

    /// Ended sessions were read (`known`), or have to be read again.
    pub(crate) fn end_sessions(&mut self, known: bool) {
        self.sessions = if known {
            Sessions::Known
        } else {
            Sessions::Unknown
        };
    }

    /// Whether all shards were told that this one is ready.
    pub(crate) const fn is_announced(&self) -> bool {
        self.announced
    }

    /// The shard's partitions are replayed. True once: when all shards are to be told that it is ready, for which
    /// ended sessions must be known too.
    pub(crate) fn announce(&mut self) -> bool {
        let is_new = !self.announced && self.sessions == Sessions::Known;
        self.announced |= is_new;
        is_new
    }

    /// A shard is ready.
    pub(crate) fn shard_ready(&mut self, shard: ShardId) {
        self.ready[shard.index()] = true;
    }

    /// A shard knows that all are ready.
    pub(crate) fn shard_serves(&mut self, shard: ShardId) {
        self.serving[shard.index()] = true;
    }

    /// Whether this shard serves requests: all have replayed their partitions, so that no ended session
    /// counts as valid.
    pub(crate) fn serves(&self) -> bool {
        self.ready.iter().all(|ready| *ready)
    }

    /// Whether requests are served on whichever shard they come in.
    pub(crate) fn all_serve(&self) -> bool {
        self.serving.iter().all(|serving| *serving)
    }

    /// The process was asked to stop.
    pub(crate) const fn drain(&mut self) {
        self.draining = true;
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_announced_once_and_serves_when_all_are_ready() {
        let mut readiness = Readiness::new(2);
        assert!(readiness.begin_sessions() && !readiness.begin_sessions());
        assert!(!readiness.announce(), "sessions are not known");
        readiness.end_sessions(false);
        assert!(readiness.begin_sessions(), "they are read again");
        readiness.end_sessions(true);
        assert!(!readiness.is_announced());
        assert!(readiness.announce() && !readiness.announce());
        assert!(readiness.is_announced());
        readiness.shard_ready(ShardId(1));
        assert!(!readiness.serves());
        readiness.shard_ready(ShardId(0));
        assert!(readiness.serves() && !readiness.all_serve());
        readiness.shard_serves(ShardId(0));
        readiness.shard_serves(ShardId(1));
        assert!(readiness.all_serve());
    }

    #[test]
    fn a_shard_drains_once_it_was_asked_to() {
        let mut readiness = Readiness::new(1);
        assert!(!readiness.is_draining());
        readiness.drain();
        assert!(readiness.is_draining());
    }
}
