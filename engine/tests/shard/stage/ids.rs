//! Chats, users and names of this shard and of the other one.

use rookery_schema::{ChatId, PartitionId, Routing, Timestamp, UserId};

use super::{HERE, P0, Stage, THERE};

impl Stage {
    /// A number that was not used before.
    pub(crate) const fn unique(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A chat that this shard owns.
    pub(crate) fn chat(&mut self) -> ChatId {
        self.find(ChatId::from_bytes, |routing, id| {
            routing.placement().of_chat(id) == P0
        })
    }

    /// A user whose records this shard owns.
    pub(crate) fn owned_user(&mut self) -> UserId {
        self.find(UserId::from_bytes, |routing, id| {
            routing.placement().of_user(id) == P0
        })
    }

    /// Whether this shard owns the records of a user.
    pub(crate) fn is_owned(&self, user_id: UserId) -> bool {
        self.routing.placement().of_user(user_id) == P0
    }

    /// A chat that a user makes and this shard owns.
    pub(crate) fn chat_made_by(&mut self, user_id: UserId) -> ChatId {
        let make = |bytes: [u8; 16]| {
            let mut random = [0; 10];
            random[..6].copy_from_slice(&bytes[10..]);
            ChatId::made_by(user_id, Timestamp::default(), random)
        };
        self.find(make, |routing, id| routing.placement().of_chat(id) == P0)
    }

    /// A chat that the other shard owns.
    pub(crate) fn foreign_chat(&mut self) -> ChatId {
        self.find(ChatId::from_bytes, |routing, id| {
            routing.placement().of_chat(id) != P0
        })
    }

    /// A user whose home this shard is.
    pub(crate) fn user(&mut self) -> UserId {
        self.find(UserId::from_bytes, |routing, id| routing.home(id) == HERE)
    }

    /// A user whose home the other shard is.
    pub(crate) fn foreign_user(&mut self) -> UserId {
        self.find(UserId::from_bytes, |routing, id| routing.home(id) == THERE)
    }

    fn find<T: Copy>(
        &mut self,
        make: impl Fn([u8; 16]) -> T,
        fits: impl Fn(&Routing, T) -> bool,
    ) -> T {
        loop {
            let id = make(u128::from(self.unique()).to_be_bytes());
            if fits(&self.routing, id) {
                return id;
            }
        }
    }

    /// A username of this shard's partition.
    pub(crate) fn username(&mut self) -> String {
        self.find_username(true)
    }

    /// A username of the other shard's partition.
    pub(crate) fn foreign_username(&mut self) -> String {
        self.find_username(false)
    }

    fn find_username(&mut self, is_here: bool) -> String {
        loop {
            let name = format!("user{}", self.unique());
            if (self.routing.placement().of_name(&name) == P0) == is_here {
                return name;
            }
        }
    }

    /// A username that is not its own key, whose key this shard's partition has; and the name itself too, or not.
    pub(crate) fn capital_username(&mut self, is_here: bool) -> String {
        let placement = self.routing.placement();
        loop {
            let name = format!("User{}", self.unique());
            let key_is_here = placement.of_name(&name.to_lowercase()) == P0;
            if key_is_here && (placement.of_name(&name) == P0) == is_here {
                return name;
            }
        }
    }

    /// Where a chat's records are.
    pub(crate) fn partition_of(&self, chat_id: ChatId) -> PartitionId {
        self.routing.placement().of_chat(chat_id)
    }
}
