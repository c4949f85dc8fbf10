//! Partitions on their way from one shard to another. What belongs to a move happens one thing at a time, in any
//! order but for this: it is opened again when it was closed and all shards were told that nobody serves it, and each
//! is told who does once it was closed.

use std::collections::BTreeMap;

use rookery_schema::{PartitionId, Route, Routing, ShardId};
use rookery_testing::dice::Dice;

/// All moves that are under way.
#[derive(Default)]
pub(crate) struct Moves(BTreeMap<PartitionId, Move>);

struct Move {
    from: usize,
    to: usize,
    stage: Stage,
    /// For each shard, what it is still told, last things first.
    untold: Vec<Vec<Route>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Closed,
    OpenAgain,
}

/// One thing that belongs to a move.
pub(crate) enum Moving {
    /// A shard is told who serves the partition.
    Tell {
        shard: usize,
        partition: PartitionId,
        route: Route,
    },
    Close {
        from: usize,
        partition: PartitionId,
    },
    /// It may be opened; [`Moves::opened`] says that it was.
    Open {
        from: usize,
        to: usize,
        partition: PartitionId,
    },
}

impl Moves {
    /// Begins a move, unless the partition is being moved. `routing` is who serves it when no move is under way.
    pub(crate) fn begin(&mut self, partition: PartitionId, to: usize, routing: &mut Routing) {
        if self.0.contains_key(&partition) {
            return;
        }
        let route = Route::Here(ShardId(to as u16));
        let Route::Here(from) = routing.set(partition, route) else {
            panic!("somebody serves every partition");
        };
        let shards = usize::from(routing.shards());
        let begun = Move {
            from: from.index(),
            to,
            stage: Stage::Open,
            untold: vec![vec![route, Route::Nobody]; shards],
        };
        self.0.insert(partition, begun);
    }

    pub(crate) fn are_under_way(&self) -> bool {
        !self.0.is_empty()
    }

    /// What happens next.
    pub(crate) fn step(&mut self, dice: &mut Dice) -> Option<Moving> {
        let all: Vec<PartitionId> = self.0.keys().copied().collect();
        let partition = *dice.pick(&all);
        let moved = self.0.get_mut(&partition)?;
        let next = moved.next(partition, dice);
        if moved.stage == Stage::OpenAgain && moved.untold.iter().all(Vec::is_empty) {
            self.0.remove(&partition);
        }
        next
    }

    /// A partition was opened by its new owner.
    pub(crate) fn opened(&mut self, partition: PartitionId) {
        if let Some(moved) = self.0.get_mut(&partition) {
            moved.stage = Stage::OpenAgain;
        }
    }
}

impl Move {
    fn next(&mut self, partition: PartitionId, dice: &mut Dice) -> Option<Moving> {
        let (from, to) = (self.from, self.to);
        let shard = dice.below(self.untold.len() + 2);
        if let Some(untold) = self.untold.get_mut(shard) {
            let is_early = |route: &Route| *route != Route::Nobody && self.stage == Stage::Open;
            let route = untold.pop_if(|route| !is_early(route))?;
            return Some(Moving::Tell {
                shard,
                partition,
                route,
            });
        }
        match self.stage {
            Stage::Open => {
                self.stage = Stage::Closed;
                Some(Moving::Close { from, partition })
            }
            // Somebody still takes it for served where it was.
            Stage::Closed if self.untold.iter().any(|it| it.len() > 1) => None,
            Stage::Closed => Some(Moving::Open {
                from,
                to,
                partition,
            }),
            Stage::OpenAgain => None,
        }
    }
}
