//! What becomes of a request: it is answered, asked about elsewhere, or makes the connection a WebSocket.

use crate::api::{Action, Api, AskedPage, Reply, ReplyTo, Upgrade};
use crate::auth::tokens::Ticket;
use crate::connection::http::{HeldRequest, Http};
use crate::connection::link::Link;
use crate::connection::replies::Framing;
use crate::context::Context;
use crate::edge::effect::{ConnEffect, HandedOff};
use crate::edge::port::{Part, Token};
use crate::held_bytes::Holding;
use crate::http::{Method, Request};
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::{Command, HomeCommand, ShardMessage};
use crate::pages::{self, Wanted};
use crate::ws::limits::EARLY_FRAMES_BYTES_MAX;
use crate::ws::write_switching_protocols;

impl Http {
    pub(super) fn begin_request(
        &mut self,
        link: &mut Link,
        request: Request,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        self.request_began_micros = None;
        self.holds_since_micros = None;
        self.continue_due = false;
        let is_concurrent = api.is_concurrent(&request);
        let may_begin = self.replies.is_empty() || is_concurrent && self.is_concurrent;
        if !may_begin {
            self.held = Some(HeldRequest {
                _holding: Holding::of(cx.held, request.heap_bytes()),
                request,
            });
            return;
        }
        self.is_concurrent = is_concurrent;
        cx.stats.http_requests += 1;
        let is_last = self.owed_bytes == Some(0);
        let keep_alive = request.keep_alive && !is_last;
        self.last_request_read = !keep_alive;
        let ticket = self.replies.expect(Framing {
            version: request.version,
            head_only: request.method == Method::Head,
            keep_alive,
            cors: api.gate().origins().cors(&request),
        });
        let (door, known) = (self.door, &mut self.known);
        let caller = |cx: &Context<'_>| api.gate().caller(&request, known, cx.now.latest_wall);
        let action = api.handle(&request, door, caller, cx);
        let action = action.unwrap_or_else(|rejection| Action::Reply(Reply::rejection(&rejection)));
        self.act(link, ticket, action, cx);
    }

    /// Asks for a page when its turn comes, or refuses it where there is no room for it.
    fn ask_page(&mut self, link: &mut Link, ticket: u64, asked: AskedPage, cx: &mut Context<'_>) {
        if let Err(problem) = pages::admit(cx.held) {
            return self.reply(link, ticket, Reply::problem(&problem), cx);
        }
        let due_micros = cx.micros_in(asked.command.seconds_max());
        self.replies
            .defer(ticket, asked.reply_to, due_micros, false);
        let wanted = Wanted {
            conn: link.id(),
            ticket,
            command: asked.command,
            due_micros,
        };
        cx.ask_page(asked.network, wanted);
    }

    pub(super) fn act(
        &mut self,
        link: &mut Link,
        ticket: u64,
        action: Action,
        cx: &mut Context<'_>,
    ) {
        match action {
            Action::Reply(reply) => self.reply(link, ticket, reply, cx),
            Action::Ask { command, reply_to } => {
                let due = cx.micros_in(command.seconds_max());
                self.replies.defer(ticket, reply_to, due, command.changes());
                cx.ask(cx.asker(link.id(), ticket), command);
            }
            Action::AskPage(asked) => self.ask_page(link, ticket, *asked, cx),
            Action::Read { read, reply_to } => {
                let due = cx.micros_in(READ_SECONDS_MAX);
                self.replies.defer(ticket, reply_to, due, false);
                let part = Part::Connection(link.id());
                let number = ticket;
                cx.read(Token { part, number }, read);
            }
            Action::Scrape => {
                let due = cx.micros_in(READ_SECONDS_MAX);
                self.replies.defer(ticket, ReplyTo::Plain, due, false);
                let asker = cx.asker(link.id(), ticket);
                cx.send(cx.id(), ShardMessage::Scrape { asker });
            }
            Action::Upgrade {
                upgrade,
                ticket: None,
            } => self.upgrade(link, ticket, &upgrade, cx),
            Action::Upgrade {
                upgrade,
                ticket: Some(presented),
            } => {
                self.upgrade = Some(upgrade);
                self.act(link, ticket, spend(presented), cx);
            }
        }
    }

    /// Accepts a WebSocket and sends it to its user's home.
    pub(super) fn upgrade(
        &mut self,
        link: &mut Link,
        ticket: u64,
        upgrade: &Upgrade,
        cx: &mut Context<'_>,
    ) {
        let Upgrade {
            accepted,
            caller,
            will_resume,
        } = upgrade;
        if self.replies.len() > 1 {
            cx.bug("an upgrade does not wait for all replies before it");
        }
        if self.input.len() > EARLY_FRAMES_BYTES_MAX {
            self.last_request_read = true;
            self.replies.end_behind_last();
            return self.reply(link, ticket, Reply::problem(&Problem::TOO_EARLY), cx);
        }
        link.write(cx, |out, _| write_switching_protocols(out, accepted));
        link.begin_to_close(cx);
        let socket = Box::new(HandedOff {
            user_id: caller.user_id,
            session: caller.session,
            batch_protocol: accepted.protocol.is_some(),
            will_resume: *will_resume,
            unread: std::mem::take(&mut self.input),
        });
        let to = cx.routing.home(caller.user_id);
        let effect = ConnEffect::HandOff { to, socket };
        cx.effects.connections.push((link.id(), effect));
    }
}

/// Spends a ticket at its user's home.
const fn spend(ticket: Ticket) -> Action {
    let command = HomeCommand::SpendTicket {
        ticket_id: ticket.ticket_id,
        expires_at: ticket.expires_at,
    };
    Action::Ask {
        command: Command::Home(ticket.user_id, command),
        reply_to: ReplyTo::Plain,
    }
}
