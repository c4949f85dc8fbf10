//! What a browser asks before it lets a page of another origin make a request (CORS, in the Fetch standard).

use crate::api::Api;
use crate::api::reply::Reply;
use crate::api::routes::Route;
use crate::http::Request;

/// Fields that such a page may send, besides those that the Fetch standard lets it.
const ACCEPTED_FIELDS: &str = "Authorization, Content-Type, Idempotency-Key";
/// Seconds for which a browser need not ask again. Chromium remembers none for longer.
const REMEMBERED_SECONDS: &str = "7200";

impl Api<'_> {
    /// The answer, where a browser asks for a page that may make requests. The fields that say so are those of every
    /// reply to it.
    pub(super) fn preflight(self, request: &Request, route: Route) -> Option<Reply> {
        let asks = request.header("access-control-request-method").is_some();
        let is_allowed = || {
            self.gate
                .origins()
                .cors(request)
                .is_some_and(|cors| cors.is_allowed())
        };
        (asks && is_allowed()).then(|| {
            let mut reply = Reply::no_content();
            reply.extra = vec![
                ("Access-Control-Allow-Methods", route.allowed()),
                ("Access-Control-Allow-Headers", ACCEPTED_FIELDS.to_owned()),
                ("Access-Control-Max-Age", REMEMBERED_SECONDS.to_owned()),
            ];
            reply
        })
    }
}
