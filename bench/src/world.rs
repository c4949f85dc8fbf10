//! Who talks where: the users and rooms of a run.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Zipf};

/// Bytes of an id, as a UUID with hyphens has.
pub const ID_BYTES: usize = 36;

/// An id as it is in JSON and in URLs.
pub type Id = [u8; ID_BYTES];
/// A room, by its place in [`World::rooms`].
pub type RoomNumber = u32;
/// A user, by their place in [`World::users`].
pub type UserNumber = u32;

/// The seed of all draws: two runs send to the same rooms in the same order.
const SEED: u64 = 1;

/// A user that the load generator speaks for.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    /// What they log in with; empty where nobody does.
    pub name: String,
    /// The header line that says who the user is.
    pub credential: String,
}

/// A chat.
#[derive(Clone, Debug)]
pub struct Room {
    pub id: Id,
    pub members: Vec<UserNumber>,
    /// So many of the members send, the first ones.
    pub speakers: usize,
}

/// The users and rooms of a run.
#[derive(Debug, Default)]
pub struct World {
    pub users: Vec<User>,
    pub rooms: Vec<Room>,
    by_id: HashMap<Id, RoomNumber, FixedState>,
}

impl World {
    pub fn new(users: Vec<User>, rooms: Vec<Room>) -> Self {
        let by_id = (0..).zip(&rooms).map(|(n, room)| (room.id, n)).collect();
        Self {
            users,
            rooms,
            by_id,
        }
    }

    /// One room, and one user for whom all send: for servers whose rooms have no members.
    pub fn one_room(id: Id, credential: &str) -> Self {
        let anybody = User {
            id: String::new(),
            name: String::new(),
            credential: credential.to_owned(),
        };
        let room = Room {
            id,
            members: vec![0],
            speakers: 1,
        };
        Self::new(vec![anybody], vec![room])
    }

    /// The same rooms and users on a server that knows rooms by these ids, and tells nobody from anybody.
    pub fn elsewhere(&self, ids: Vec<Id>, credential: &str) -> Self {
        let users = self.users.iter().cloned().map(|user| User {
            credential: credential.to_owned(),
            ..user
        });
        let rooms = self.rooms.iter().cloned().zip(ids);
        Self::new(
            users.collect(),
            rooms.map(|(room, id)| Room { id, ..room }).collect(),
        )
    }

    /// The room with this id, if it is one of this run.
    pub fn find_room(&self, id: &Id) -> Option<RoomNumber> {
        self.by_id.get(id).copied()
    }

    /// The rooms of each user, in order.
    pub fn rooms_by_user(&self) -> Vec<Vec<RoomNumber>> {
        let mut rooms = vec![Vec::new(); self.users.len()];
        for (number, room) in (0..).zip(&self.rooms) {
            for member in &room.members {
                rooms[*member as usize].push(number);
            }
        }
        rooms
    }
}

/// Draws the room of each message: the k-th most popular one with a probability in proportion to
/// `1 / k^exponent`.
pub struct RoomPicker {
    zipf: Option<Zipf<f64>>,
    rng: ChaCha8Rng,
}

impl RoomPicker {
    /// `exponent` is at least 0, at which all rooms are alike.
    pub fn new(rooms: usize, exponent: f64) -> Self {
        Self {
            zipf: Zipf::new(rooms as f64, exponent).ok().filter(|_| rooms > 1),
            rng: ChaCha8Rng::seed_from_u64(SEED),
        }
    }

    /// The room of the next message.
    pub fn pick(&mut self) -> RoomNumber {
        match &self.zipf {
            Some(zipf) => zipf.sample(&mut self.rng) as RoomNumber - 1,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_room_is_as_popular_as_zipf_s_law_says() {
        let mut picker = RoomPicker::new(10_000, 1.0);
        let drawn: Vec<_> = (0..100_000).map(|_| picker.pick()).collect();
        assert!(drawn.iter().all(|room| *room < 10_000));
        // The 10,000th harmonic number is 9.79.
        let first = drawn.iter().filter(|room| **room == 0).count();
        assert!((9_500..11_000).contains(&first), "{first}");
    }
}
