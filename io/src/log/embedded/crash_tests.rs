//! What a crash or a bad disk can make of a partition's files, and what the log makes of that.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;
use tempfile::TempDir;
use uuid::Uuid;

use super::committed::Committed;
use super::error::LogError;
use super::frame::{Seed, put_frame};
use super::reserve::Blocks;
use super::segments::{Segments, Sizes};

const SEGMENT_BYTES: u64 = 16 << 10;
const RESERVE_BYTES: u64 = 4 << 10;
const SECTOR_BYTES: usize = 512;

/// One record of so many bytes, none of which is zero.
fn batch(bytes: usize) -> RecordBatch {
    batch_of(&Vec::from_iter((0..bytes).map(|at| (at % 251) as u8 + 1)))
}

/// One record, behind its length.
fn batch_of(record: &[u8]) -> RecordBatch {
    let length = (record.len() as u32).to_le_bytes();
    RecordBatch::from_bytes([&length, record].concat().into()).unwrap()
}

fn open(dir: &Path) -> Result<Segments, LogError> {
    let seed = Seed::of(Uuid::from_u128(7));
    let sizes = Sizes {
        segment: SEGMENT_BYTES,
        reserve: RESERVE_BYTES,
    };
    Segments::open(dir, seed, sizes, Offset(0))
}

fn write(log: &mut Segments, batches: &[RecordBatch]) {
    log.append(batches.iter(), Blocks::KeepReserve).unwrap();
}

/// Appends records of these sizes, each a batch of its own, with one sync for all.
fn append(log: &mut Segments, sizes: &[usize]) {
    let batches = Vec::from_iter(sizes.iter().map(|&bytes| batch(bytes)));
    write(log, &batches);
    log.sync().unwrap();
}

/// The sizes of all records.
fn sizes(log: &Segments) -> Vec<usize> {
    let (mut cursor, mut sizes) = (log.cursor_at(log.start()), Vec::new());
    while let Some((base, batch)) = log.read(&mut cursor).unwrap() {
        assert_eq!(base, log.start().plus(sizes.len() as u64));
        sizes.extend(batch.iter().map(|record| record.len()));
    }
    assert_eq!(log.end(), log.start().plus(sizes.len() as u64));
    sizes
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files = Vec::from_iter(paths.filter(|path| path.extension().is_some()));
    files.sort();
    files
}

/// A log of records, each synced before the next, and the end of each in its only file.
fn synced_one_by_one(sizes: &[usize]) -> (TempDir, PathBuf, Vec<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    let file = files(dir.path()).remove(0);
    let mut ends = Vec::new();
    for &bytes in sizes {
        append(&mut log, &[bytes]);
        ends.push(written(&fs::read(&file).unwrap()));
    }
    assert_eq!(files(dir.path()).len(), 1);
    (dir, file, ends)
}

fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1
}

/// Checks that just the first records are there, and that the log goes on behind them.
fn assert_goes_on(dir: &Path, expected: &[usize], why: &str) {
    let mut log = open(dir).unwrap();
    assert_eq!(sizes(&log), expected, "{why}");
    append(&mut log, &[7]);
    drop(log);
    assert_eq!(
        sizes(&open(dir).unwrap()),
        [expected, &[7]].concat(),
        "{why}"
    );
}

fn assert_corrupt(dir: &Path, file: &Path, at: Range<usize>, why: &str) {
    match open(dir) {
        Err(LogError::Corrupt { path, at: found }) => {
            assert_eq!(path, file, "{why}");
            assert!(at.contains(&(found as usize)), "{why}: byte {found}");
        }
        Err(other) => panic!("{why}: {other}"),
        Ok(log) => panic!("{why}: opened with {:?}", sizes(&log)),
    }
}

#[test]
fn a_tail_torn_at_any_byte_loses_what_was_torn_and_nothing_else() {
    let all = [100, 700, 30, 600, 90];
    let (dir, file, ends) = synced_one_by_one(&all);
    let whole = fs::read(&file).unwrap();
    for cut in ends[1]..=ends[4] {
        let kept = ends.iter().filter(|&&end| end <= cut).count();
        for len in [cut, whole.len()] {
            let mut torn = whole[..cut].to_vec();
            torn.resize(len, 0);
            fs::write(&file, &torn).unwrap();
            assert_goes_on(dir.path(), &all[..kept], &format!("cut at {cut} of {len}"));
        }
    }
}

