//! What may be asked of a path (RFC 9110, section 9.3.7), and by which pages: CORS, in the Fetch standard.

use crate::api::Api;
use crate::api::reply::Reply;
use crate::api::routes::Route;
use crate::http::Request;

/// Fields that a page of another origin may send, besides those that the Fetch standard lets it.
const ACCEPTED_FIELDS: &str = "Authorization, Content-Type, Idempotency-Key";
/// Seconds for which a browser need not ask again. Chromium remembers none for longer.
const REMEMBERED_SECONDS: &str = "7200";

impl Api<'_> {
    /// The reply to `OPTIONS`: the path's methods, and what a browser asks before it lets a page of another origin make
    /// a request. Which page may is said by the fields that every reply to it has.
    pub(super) fn options(self, request: &Request, route: Route) -> Reply {
        let mut reply = Reply::allowing(route.allowed());
        if self.is_preflight(request) {
            reply.extra.extend([
                ("Access-Control-Allow-Methods", route.allowed()),
                ("Access-Control-Allow-Headers", ACCEPTED_FIELDS.to_owned()),
                ("Access-Control-Max-Age", REMEMBERED_SECONDS.to_owned()),
            ]);
        }
        reply
    }

    /// Whether a browser asks for a page that may make requests.
    fn is_preflight(self, request: &Request) -> bool {
        let cors = self.gate.origins().cors(request);
        request.header("access-control-request-method").is_some()
            && cors.is_some_and(|cors| cors.is_allowed())
    }
}
