//! Whom users block.

use rookery_schema::ChatId;
use rookery_schema::event::{put_time, put_user_id};
use rookery_schema::limits::BLOCKS_PER_USER_MAX;

use crate::api::reply::{Reply, ReplyTo};
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::edge::port::{Block, Read};
use crate::http::Status;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{Blocking, ChatCommand, Command, HomeCommand};

impl Api<'_> {
    pub(super) fn list_blocks(self, call: &Call<'_>) -> Handled {
        let read = Read::Blocks {
            user_id: call.caller?.user_id,
            limit: BLOCKS_PER_USER_MAX,
        };
        let reply_to = ReplyTo::Blocks;
        Ok(Action::Read { read, reply_to })
    }

    pub(super) fn block(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let blocked_id = call.user_id()?;
        if blocked_id == caller {
            let problem = Problem::out_of_bounds("nobody blocks themselves");
            return Err(problem.about(Field::UserId, Fault::Unknown).into());
        }
        cx.spend(caller, 0)?;
        let command = HomeCommand::Block {
            blocked_id,
            network: call.network(cx),
        };
        Ok(Action::ask(Command::Home(caller, command), ReplyTo::Plain))
    }

    pub(super) fn unblock(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?.user_id;
        let blocked_id = call.user_id()?;
        cx.spend(caller, 0)?;
        let blocking = Blocking {
            caller,
            blocked_id,
            is_blocked: false,
            network: call.network(cx),
        };
        let chat_id = ChatId::direct(caller, blocked_id);
        let command = Command::Chat(chat_id, ChatCommand::Block(blocking));
        Ok(Action::ask(command, ReplyTo::Plain))
    }
}

/// Whom a user has blocked.
pub(super) fn blocks_reply(blocks: &[Block]) -> Reply {
    let mut out = b"[".to_vec();
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"user_id":"#);
        put_user_id(&mut out, block.user_id);
        put_time(&mut out, br#","created_at":""#, block.created_at);
        out.push(b'}');
    }
    out.push(b']');
    Reply::json(Status::Ok, out)
}