#[test]
fn a_flipped_bit_is_named_wherever_it_is() {
    let (dir, file, ends) = synced_one_by_one(&[100, 700, 0, 30, 1500]);
    let whole = fs::read(&file).unwrap();
    for at in 0..ends[4] {
        let frame = ends.iter().filter(|&&end| end <= at).count();
        let start = frame.checked_sub(1).map_or(0, |before| ends[before]);
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            fs::write(&file, &flipped).unwrap();
            let why = format!("bit {bit} of byte {at}");
            assert_corrupt(dir.path(), &file, start..start + 1, &why);
            assert_eq!(fs::read(&file).unwrap(), flipped, "it must not be touched");
        }
    }
}

#[test]
fn a_record_full_of_zeros_does_not_look_like_missing_sectors() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    write(&mut log, &[batch(300), batch_of(&[0; 4000])]);
    log.sync().unwrap();
    let file = files(dir.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    let end = written(&whole);
    for at in 0..end {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&file, &flipped).unwrap();
        assert_corrupt(dir.path(), &file, 0..end, &format!("byte {at}"));
    }
    let mut torn = whole;
    torn[end / SECTOR_BYTES * SECTOR_BYTES..].fill(0);
    fs::write(&file, torn).unwrap();
    assert_goes_on(dir.path(), &[300], "the last sector is missing");
}

#[test]
fn a_flipped_bit_where_nothing_was_written_yet_costs_nothing() {
    let all = [100, 700];
    let (dir, file, ends) = synced_one_by_one(&all);
    let whole = fs::read(&file).unwrap();
    for at in [1, 39, 400, 5000].map(|ahead| ends[1] + ahead) {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        fs::write(&file, &flipped).unwrap();
        assert_goes_on(dir.path(), &all, &format!("byte {at}"));
    }
}

/// The bytes after a power cut in the middle of a write: each sector is the old or the new one.
fn mix(old: &[u8], new: &[u8], is_written: impl Fn(usize) -> bool) -> Vec<u8> {
    let sectors = old.chunks(SECTOR_BYTES).zip(new.chunks(SECTOR_BYTES));
    let mixed = sectors.enumerate().map(
        |(number, (old, new))| {
            if is_written(number) { new } else { old }
        },
    );
    Vec::from_iter(mixed).concat()
}

#[test]
fn whatever_sectors_a_power_cut_leaves_of_a_write_what_was_synced_stays() {
    let (dir, file, ends) = synced_one_by_one(&[100, 300]);
    let old = fs::read(&file).unwrap();
    let mut log = open(dir.path()).unwrap();
    append(&mut log, &[200, 1400, 20, 900]);
    drop(log);
    let new = fs::read(&file).unwrap();
    let sectors = ends[1] / SECTOR_BYTES..written(&new).div_ceil(SECTOR_BYTES);
    for subset in 0..1 << sectors.len() {
        let is_written = |number: usize| {
            !sectors.contains(&number) || subset >> (number - sectors.start) & 1 == 1
        };
        fs::write(&file, mix(&old, &new, is_written)).unwrap();
        let log = open(dir.path()).unwrap();
        let found = sizes(&log);
        let all = [100, 300, 200, 1400, 20, 900];
        assert!(found.len() >= 2, "{subset:b}");
        assert_eq!(found, all[..found.len()], "{subset:b}");
        assert_eq!(found == all, subset + 1 == 1 << sectors.len(), "{subset:b}");
    }
}

/// What a record may hold whose sender knows all about frames, but not which log it is: a frame that says
/// that everything far behind it was synced.
fn forged_frame() -> Vec<u8> {
    let (mut frame, later) = (Vec::new(), Offset(1000));
    put_frame(
        &mut frame,
        Seed::of(Uuid::nil()),
        0,
        later,
        later,
        &batch(10),
    );
    frame
}

#[test]
fn a_torn_record_that_holds_a_forged_frame_is_cut_off_like_any_other() {
    let (dir, file, ends) = synced_one_by_one(&[100]);
    let old = fs::read(&file).unwrap();
    let mut log = open(dir.path()).unwrap();
    let content = [&batch(700).as_bytes()[..], &forged_frame(), &[b'x'; 700]].concat();
    write(&mut log, &[batch_of(&content)]);
    drop(log);
    let new = fs::read(&file).unwrap();
    let end = written(&new);
    for cut in ends[0] + 1..end {
        let mut torn = new[..cut].to_vec();
        torn.resize(new.len(), 0);
        fs::write(&file, torn).unwrap();
        assert_goes_on(dir.path(), &[100], &format!("killed at byte {cut}"));
    }
    for lost in ends[0] / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
        fs::write(&file, mix(&old, &new, |sector| sector != lost)).unwrap();
        assert_goes_on(dir.path(), &[100], &format!("without sector {lost}"));
    }
}

