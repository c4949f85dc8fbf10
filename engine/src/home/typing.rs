//! Who types where. It is told over WebSockets alone, to whoever listens at that moment, and kept nowhere.

use rookery_schema::{ChatId, Route, UserId};

use crate::connection::Connections;
use crate::context::Context;
use crate::home::Home;
use crate::ids::ConnId;
use crate::limits::Limit;
use crate::mesh::Whisper;
use crate::mesh::problem::Problem;
use crate::ws::write_text_frame;

/// Users of a chat that are connected to a shard who are told who types: of a crowd that is larger, nobody reads it, and
/// it costs as much as a message.
const CROWD_MAX: usize = 1024;

impl Home {
    /// A client says that its user types in a chat. Where they are not in it, nothing happens.
    pub(crate) fn types(
        &mut self,
        user_id: UserId,
        conn: ConnId,
        chat_id: ChatId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let user = self.users.get(&user_id);
        if !user.is_some_and(|user| user.is_in_room(chat_id)) {
            return;
        }
        match self.typing_rates.admit(user_id, chat_id, cx.now.micros) {
            Ok(true) => {}
            Ok(false) => return,
            Err(seconds) => {
                let problem = Problem::over(Limit::TypingRate, seconds);
                return connections.refuse(conn, &problem, Some(chat_id), cx);
            }
        }
        match cx.routing.route(cx.placement().of_chat(chat_id)) {
            Route::Here(owner) => cx.whisper(owner, Whisper::Types { chat_id, user_id }),
            Route::Nobody => {}
        }
    }

    /// A member of a chat types: whoever else listens to it here is told.
    pub(crate) fn typing(
        &mut self,
        chat_id: ChatId,
        user_id: UserId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let typist = self.users.get(&user_id).map(|user| user.listener);
        let Some((room, sockets)) = self.rooms.get(chat_id) else {
            return;
        };
        if room.listeners().len() > CROWD_MAX {
            cx.stats.whispers_dropped_for_crowds += 1;
            return;
        }
        let line = format!(r#"{{"type":"typing","chat_id":"{chat_id}","user_id":"{user_id}"}}"#);
        let mut frame = Vec::new();
        write_text_frame(&mut frame, line.as_bytes());
        let frame = cx.held.hold(frame);
        for listener in room.listeners() {
            if Some(*listener) == typist {
                continue;
            }
            for socket in sockets.of(*listener) {
                if !room.passes_over(socket.conn) {
                    connections.whisper(socket.conn, &frame, cx);
                }
            }
        }
    }
}
