//! What may be asked of a path, and of the server as a whole: `OPTIONS` (RFC 9110, section 9.3.7).

use crate::api::{Action, Api, Door, Reply};
use crate::http::Request;
use crate::mesh::problem::Problem;

/// The target that stands for the server as a whole.
const WHOLE_SERVER: &str = "*";

impl Api<'_> {
    /// Says which methods a path takes.
    ///
    /// # Errors
    /// There is no such path; or what [`Api::is_foreign`] refuses.
    pub(super) fn options(self, request: &Request, door: Door) -> Result<Action, Problem> {
        let mut reply = Reply::no_content();
        if request.path() != WHOLE_SERVER {
            let (route, _) = self.route(request, door)?;
            if route.is_for_users() {
                self.is_foreign(request)?;
            }
            if let Some(reply) = self.preflight(request, route) {
                return Ok(Action::Reply(reply));
            }
            reply.extra.push(("Allow", route.allowed()));
        }
        Ok(Action::Reply(reply))
    }
}
