//! Answers to `/metrics`: the numbers of all shards, gathered on the shard that was asked.

use rookery_schema::ShardId;

use crate::context::Context;
use crate::edge::effect::Render;
use crate::map::Unanswered;
use crate::mesh::{Asker, Outcome, ShardMessage};
use crate::stats::Stats;

/// Seconds after which a scrape is dropped; its asker is refused then.
const SCRAPE_SECONDS_MAX: u64 = 10;

/// Scrapes that are under way.
#[derive(Default)]
pub(crate) struct Scrapes {
    running: Unanswered<Scrape>,
}

struct Scrape {
    asker: Asker,
    /// In the order of the shards.
    stats: Vec<Option<Box<Stats>>>,
    /// When it is dropped, in microseconds.
    due_micros: u64,
}

impl Scrapes {
    pub(crate) fn begin(&mut self, asker: Asker, cx: &mut Context<'_>) {
        let scrape = Scrape {
            asker,
            stats: cx.routing.all_shards().map(|_| None).collect(),
            due_micros: cx.micros_in(SCRAPE_SECONDS_MAX),
        };
        let (from, ticket) = (cx.id(), self.running.add(scrape));
        cx.send_to_all(|| ShardMessage::StatsWanted { from, ticket });
    }

    /// One shard sent its numbers; with the last of them the text is rendered.
    pub(crate) fn collect(
        &mut self,
        from: ShardId,
        ticket: u64,
        stats: Box<Stats>,
        cx: &mut Context<'_>,
    ) {
        // It may have been dropped.
        let Some(scrape) = self.running.get_mut(ticket) else {
            return;
        };
        scrape.stats[from.index()] = Some(stats);
        if scrape.stats.iter().all(Option::is_some) {
            let stats = scrape.stats.iter_mut().filter_map(Option::take).collect();
            cx.effects.renders.push(Render { ticket, stats });
        }
    }

    pub(crate) fn rendered(&mut self, ticket: u64, body: Vec<u8>, cx: &mut Context<'_>) {
        if let Some(scrape) = self.running.take(ticket) {
            cx.answer(scrape.asker, Outcome::Metrics(body));
        }
    }

    /// Drops scrapes that some shard has not answered.
    pub(crate) fn tick(&mut self, cx: &Context<'_>) {
        let now = cx.now.micros;
        self.running.take_if(|scrape| scrape.due_micros <= now);
    }
}
