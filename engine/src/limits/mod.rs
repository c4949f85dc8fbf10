//! Limits by rate: which there are, how they are counted, and whom a client counts as.

mod bucket;
mod limit;
mod network;
mod proxies;

pub(crate) use bucket::{Buckets, Rate};
pub use limit::Limit;
pub use network::Network;
pub(crate) use proxies::Client;
pub use proxies::Proxies;
