//! What is read when users block others.

use rookery_schema::ChatId;
use rookery_schema::limits::BLOCKS_PER_USER_MAX;

use crate::context::Context;
use crate::edge::port::{Block, Read};
use crate::home::blocks::{UNSTORED_SECONDS, Wanted};
use crate::home::{Home, HomeRead};
use crate::mesh::problem::Problem;
use crate::mesh::{Blocking, ChatCommand, Command};

impl Home {
    /// A user blocks another one: looks whom they have blocked.
    pub(super) fn block(&mut self, wanted: Wanted, cx: &mut Context<'_>) {
        let read = Read::Blocks {
            user_id: wanted.user_id,
            limit: BLOCKS_PER_USER_MAX,
        };
        self.read(HomeRead::Blocks(wanted), read, cx);
    }

    /// Whom a user has blocked was read (`None`: could not be). The owner of the direct chat answers.
    pub(super) fn blocks_read(
        &mut self,
        wanted: Wanted,
        known: Option<Vec<Block>>,
        cx: &mut Context<'_>,
    ) {
        let Wanted {
            asker,
            user_id,
            blocked_id,
            network,
        } = wanted;
        let Some(known) = known else {
            return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
        };
        let until = cx.micros_in(UNSTORED_SECONDS);
        if !self.blocks.begin(user_id, blocked_id, &known, until) {
            return cx.refuse(asker, Problem::TOO_MANY_BLOCKS);
        }
        let blocking = Blocking {
            caller: user_id,
            blocked_id,
            is_blocked: true,
            network,
        };
        let chat_id = ChatId::direct(user_id, blocked_id);
        cx.ask(asker, Command::Chat(chat_id, ChatCommand::Block(blocking)));
    }
}
