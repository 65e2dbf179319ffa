//! The frames, which are the same on both sides.
//!
//! All are one UDP frame of 64 bytes whose source port counts up, from 0 to 65535 and again. On the model's
//! side they stand in a capture in memory; on the kernel's side they are made of one frame by a program that
//! counts ([`crate::kernel`]), because a test run takes one frame and repeats it.

use xdpsim::capture::synth::Synth;
use xdpsim_benches::workload::KEY_BYTE;

/// Bytes of a frame.
pub const FRAME: usize = 64;
/// Frames of a poll.
pub const POLL: u32 = 64;
/// Frames from one with the number 0 to the next: what is counted in 16 bits.
pub const ROUND: u64 = 1 << 16;
/// Rounds of a capture, which is then 84 MB: more than caches hold, as a user's would be.
pub const CAPTURE_ROUNDS: u64 = 16;
/// Where in the frame the number is, in network order. Targets are chosen by its low byte.
pub const NUMBER_AT: usize = KEY_BYTE as usize - 1;

/// Before the first record.
const FILE_HEAD: usize = 24;
/// Before each frame.
const RECORD_HEAD: usize = 16;

/// The frame that all are made of; its number is 0.
pub fn template() -> [u8; FRAME] {
    let capture = Synth { frames: 1, ..Synth::default() }.to_vec();
    let mut frame = [0; FRAME];
    frame.copy_from_slice(&capture[FILE_HEAD + RECORD_HEAD..]);
    number(&mut frame, 0);
    frame
}

/// A capture of so many rounds.
pub fn capture(rounds: u64) -> Vec<u8> {
    let template = template();
    let mut bytes = Synth { frames: rounds * ROUND, ..Synth::default() }.to_vec();
    for (no, record) in bytes[FILE_HEAD..].chunks_exact_mut(RECORD_HEAD + FRAME).enumerate() {
        let frame = &mut record[RECORD_HEAD..];
        frame.copy_from_slice(&template);
        number(frame, no as u16);
    }
    bytes
}

fn number(frame: &mut [u8], number: u16) {
    frame[NUMBER_AT..NUMBER_AT + 2].copy_from_slice(&number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_up_round_after_round() {
        let bytes = capture(2);
        let records = bytes[FILE_HEAD..].chunks_exact(RECORD_HEAD + FRAME);
        assert_eq!(records.len() as u64, 2 * ROUND);
        for (no, record) in records.enumerate() {
            let mut expected = template();
            number(&mut expected, (no % 65_536) as u16);
            assert_eq!(record[RECORD_HEAD..], expected);
        }
    }
}