#[test]
fn a_sector_that_went_missing_after_it_was_synced_is_named() {
    let (dir, file, ends) = synced_one_by_one(&[100, 3000, 20]);
    let whole = fs::read(&file).unwrap();
    for sector in 1..ends[1] / SECTOR_BYTES {
        let mut lost = whole.clone();
        lost[sector * SECTOR_BYTES..][..SECTOR_BYTES].fill(0);
        fs::write(&file, &lost).unwrap();
        let start = ends[0]..ends[0] + 1;
        assert_corrupt(dir.path(), &file, start, &format!("sector {sector}"));
    }
}

/// A log of several segments, and their files.
fn rolled() -> (TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    for _ in 0..12 {
        append(&mut log, &[5000]);
    }
    let files = files(dir.path());
    assert_eq!(files.len(), 4);
    (dir, files)
}

#[test]
fn segments_follow_each_other() {
    let (dir, files) = rolled();
    assert_goes_on(dir.path(), &[5000; 12], "rolled");
    for file in files {
        assert!(fs::metadata(file).unwrap().len() == SEGMENT_BYTES);
    }
}

#[test]
fn a_missing_segment_is_named_by_its_neighbour_and_offset() {
    let (dir, files) = rolled();
    fs::remove_file(&files[1]).unwrap();
    let text = open(dir.path()).unwrap_err().to_string();
    assert!(text.contains(&*files[2].to_string_lossy()), "{text}");
    assert!(text.contains("from offset 3"), "{text}");
}

#[test]
fn an_older_segment_has_no_torn_end() {
    let (dir, files) = rolled();
    let mut bytes = fs::read(&files[1]).unwrap();
    let end = written(&bytes);
    bytes[end - 900..].fill(0);
    fs::write(&files[1], &bytes).unwrap();
    assert_corrupt(dir.path(), &files[1], 1..end, "torn");
}

#[test]
fn a_crash_while_a_segment_is_made_leaves_nothing_to_mend() {
    let (dir, files) = rolled();
    for len in [0, 1, 300] {
        let name = dir.path().join("00000000000000000012.segment");
        fs::write(&name, vec![0; len]).unwrap();
        assert_goes_on(dir.path(), &[5000; 12], &format!("{len} bytes"));
        fs::remove_file(&name).unwrap();
    }
    fs::write(dir.path().join("x.segment"), "").unwrap();
    let text = open(dir.path()).unwrap_err().to_string();
    assert!(text.contains("x.segment"), "{text}");
    assert_eq!(files.len(), 4);
}

#[test]
fn an_append_larger_than_a_segment_is_kept_until_it_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    let large = SEGMENT_BYTES as usize * 2;
    for _ in 0..3 {
        append(&mut log, &[large]);
    }
    log.trim(Offset(1)).unwrap();
    assert_eq!(sizes(&log), [large; 2]);
    drop(log);
    assert_goes_on(dir.path(), &[large, large], "trimmed");
}

/// On a full disk the reserve becomes the newest segment.
#[test]
fn a_small_change_in_the_reserve_is_torn_like_any_other() {
    let (dir, _, _) = synced_one_by_one(&[9000, 3000]);
    let mut log = open(dir.path()).unwrap();
    log.begin_reserve(io::Error::other("the disk is full"))
        .unwrap();
    drop(log);
    assert_goes_on(dir.path(), &[9000, 3000], "before it is written");

    let (dir, _, _) = synced_one_by_one(&[9000, 3000]);
    let mut log = open(dir.path()).unwrap();
    log.begin_reserve(io::Error::other("the disk is full"))
        .unwrap();
    let batch = batch(1000);
    let appended = log.append([&batch].into_iter(), Blocks::UseReserve);
    assert_eq!(appended.unwrap(), [Offset(2)]);
    log.sync().unwrap();
    drop(log);
    let file = dir.path().join("00000000000000000002.segment");
    let whole = fs::read(&file).unwrap();
    assert_eq!(whole.len() as u64, RESERVE_BYTES);
    for cut in (0..written(&whole)).step_by(5) {
        for len in [cut, whole.len()] {
            let mut torn = whole[..cut].to_vec();
            torn.resize(len, 0);
            fs::write(&file, &torn).unwrap();
            assert_goes_on(dir.path(), &[9000, 3000], &format!("cut at {cut} of {len}"));
        }
    }
    fs::write(&file, &whole).unwrap();
    assert_goes_on(dir.path(), &[9000, 3000, 1000], "whole");
}

