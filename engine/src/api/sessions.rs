//! The sessions that a user has: which there are, and their end.

use rookery_schema::event::put_json_text;
use rookery_schema::row::SessionRow;
use rookery_schema::{SessionId, UserId};

use crate::api::body::text;
use crate::api::rejection::Rejection;
use crate::api::reply::{Reply, ReplyTo, logout_reply};
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::http::{Request, Status};
use crate::ids::{Caller, Session};
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{Command, UserCommand};

impl Api<'_> {
    /// Ends the caller's session, or all that they have.
    pub(super) fn log_out(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let all = all(call.request)?;
        let caller = match call.caller {
            Ok(caller) => caller,
            Err(problem) => return Ok(Action::Reply(self.logout_of_nobody(&problem))),
        };
        let Some(session) = caller.session else {
            return Ok(Action::Reply(logout_reply(self.gate.cookies())));
        };
        if all {
            let audit = call.audit_of_all(caller.user_id, cx);
            let command = UserCommand::EndAllSessions(session);
            let command = Command::User(caller.user_id, command);
            let reply_to = ReplyTo::LogOut(Some(Box::new(audit)));
            return Ok(Action::ask(command, reply_to));
        }
        Ok(end(call, caller.user_id, session, cx))
    }

    /// The caller's sessions. In trust mode there are none.
    pub(super) fn list_sessions(self, call: &Call<'_>) -> Handled {
        let caller = call.caller?;
        let Some(session) = caller.session else {
            return Ok(Action::Reply(Reply::json(Status::Ok, b"[]".to_vec())));
        };
        let command = Command::User(caller.user_id, UserCommand::ListSessions);
        let current = session.session_id;
        Ok(Action::ask(command, ReplyTo::Sessions { current }))
    }

    /// Ends a session of the caller: one that is listed, or that which asks.
    pub(super) fn end_session(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let Caller { user_id, session } = call.caller?;
        let session_id = call
            .matched
            .id
            .map(|id| SessionId::from_bytes(id.into_bytes()));
        let (Some(session_id), Some(session)) = (session_id, session) else {
            return Err(Problem::NO_SUCH_SESSION.into());
        };
        if session.session_id == session_id {
            return Ok(end(call, user_id, session, cx));
        }
        let command = UserCommand::EndListed {
            session_id,
            network: call.network(cx),
        };
        let command = Command::User(user_id, command);
        Ok(Action::ask(command, ReplyTo::Plain))
    }

    /// Those of a user's sessions that have not ended.
    pub(super) fn sessions_reply(
        self,
        sessions: &[SessionRow],
        current: SessionId,
        cx: &Context<'_>,
    ) -> Reply {
        let mut out = b"[".to_vec();
        let good = sessions.iter().filter(|row| {
            let caller = Caller {
                user_id: row.user_id,
                session: Some(Session::new(row.session_id, row.expires_at)),
            };
            self.gate.is_current(&caller, cx.now.latest_wall)
        });
        for row in good {
            if out.len() > 1 {
                out.push(b',');
            }
            put_session(&mut out, row, row.session_id == current);
        }
        out.push(b']');
        Reply::json(Status::Ok, out)
    }
}

/// Ends the session that asks for it.
fn end(call: &Call<'_>, user_id: UserId, session: Session, cx: &Context<'_>) -> Action {
    let command = UserCommand::EndSession {
        session,
        network: call.network(cx),
    };
    Action::ask(Command::User(user_id, command), ReplyTo::LogOut(None))
}

/// Whether a logout is to end all sessions.
fn all(request: &Request) -> Result<bool, Rejection> {
    match text(request, Field::All)?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let problem = Problem::malformed("all must be true or false");
            Err(problem.about(Field::All, Fault::Malformed).into())
        }
    }
}

fn put_session(out: &mut Vec<u8>, row: &SessionRow, is_current: bool) {
    let SessionRow {
        session_id,
        created_at,
        expires_at,
        address,
        ..
    } = row;
    out.extend_from_slice(format!(r#"{{"session_id":"{session_id}","name":"#).as_bytes());
    put_json_text(out, &row.name);
    let rest = format!(
        r#","address":"{address}","created_at":"{created_at}","expires_at":"{expires_at}","current":{is_current}}}"#
    );
    out.extend_from_slice(rest.as_bytes());
}
