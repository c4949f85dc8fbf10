//! Addresses of this machine that clients come from. A server spares 127.0.0.1 where limits are by address; all others
//! of 127.0.0.0/8 are strangers to it.

use std::net::{IpAddr, Ipv4Addr};

/// Honest users who share an address, as a household does.
const HOUSEHOLD: usize = 5;
/// The first address of attackers, who are as many as 127.0.0.0/16 has room for.
const ATTACKERS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The first address of honest strangers, beyond those of attackers.
const STRANGERS: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// Where the users of a run come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// All from the one that the system gives them.
    Given,
    /// From addresses of strangers, some users each.
    Strangers,
}

impl Addresses {
    /// Where the n-th user comes from; `None` where the system says that.
    pub fn of_user(self, n: usize) -> Option<IpAddr> {
        match self {
            Self::Given => None,
            Self::Strangers => Some(after(STRANGERS, (n / HOUSEHOLD) as u32)),
        }
    }
}

/// The n-th address of attackers.
pub fn of_attacker(n: u32) -> IpAddr {
    after(ATTACKERS, n)
}

fn after(first: Ipv4Addr, n: u32) -> IpAddr {
    Ipv4Addr::from(first.to_bits() + n).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attackers_and_honest_strangers_share_no_address() {
        assert_eq!(of_attacker(0), Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(of_attacker(254), Ipv4Addr::new(127, 0, 1, 0));
        assert_eq!(Addresses::Given.of_user(0), None);
        let strangers = [0, 4, 5].map(|n| Addresses::Strangers.of_user(n));
        let [first, second] = [1, 2].map(|last| Some(Ipv4Addr::new(127, 1, 0, last).into()));
        assert_eq!(strangers, [first, first, second]);
    }
}
