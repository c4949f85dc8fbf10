//! What clients may ask for per network, before they are known: logins and registrations. The shard that a network is
//! hashed to counts for all of them.

use crate::context::Context;
use crate::limits::{Buckets, Limit, Network, Rate};
use crate::mesh::problem::Problem;
use crate::mesh::{AddressCommand, Asker, Command};

/// Logins and registrations that a network may ask for at once.
const LOGINS_BURST: u64 = 50;
/// Logins and registrations that a network may ask for in a second, in the long run.
const LOGINS_PER_SECOND: u64 = 1;
/// Networks that are remembered, about 40 bytes each.
const NETWORKS_MAX: usize = 65_536;

/// See the module.
#[derive(Debug)]
pub(crate) struct Addresses {
    logins: Buckets<Network>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            logins: Buckets::new(NETWORKS_MAX),
        }
    }
}

impl Addresses {
    /// Passes a command on, if its network is within its limits.
    pub(crate) fn command(
        &mut self,
        asker: Asker,
        network: Network,
        command: AddressCommand,
        cx: &mut Context<'_>,
    ) {
        let rate = Rate::new(LOGINS_PER_SECOND, 1, LOGINS_BURST);
        match self.logins.spend(network, 1, rate, cx.now.micros) {
            Ok(()) => {
                let AddressCommand::Name(username, command) = command;
                cx.ask(asker, Command::Name(username, command));
            }
            Err(seconds) => cx.refuse(asker, Problem::over(Limit::AddressLogins, seconds)),
        }
    }

    pub(crate) fn tick(&mut self, cx: &Context<'_>) {
        self.logins.tick(cx.now.micros);
    }
}