/// A reserve that a crash left unfinished is made again.
#[test]
fn a_reserve_is_whole_or_made_again() {
    let (dir, _, _) = synced_one_by_one(&[100]);
    let reserve = dir.path().join("reserve");
    for len in [0, 10, RESERVE_BYTES] {
        // All of it is a hole.
        let file = fs::File::create(&reserve).unwrap();
        file.set_len(len).unwrap();
        drop(file);
        drop(open(dir.path()).unwrap());
        let found = reserve.metadata().unwrap();
        assert_eq!(found.len(), RESERVE_BYTES);
        assert!(found.blocks() * 512 >= RESERVE_BYTES, "{found:?}");
    }
}

#[test]
fn a_segment_that_can_not_be_removed_is_kept_and_removed_later() {
    let (dir, files) = rolled();
    let mut log = open(dir.path()).unwrap();
    // A directory in its place is no file to remove.
    let oldest = dir.path().join("00000000000000000000.segment");
    fs::remove_file(&oldest).unwrap();
    fs::create_dir(&oldest).unwrap();
    assert!(log.trim(Offset(6)).is_err());
    assert_eq!(log.start(), Offset(0));
    append(&mut log, &[100]);
    fs::remove_dir(&oldest).unwrap();
    log.trim(Offset(6)).unwrap();
    assert!(log.start() > Offset(0));
    assert_eq!(files.len(), 4);
}

#[test]
fn reading_goes_on_behind_a_segment_that_was_removed() {
    let (dir, _) = rolled();
    let mut log = open(dir.path()).unwrap();
    let mut cursor = log.cursor_at(Offset(0));
    for _ in 0..3 {
        log.read(&mut cursor).unwrap().unwrap();
    }
    log.trim(Offset(3)).unwrap();
    assert_eq!(log.start(), Offset(3));
    let (base, _) = log.read(&mut cursor).unwrap().unwrap();
    assert_eq!(base, Offset(3));
}

#[test]
fn a_commit_is_the_last_whole_one_that_was_written_even_if_it_is_lower() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("committed");
    let mut committed = Committed::open(&path).unwrap();
    assert_eq!(committed.offset(), None);
    for offset in [3, 9, 4] {
        committed.write(Offset(offset)).unwrap();
        let opened = Committed::open(&path).unwrap();
        assert_eq!(opened.offset(), Some(Offset(offset)));
    }
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        // The newest is in the first slot again.
        let expected = if at < whole.len() / 2 { 9 } else { 4 };
        let found = Committed::open(&path).unwrap().offset();
        assert_eq!(found, Some(Offset(expected)), "byte {at}");
    }
    for len in 0..whole.len() / 2 {
        fs::write(&path, &whole[..len]).unwrap();
        assert_eq!(Committed::open(&path).unwrap().offset(), None);
    }
    fs::write(&path, vec![0xA5; 300]).unwrap();
    assert_eq!(Committed::open(&path).unwrap().offset(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Writes of several batches, each synced but the last, in whose middle the power goes.
    #[test]
    fn a_crash_leaves_all_that_was_synced_and_a_whole_prefix_of_the_rest(
        writes in vec(vec(0_usize..3000, 1..5), 1..8),
        lost in any::<u64>(),
        cut in proptest::option::of(0_usize..12_000),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(dir.path()).unwrap();
        let (last, synced) = writes.split_last().unwrap();
        synced.iter().for_each(|write| append(&mut log, write));
        let before = files(dir.path());
        let newest = before.last().unwrap();
        let old = fs::read(newest).unwrap();
        append(&mut log, last);
        drop(log);
        let after = files(dir.path());
        let rolled = after.len() > before.len();
        let file = after.last().unwrap();
        let new = fs::read(file).unwrap();
        let old = if rolled { vec![0; new.len()] } else { old };
        let start = old.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let mut crashed = mix(&old, &new, |sector| lost >> (sector % 64) & 1 == 0);
        if let Some(cut) = cut {
            crashed.truncate(start + cut);
        }
        fs::write(file, crashed).unwrap();

        let log = open(dir.path()).unwrap();
        let found = sizes(&log);
        let all = writes.concat();
        prop_assert!(found.len() >= synced.concat().len());
        prop_assert_eq!(&found[..], &all[..found.len()]);
        drop(log);
        assert_goes_on(dir.path(), &found, "after the crash");
    }
}
