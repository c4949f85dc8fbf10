//! Rounds of the shard, one by one.

use std::collections::VecDeque;

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::ShardMessage;
use rookery_engine::port::{Found, Read, StoreEvent, StoreFault, Token};
use rookery_schema::{ChatId, UserId};

use super::{Stage, THERE};

impl Stage {
    /// The store finds these chats for all of these reads, and the shard takes that in one round. How many messages it
    /// has for the other shard at the end of that one, and of each that it wants to follow.
    pub(crate) fn asked_by_round(
        &mut self,
        reads: VecDeque<(Token, Read)>,
        chats: &[ChatId],
    ) -> Vec<usize> {
        for (token, _) in reads {
            let outcome = Ok(Found::Chats(chats.to_vec()));
            self.host
                .step(Input::Store(StoreEvent::Read { token, outcome }));
        }
        self.sent_by_round()
    }

    /// A user disconnects. How many messages the shard has for the other one at the end of each round.
    pub(crate) fn disconnected_by_round(&mut self, conn: ConnId) -> Vec<usize> {
        self.host.step(Input::Gone { conn });
        self.sent_by_round()
    }

    /// The shard takes this, and ends one round, whatever it wants to do in the next.
    pub(crate) fn one_round(&mut self, input: Input<'_>) {
        let effects = self.host.round(input);
        self.take(effects);
    }

    /// A user connects here, and one round ends.
    pub(crate) fn connect_in_one_round(&mut self, user_id: UserId) -> ConnId {
        let (conn, arrived) = self.host.arrived(user_id, None);
        self.one_round(arrived);
        conn
    }

    /// The store answers the oldest read, and one round ends.
    pub(crate) fn answer_read_in_one_round(&mut self, outcome: Result<Found, StoreFault>) {
        let (token, _) = self.reads.pop_front().unwrap();
        self.one_round(Input::Store(StoreEvent::Read { token, outcome }));
    }

    /// The other shard says something, and one round ends.
    pub(crate) fn tell_in_one_round(&mut self, message: ShardMessage) {
        let messages = vec![message];
        self.one_round(Input::Mesh {
            from: THERE,
            messages,
        });
    }

    /// The shard does what is left to do. How many messages it has for the other one at the end of each round.
    pub(crate) fn sent_by_round(&mut self) -> Vec<usize> {
        let mut sent = Vec::new();
        loop {
            self.host.flush();
            let effects = self.host.take();
            let wants_another = effects.another_round;
            sent.push(effects.mesh.iter().map(Vec::len).sum());
            self.take(effects);
            if !wants_another {
                return sent;
            }
        }
    }
}
