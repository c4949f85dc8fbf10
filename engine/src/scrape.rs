//! Answers to `/metrics`: the numbers of all shards, gathered on the shard that was asked.

use rookery_schema::ShardId;

use crate::context::{Context, Map};
use crate::effect::Render;
use crate::mesh::{Asker, Outcome, ShardMessage};
use crate::stats::Stats;

/// Scrapes that are under way.
#[derive(Default)]
pub(crate) struct Scrapes {
    last: u64,
    running: Map<u64, Scrape>,
}

struct Scrape {
    asker: Asker,
    /// In the order of the shards.
    stats: Vec<Option<Box<Stats>>>,
}

impl Scrapes {
    pub(crate) fn begin(&mut self, asker: Asker, cx: &mut Context<'_>) {
        self.last += 1;
        let topology = cx.topology();
        let stats = topology.all_shards().map(|_| None).collect();
        self.running.insert(self.last, Scrape { asker, stats });
        let (from, ticket) = (cx.id(), self.last);
        cx.send_to_all(|| ShardMessage::StatsWanted { from, ticket });
    }

    /// One shard sent its numbers; with the last ones the text can be made.
    pub(crate) fn collect(
        &mut self,
        from: ShardId,
        ticket: u64,
        stats: Box<Stats>,
        cx: &mut Context<'_>,
    ) {
        let Some(scrape) = self.running.get_mut(&ticket) else {
            return;
        };
        scrape.stats[from.index()] = Some(stats);
        if scrape.stats.iter().all(Option::is_some) {
            let stats = scrape.stats.iter_mut().filter_map(Option::take).collect();
            cx.effects.renders.push(Render { ticket, stats });
        }
    }

    pub(crate) fn rendered(&mut self, ticket: u64, body: Vec<u8>, cx: &mut Context<'_>) {
        if let Some(scrape) = self.running.remove(&ticket) {
            cx.answer(scrape.asker, Outcome::Metrics(body));
        }
    }
}
