//! Who calls an endpoint; tickets, WebSockets and readiness.

use rookery_schema::{SessionId, Timestamp, UserId};
use serde::Deserialize;

use crate::api::body::{Body, text};
use crate::api::reading::object;
use crate::api::rejection::Rejection;
use crate::api::reply::{Reply, logout_reply, problem_without_login};
use crate::api::{Action, Api, Call, Handled, Upgrade};
use crate::auth::tokens::{TICKET_MILLIS, Ticket};
use crate::config::AuthMode;
use crate::context::Context;
use crate::http::{Method, Status, Version};
use crate::ids::Caller;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::ws;

/// See [`Api::caller_or_sender`].
#[derive(Deserialize)]
struct Sender {
    #[serde(default)]
    sender_id: Option<UserId>,
}

impl Api<'_> {
    /// Refuses a call without credentials before its body is looked at, where they are needed.
    pub(super) fn check_credentials(self, call: &Call<'_>) -> Result<(), Problem> {
        match self.gate.mode() {
            AuthMode::Token => call.caller.map(|_| ()),
            AuthMode::Trust => Ok(()),
        }
    }

    /// The caller; in trust mode without a cookie, the user that the body names as its sender. Nothing else looks at
    /// that field.
    pub(super) fn caller_or_sender(
        self,
        call: &Call<'_>,
        json: &Body<'_>,
    ) -> Result<Option<UserId>, Rejection> {
        match (call.caller, self.gate.mode()) {
            (Ok(caller), _) => Ok(Some(caller.user_id)),
            (Err(problem), AuthMode::Token) => Err(problem.into()),
            (Err(_), AuthMode::Trust) => object::<Sender>(json).map(|body| body.sender_id),
        }
    }

    /// The reply to a logout without a valid login, which may have ended long ago.
    pub(super) fn logout_of_nobody(self, problem: &Problem) -> Reply {
        let cookies = self.gate.cookies();
        match self.gate.mode() {
            AuthMode::Trust => logout_reply(cookies),
            AuthMode::Token => problem_without_login(problem, cookies),
        }
    }

    pub(super) fn buy_ticket(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?;
        let expires_at = Timestamp::from_millis(cx.now.latest_wall.millis() + TICKET_MILLIS);
        let ticket = Ticket {
            ticket_id: SessionId::from_bytes(cx.random()),
            user_id: caller.user_id,
            expires_at,
            session: caller.session,
        };
        let ticket = self.gate.issue_ticket(&ticket);
        let ticket = ticket.ok_or(Problem::NOT_SIGNED)?;
        let body = format!(r#"{{"ticket":"{ticket}","expires_at":"{expires_at}"}}"#);
        let reply = Reply::json(Status::Ok, body.into_bytes());
        Ok(Action::Reply(reply))
    }

    pub(super) fn connect(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        if cx.readiness.is_draining() {
            return Err(Problem::DRAINING.into());
        }
        let wanted = call.user_id()?;
        let request = call.request;
        let upgrade = ws::UpgradeRequest {
            is_get: request.method == Method::Get,
            http11: request.version == Version::Http11,
            has_body: request.has_body_framing(),
            headers: |name| request.headers(name),
        };
        let accepted = match ws::accept(&upgrade) {
            Ok(accepted) => accepted,
            Err(refusal) => return Ok(Action::Reply(upgrade_refused(&refusal))),
        };
        let (caller, ticket) = self.connecting(call, wanted, cx)?;
        if caller.user_id != wanted {
            return Err(Problem::FORBIDDEN.into());
        }
        let will_resume = match text(request, Field::Resume)?.as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => {
                let problem = Problem::malformed("resume must be 0 or 1");
                return Err(problem.about(Field::Resume, Fault::Malformed).into());
            }
        };
        Ok(Action::Upgrade {
            upgrade: Box::new(Upgrade {
                accepted,
                caller,
                will_resume,
            }),
            ticket,
        })
    }

    /// Who connects: by ticket, by token or, in trust mode, the user in the path.
    fn connecting(
        self,
        call: &Call<'_>,
        wanted: UserId,
        cx: &Context<'_>,
    ) -> Result<(Caller, Option<Ticket>), Rejection> {
        if let Some(ticket) = text(call.request, Field::Ticket)? {
            let ticket = self
                .gate
                .verify_ticket(ticket.as_bytes(), cx.now.latest_wall);
            let ticket = ticket.ok_or(Problem::INVALID_TOKEN)?;
            return Ok((ticket.caller(), Some(ticket)));
        }
        match (call.caller, self.gate.mode()) {
            (Ok(caller), _) => Ok((caller, None)),
            (Err(_), AuthMode::Trust) => Ok((
                Caller {
                    user_id: wanted,
                    session: None,
                },
                None,
            )),
            (Err(problem), AuthMode::Token) => Err(problem.into()),
        }
    }

    pub(super) fn show_readiness(self, cx: &Context<'_>) -> Handled {
        if cx.readiness.is_draining() {
            return Err(Problem::DRAINING.into());
        }
        if !cx.readiness.all_serve() {
            let problem = match cx.disk_full {
                false => Problem::REPLAYING,
                true => Problem::REPLAYING_ON_A_FULL_DISK,
            };
            return Err(problem.into());
        }
        Ok(Action::Reply(Reply::text("ready\n")))
    }
}

fn upgrade_refused(refusal: &ws::UpgradeRefusal) -> Reply {
    match refusal {
        ws::UpgradeRefusal::UpgradeRequired => Reply::upgrade_required(),
        ws::UpgradeRefusal::BadRequest(detail) => Reply::problem(&Problem::malformed(detail)),
    }
}
