//! Records of writers that made no claim. What becomes of one whose claim is superseded takes two processes:
//! `io/tests/external/two_servers.rs`.

use super::support::{P0, batch, broker, connect, fresh, open, reopened, write_by_hand};
use rookery_io::log::Stored;
use rookery_schema::Offset;

#[test]
fn what_older_versions_wrote_before_the_first_claim_counts_and_nothing_behind_it() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    connect(&settings).unwrap();
    let older = |number| {
        let record = batch([number]);
        write_by_hand(&settings, &settings.topic, record.first().unwrap());
    };
    older(0);
    older(1);
    let mut shard = open(&settings);
    shard.until_caught_up(1);
    shard.append_durably(batch([2]));
    older(99);
    shard.append_durably(batch([3]));
    shard.until_delivered(P0, &[0, 1, 2, 3]);
    shard.stop();

    let mut shard = reopened(&settings, Stored::Below(Offset(0)));
    older(99);
    shard.append_durably(batch([4]));
    shard.until_delivered(P0, &[0, 1, 2, 3, 4]);
    shard.stop();
}
