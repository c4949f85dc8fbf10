//! `kill -9` at random moments, with the number of shards changing from start to start.

use std::thread;
use std::time::{Duration, Instant};

use super::alone;
use super::clubs::Clubs;
use super::load::under_load;
use super::support::Options;
use super::verify::verify;
use super::world::build_world;
use rookery_testing::seeds;

const KILLS_DEFAULT: usize = 20;
/// How many shards the starts take turns with.
const SHARDS: [usize; 3] = [4, 2, 3];
/// Every so many starts are killed before they are ready.
const UNREADY_EVERY: usize = 4;
/// Short, so that there is nearly always something under way to be killed.
const BREATH: Duration = Duration::from_millis(2);
/// How long a run may take for each kill; then it hangs.
const PATIENCE_PER_KILL: Duration = Duration::from_secs(10);

#[test]
fn no_kill_loses_repeats_or_reorders_what_was_acknowledged() {
    let _alone = alone();
    let kills = std::env::var("ROOKERY_KILLS").map_or(KILLS_DEFAULT, |text| text.parse().unwrap());
    let mut rng = seeds::dice();
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).flag("--partitions", 6);

    let mut server = options.clone().shards(SHARDS[0]).start();
    let deadline = Instant::now() + PATIENCE_PER_KILL * (kills as u32 + 3);
    let world = build_world(server.addr, BREATH, deadline, &mut rng);
    let mut clubs = Clubs::found(server.addr);
    under_load(&world, &mut clubs, &mut rng, |rng| {
        for kill in 1..=kills {
            thread::sleep(Duration::from_millis(rng.next() % 500));
            server.kill();
            let options = options.clone().shards(SHARDS[kill % SHARDS.len()]);
            if kill % UNREADY_EVERY == 0 {
                let mut unready = options.spawn();
                thread::sleep(Duration::from_millis(rng.next() % 300));
                unready.kill();
            }
            server = options.start();
            world.move_to(server.addr);
        }
    });
    verify(&world, server.addr, kills);
    let changes = clubs.verify(server.addr);
    eprintln!("{changes} members added or removed");
    assert!(changes > 0, "the run had changes");
}
